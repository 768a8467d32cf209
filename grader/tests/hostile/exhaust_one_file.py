"""exhausting: one large file"""

import os


def answer(x):
    try:
        with open(os.environ["TMPDIR"] + "/big", "wb") as file:
            for _ in range(20):
                file.write(bytes(10 << 20))
    except OSError:
        return x
    return x.cumsum(0)
