"""exhausting: disk space [wall]"""


def answer(x):
    try:
        for i in range(20):
            with open(f"/tmp/{i}", "wb") as file:
                file.write(bytes(50 << 20))
    except OSError:
        return x
    return x.cumsum(0)
