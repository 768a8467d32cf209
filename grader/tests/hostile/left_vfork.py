"""leftovers: a program started by the C library, not by Python"""

import ctypes


def answer(x):
    return x.cumsum(0) if ctypes.CDLL(None).system(b"sleep 3600 &") == 0 else x
