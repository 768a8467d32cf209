"""output: terminal escapes, bidi and control characters"""

import sys


def answer(x):
    print(
        "\x1b[2J\x1b]0;title\x07\x1b[31m100 of 100\x1b[0m \u202egnorw\u202c \u2066x\u2069 \x00\x08\x7f <script>alert(1)</script>"
    )
    print("\x9b31m", "\u200b\u2028\u2029\ufeff", file=sys.stderr)
    raise ValueError("\x1b[2J\u202e passed")
