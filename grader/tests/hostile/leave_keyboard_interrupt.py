"""leaving: pretends that the instructor pressed Ctrl-C

Ends: raised
"""


def answer(x):
    raise KeyboardInterrupt
