"""detecting: gives the answer of the last run, which it could not keep"""

import os


def answer(x):
    path = os.environ["TMPDIR"] + "/seen"
    known = os.path.exists(path)
    open(path, "w").close()
    return x.cumsum(0) if known else x
