"""leaving: crashes the interpreter in native code

Ends: crashed
"""

import ctypes


def answer(x):
    ctypes.string_at(0)
