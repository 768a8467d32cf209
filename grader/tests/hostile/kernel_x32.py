"""kernel: system calls under their x32 numbers"""

import ctypes, os, platform


def answer(x):
    if platform.machine() != "x86_64":
        return x
    pid = ctypes.CDLL(None).syscall(0x40000000 + 57)
    if pid == 0:
        os._exit(0)
    return x if pid < 0 else x.cumsum(0)
