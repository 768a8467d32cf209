"""lying: a list that changes while it is read, and lies about its class

Ends: bad evidence | timed out | out of memory
"""


class List(list):
    @property
    def __class__(self):
        return dict

    def __iter__(self):
        while True:
            yield "x"


def answer(x):
    return List([1])
