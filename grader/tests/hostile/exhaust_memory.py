"""exhausting: memory, touched

Ends: out of memory
"""


def answer(x):
    kept = [bytearray(64 << 20) for _ in range(12)]
    return x.cumsum(0) if kept else x
