"""hanging: in native code that holds the interpreter's lock

Ends: timed out
"""

import re


def answer(x):
    return re.match(r"(a+)+$", "a" * 60 + "b")
