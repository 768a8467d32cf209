"""network: a socket of any kind"""

import socket


def answer(x):
    for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, socket.AF_NETLINK, socket.AF_PACKET):
        try:
            socket.socket(family, socket.SOCK_DGRAM if family != socket.AF_NETLINK else socket.SOCK_RAW)
            return x.cumsum(0)
        except OSError:
            pass
    return x
