"""forging: evidence nested without end

Ends: bad evidence | raised
"""


def answer(x):
    deep = []
    for _ in range(100_000):
        deep = [deep]
    return deep
