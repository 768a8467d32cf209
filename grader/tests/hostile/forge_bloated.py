"""forging: evidence without end

Ends: bad evidence | timed out
"""

import os


def answer(x):
    block = bytes(1 << 20)
    while True:
        for fd in range(3, 20):
            try:
                os.write(fd, block)
            except OSError:
                pass
