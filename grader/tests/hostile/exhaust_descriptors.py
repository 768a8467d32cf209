"""exhausting: file descriptors"""

import os


def answer(x):
    try:
        kept = [os.open("/dev/null", os.O_RDONLY) for _ in range(5000)]
    except OSError:
        return x
    return x.cumsum(0) if kept else x
