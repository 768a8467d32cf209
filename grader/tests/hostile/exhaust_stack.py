"""exhausting: the stack, by recursion without a limit

Ends: crashed
"""

import sys

sys.setrecursionlimit(10**8)


def answer(x):
    f = lambda g: sorted([1, 2], key=lambda _: g(g))
    return f(f)
