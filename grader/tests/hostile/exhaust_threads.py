"""exhausting: threads with small stacks"""

import threading, time


def answer(x):
    threading.stack_size(64 << 10)
    try:
        for _ in range(3000):
            threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        time.sleep(1)
    except RuntimeError:
        return x
    return x.cumsum(0)
