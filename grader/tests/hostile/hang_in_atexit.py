"""hanging: in an exit handler"""

import atexit, time


def answer(x):
    atexit.register(time.sleep, 3600)
    return x
