"""forging: an error report full of the wrong types

Ends: bad evidence
"""

import os
from grader import evidence


def answer(x):
    frame = evidence.encode({"error": {"type": 7, "message": ["x"], "frames": "abc"}})
    for fd in range(3, 20):
        try:
            os.write(fd, frame)
        except OSError:
            pass
    os._exit(0)
