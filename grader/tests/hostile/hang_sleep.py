"""hanging: sleeps, and uses no CPU time that a limit would see

Ends: timed out
"""

import time


def answer(x):
    time.sleep(3600)
