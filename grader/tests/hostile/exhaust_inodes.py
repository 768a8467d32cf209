"""exhausting: many files in a deep tree with a closed door

Ends: ok | timed out
"""

import os


def answer(x):
    try:
        os.chdir(os.environ["TMPDIR"])
        for i in range(1050):
            os.mkdir("d")
            os.chdir("d")
        for i in range(500):
            open(str(i), "w").close()
        os.chmod(".", 0)
    except OSError:
        pass
    return x
