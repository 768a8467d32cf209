"""hanging: in a destructor, when the interpreter should go"""

import builtins, time


class Sticky:
    def __del__(self):
        time.sleep(3600)


def answer(x):
    builtins.kept = Sticky()
    return x
