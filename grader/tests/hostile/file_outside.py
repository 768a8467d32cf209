"""leftovers: writes where the grader works"""


def answer(x):
    for path in ("@MARK@", "@ROOT@/grader/pwned", "/usr/pwned", "/trusted/grader/evidence.py", "/submission/pwned"):
        try:
            open(path, "a").close()
            return x.cumsum(0)
        except OSError:
            pass
    return x
