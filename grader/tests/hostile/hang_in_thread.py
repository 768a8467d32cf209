"""hanging: a thread that is not a daemon and never ends, which an orderly exit would wait for"""

import threading, time


def answer(x):
    threading.Thread(target=time.sleep, args=(3600,)).start()
    return x
