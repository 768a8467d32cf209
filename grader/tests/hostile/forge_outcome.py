"""forging: an answer with a verdict and points in it

Ends: bad evidence
"""

import os
from grader import evidence


def answer(x):
    frame = evidence.encode({"value": x, "points": 100, "outcome": "passed"})
    for fd in range(3, 20):
        try:
            os.write(fd, frame)
        except OSError:
            pass
    os._exit(0)
