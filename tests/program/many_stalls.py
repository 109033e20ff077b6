"""A non-blocking sender that stalls as often as it can, and counts its stalls.

    many_stalls.py SECONDS

A stall is from a send() that took less than it was given to the next that takes a
byte. Prints {"stalls", "time_ns", "open"} as JSON."""

import json
import socket
import sys
import time


def connection():
    """Both ends, with buffers as small as they go."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        sender = socket.socket()
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4608)
        sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sender.connect(listener.getsockname())
        reader, _ = listener.accept()
    sender.setblocking(False)
    reader.setblocking(False)
    return sender, reader


def drain(reader):
    try:
        while reader.recv(65536):
            pass
    except BlockingIOError:
        pass


def main():
    sender, reader = connection()
    data = b"x" * 65536
    clock = time.monotonic_ns
    end = clock() + int(float(sys.argv[1]) * 1e9)
    stalls = time_ns = 0
    since = None
    while clock() < end:
        try:
            sent = sender.send(data)
            now = clock()
            if since is not None:
                stalls += 1
                time_ns += now - since
            since = now if sent < len(data) else None
        except BlockingIOError:
            if since is None:
                since = clock()
        drain(reader)
    print(json.dumps({"stalls": stalls, "time_ns": time_ns, "open": since is not None}))


if __name__ == "__main__":
    main()
