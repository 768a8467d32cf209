"""exhausting: processes, by fork"""

import os


def answer(x):
    try:
        for _ in range(50):
            if os.fork() == 0:
                os._exit(0)
    except OSError:
        return x
    return x.cumsum(0)
