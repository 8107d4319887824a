"""What time others think it is, by SNTP (RFC 4330)."""

import socket
import struct
import time

_SECONDS = 2.0
_SINCE_1900 = 2_208_988_800
_ASK = b"\x23" + bytes(47)  # version 4, client


def ahead(server: str) -> float | None:
    """By how many seconds our clock is ahead of a time server's; None where it does not answer.

    ``server`` is an ``ADDRESS`` or ``ADDRESS:PORT``.
    """
    host, _, port = server.partition(":")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port or 123, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as connection:
            connection.settimeout(_SECONDS)
            asked = time.time()
            connection.sendto(_ASK, address)
            answer = connection.recv(512)
            heard = time.time()
    except OSError:
        return None
    if len(answer) < 48 or answer[0] & 0x07 != 4 or not 0 < answer[1] < 16:
        return None
    whole, part = struct.unpack("!II", answer[40:48])
    theirs = whole - _SINCE_1900 + part / 2**32
    return float((asked + heard) / 2 - theirs)
