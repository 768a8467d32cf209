"""exhausting: prints without end

Ends: crashed | timed out
"""


def answer(x):
    while True:
        print("x" * 10000)
