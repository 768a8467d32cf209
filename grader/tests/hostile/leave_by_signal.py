"""leaving: kills itself

Ends: crashed
"""

import os, signal


def answer(x):
    os.kill(os.getpid(), signal.SIGKILL)
