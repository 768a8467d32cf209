"""hanging: an error whose text never ends

Ends: timed out
"""


class Endless(Exception):
    def __str__(self):
        while True:
            pass


def answer(x):
    raise Endless
