"""leftovers: a process in a session of its own that outlives the probe"""

import os, time


def answer(x):
    try:
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(3600)
            os._exit(0)
    except OSError:
        return x
    return x.cumsum(0)
