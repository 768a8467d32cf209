"""forging: half a frame, then the end

Ends: bad evidence
"""

import os
from grader import evidence


def answer(x):
    frame = evidence.encode({"value": x.cumsum(0)})
    for fd in range(3, 20):
        try:
            os.write(fd, frame[: len(frame) // 2])
        except OSError:
            pass
    os._exit(0)
