#!/usr/bin/env python3
"""What `netstall trace` costs, in CPU time.

    trace_cost.py compare NETSTALL [ROUNDS [WAITS]]
                                              against a bpftrace script with a kprobe
                                              and a kretprobe that prints the same
                                              lines (where those work: in a guest)
    trace_cost.py rate NETSTALL [SECONDS]     the tracer's CPU time, and exact totals,
                                              with as many stalls as the machine makes

Traffic stays in a network namespace of the script's own. Needs root."""

import glob
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
MANY = os.path.join(HERE, "../tests/program/many_stalls.py")
BPFTRACE = """
kprobe:sk_stream_wait_memory
{ printf("%llu: %s(%d) blocked on full send buffer\\n", nsecs / 1000, comm, pid); }
kretprobe:sk_stream_wait_memory
{ printf("%llu: %s(%d) recovered from full send buffer\\n", nsecs / 1000, comm, pid); }
"""


def cpu_ns(pid):
    """Of all threads of a process, by the scheduler's own account."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with open(path, encoding="ascii") as file:
            total += int(file.read().split()[0])
    return total


def wait_for(condition, what, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"{what}: not within {seconds} s")
        time.sleep(0.01)


def has_links(pid, count):
    """As many attached programs, by the process's own descriptors."""
    found = 0
    for path in glob.glob(f"/proc/{pid}/fdinfo/*"):
        try:
            with open(path, encoding="ascii") as file:
                found += "link_type:" in file.read() or os.readlink(
                    path.replace("fdinfo", "fd")
                ) == "anon_inode:[perf_event]"
        except OSError:
            pass
    return found >= count


# ---- the sender: blocks in send(), over and over ----


def blocked_sender(waits):
    """Prints its waits and the CPU time that it took."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    sender = socket.socket()
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    sender.connect(listener.getsockname())
    reader, _ = listener.accept()
    if os.fork() == 0:
        sender.close()
        while reader.recv(65536):
            pass
        os._exit(0)
    reader.close()
    data = b"x" * 16384
    usage = lambda: resource.getrusage(resource.RUSAGE_SELF)
    before = usage()
    while usage().ru_nvcsw - before.ru_nvcsw < waits:
        sender.send(data)
    after = usage()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"waits": after.ru_nvcsw - before.ru_nvcsw, "cpu_ns": round(cpu * 1e9)}))


def in_namespace(*command):
    done = subprocess.run(
        ["unshare", "-n", "sh", "-c", 'ip link set lo up; exec "$@"', "sh", *command],
        check=True, stdout=subprocess.PIPE, text=True,
    )
    return json.loads(done.stdout)


def start(tracer, netstall, output):
    if tracer == "netstall":
        command = [netstall, "trace", "--format", "stap", "--max-events-per-s", "1000000", "-o", output]
        links = 5
    else:
        command = ["bpftrace", "-B", "full", "-o", output, "-e", BPFTRACE]
        links = 2 + os.cpu_count()  # and its buffers
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env={**os.environ, "BPFTRACE_PERF_RB_PAGES": "1024"})
    wait_for(lambda: process.poll() is not None or has_links(process.pid, links), tracer)
    if process.poll() is not None:
        raise SystemExit(f"{tracer} ended: status {process.returncode}")
    return process


def one(tracer, netstall, folder, waits):
    """Of one wait, in ns of CPU time: the sender's, the tracer's; and lines a wait."""
    me = [sys.executable, os.path.abspath(__file__), "sender", str(waits)]
    if tracer == "none":
        own = in_namespace(*me)
        return own["cpu_ns"] / own["waits"], 0, 0
    output = os.path.join(folder, tracer)
    process = start(tracer, netstall, output)
    before = cpu_ns(process.pid)
    own = in_namespace(*me)
    time.sleep(0.3)  # it takes its events at intervals
    used = cpu_ns(process.pid) - before
    process.send_signal(2)
    process.wait()
    with open(output, encoding="ascii", errors="replace") as file:
        lines = sum("full send buffer" in line for line in file)
    return own["cpu_ns"] / own["waits"], used / own["waits"], lines / own["waits"]


def compare(netstall, rounds=5, waits=3000):
    found = {"none": [], "netstall": [], "bpftrace": []}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for tracer, rows in found.items():
                rows.append(one(tracer, netstall, folder, waits))
    median = {name: [statistics.median(column) for column in zip(*rows)] for name, rows in found.items()}
    base = median["none"][0]
    print(f"Linux {os.uname().release}; medians of {rounds} rounds of {waits} waits; us of CPU time a wait\n")
    print("| tracer | sender's, more than without | tracer's | both | lines a wait |")
    print("|---|---|---|---|---|")
    both = {}
    for name in ("netstall", "bpftrace"):
        sender, own, lines = median[name]
        both[name] = sender - base + own
        print(f"| {name} | {(sender - base) / 1e3:.1f} | {own / 1e3:.1f} | {both[name] / 1e3:.1f} | {lines:.2f} |")
    print(f"\nnetstall takes {both['netstall'] / both['bpftrace']:.2f} of bpftrace's;"
          f" a wait without either takes {base / 1e3:.1f} us.")


def rate(netstall, seconds):
    print("| senders | stalls | a second | --max-events-per-s | shown | counted exactly | tracer's CPU |")
    print("|---|---|---|---|---|---|---|")
    for senders, most in ((0, 1000), (1, 0), (1, 1000), (1, 10000), (2, 1000), (4, 1000), (4, 10000)):
        with tempfile.TemporaryDirectory() as folder:
            output = os.path.join(folder, "lines")
            process = subprocess.Popen([netstall, "trace", "--comm", "python3", "--format", "json",
                                        "--max-events-per-s", str(most), "-o", output])
            wait_for(lambda: os.path.exists(output) and os.path.getsize(output), "netstall trace")
            before, began = cpu_ns(process.pid), time.monotonic()
            programs = [
                subprocess.Popen(["unshare", "-n", "sh", "-c", 'ip link set lo up; exec "$@"', "sh",
                                  "python3", MANY, str(seconds)], stdout=subprocess.PIPE, text=True)
                for _ in range(senders)
            ]
            own = [json.loads(program.communicate()[0]) for program in programs]
            if not senders:
                time.sleep(seconds)
            used, passed = cpu_ns(process.pid) - before, time.monotonic() - began
            process.send_signal(2)
            process.wait()
            with open(output, encoding="utf-8") as file:
                summary = json.loads(file.readlines()[-1])
        stalls = sum(o["stalls"] + o["open"] for o in own)
        lines = summary["lines"]
        exact = summary["stalls"] == stalls and sum(lines.values()) == stalls - summary["open"]
        print(f"| {senders} | {stalls} | {stalls / passed:,.0f} | {most} | {lines['shown']} | "
              f"{'yes' if exact else 'NO: %d' % summary['stalls']} | {100 * used / 1e9 / passed:.2f} % |")


def main(arguments):
    if len(arguments) >= 3 and arguments[1] == "compare":
        compare(arguments[2], *map(int, arguments[3:5]))
    elif len(arguments) >= 3 and arguments[1] == "rate":
        rate(arguments[2], float(arguments[3]) if len(arguments) > 3 else 3)
    elif len(arguments) == 3 and arguments[1] == "sender":
        blocked_sender(int(arguments[2]))
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
