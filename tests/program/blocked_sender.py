"""A blocking sender with a slow reader, that measures its own send() calls.

    blocked_sender.py MESSAGES

The reader is another process, so that the sender sleeps in send() alone: its
voluntary context switches are its waits. Prints as JSON: stalls, waits, time_ns
(off the CPU within those sends), queued_ns (of it, ready to run), port."""

import json
import os
import resource
import socket
import sys
import time


def queued_ns(file):
    file.seek(0)
    return int(file.read().split()[1])


def slow_reader(reader):
    while reader.recv(32768):
        time.sleep(0.01)
    os._exit(0)


def main():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    sender = socket.socket()
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
    sender.connect(listener.getsockname())
    port = listener.getsockname()[1]
    reader, _ = listener.accept()
    if os.fork() == 0:
        sender.close()
        slow_reader(reader)
    reader.close()
    data = b"x" * 32768
    own = {"stalls": 0, "waits": 0, "time_ns": 0, "queued_ns": 0, "port": port}
    with open("/proc/thread-self/schedstat", encoding="ascii") as schedstat:
        for _ in range(int(sys.argv[1])):
            queued = queued_ns(schedstat)
            slept = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
            cpu = time.thread_time_ns()
            began = time.monotonic_ns()
            sender.send(data)
            wall = time.monotonic_ns() - began
            cpu = time.thread_time_ns() - cpu
            slept = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw - slept
            if slept:
                own["stalls"] += 1
                own["waits"] += slept
                own["time_ns"] += wall - cpu
                own["queued_ns"] += queued_ns(schedstat) - queued
    print(json.dumps(own), flush=True)


if __name__ == "__main__":
    main()
