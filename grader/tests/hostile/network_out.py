"""network: a connection to the outside"""

import socket


def answer(x):
    try:
        socket.create_connection(("1.1.1.1", 53), timeout=1)
        return x.cumsum(0)
    except OSError:
        return x
