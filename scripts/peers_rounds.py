#!/usr/bin/env python3
"""The rounds of scripts/peers.sh, and what they come to. Rates are of the reader's end where
a program tells it, latencies are round trips."""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from stage import Failed, Stage, median, write_figures  # noqa: E402

WRITE_BYTES = 16384
MESSAGE_BYTES = 64
STREAMS = (1, 16)
# Of all of them: every kernel has it, and it paces nobody, as BBR does where that is the default.
CONGESTION_CONTROL = "reno"
RATE = 2000  # messages a second, where latencies at one rate are compared
WARMUP_S = 1


# --- what each program is asked, and how its answer is read


def iperf3(stage, streams, seconds):
    client = ["iperf3", "-c", stage.address("server"), "-p", "5201", "-l", str(WRITE_BYTES), "-P", str(streams),
              "-t", str(seconds), "-O", str(WARMUP_S), "-J"]
    return iperf3_rate(stage.with_server(["iperf3", "-s", "-1", "-p", "5201"], 5201, client, seconds + 30))


def iperf3_rate(text):
    return json.loads(text)["end"]["sum_received"]["bits_per_second"] / 8


def iperf(stage, streams, seconds):
    client = ["iperf", "-c", stage.address("server"), "-p", "5202", "-l", str(WRITE_BYTES), "-P", str(streams),
              "-t", str(seconds), "-y", "C"]
    return iperf_rate(stage.with_server(["iperf", "-s", "-p", "5202", "-l", "65536"], 5202, client, seconds + 30))


def iperf_rate(text):
    """A line for each stream; whether one of their sum follows, numbered -1, depends on iperf's version."""
    lines = [line.split(",") for line in text.strip().splitlines()]
    return sum(float(fields[8]) for fields in lines if fields[5] != "-1") / 8


def nuttcp(stage, streams, seconds):
    client = ["nuttcp", "-t", f"-l{WRITE_BYTES}", f"-T{seconds}", "-P5203", "-p5300", "-fparse",
              *([f"-N{streams}"] if streams > 1 else []), stage.address("server")]
    server = ["nuttcp", "-S", "--nofork", "-P5203"]
    attempts = 3
    while True:
        attempts -= 1
        try:
            return nuttcp_rate(stage.with_server(server, 5203, client, seconds + 30))
        except Failed as error:
            # Its client now and then comes before its server has opened the ports of the data.
            if attempts == 0 or "Connection refused" not in str(error):
                raise


def nuttcp_rate(text):
    return float(re.search(r"rate_Mbps=([0-9.]+)", text)[1]) * 1e6 / 8


def sockperf(stage, work, seconds):
    mode = (["under-load", "--mps", str(RATE), "--reply-every", "1"] if work == "latency at one rate"
            else ["ping-pong"])
    address = stage.address("server")
    client = ["sockperf", *mode, "--tcp", "-i", address, "-p", "5204", "-t", str(seconds), "-m", str(MESSAGE_BYTES),
              "--full-rtt"]
    return sockperf_latency(
        stage.with_server(["sockperf", "server", "--tcp", "-i", address, "-p", "5204"], 5204, client, seconds + 30))


def sockperf_latency(text):
    """p50 and p99 in ns."""
    return {f"p{digits}": float(re.search(rf"percentile {digits}\.000 = *([0-9.]+)", text)[1]) * 1e3
            for digits in (50, 99)}


def netstall(stage, seconds, flow):
    scenario = {"schema": 1, "name": "peers", "why": "How does netstall compare with others?",
                "flows": [{"name": "flow", **flow}],
                "timing": {"ramp": "0s", "warmup": f"{WARMUP_S}s", "measure": f"{seconds}s", "repetitions": 1}}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(scenario, file)
        file.flush()
        return stage.ask(f"run {file.name}", seconds + 60)["flows"][0]


def netstall_stream(stage, io, readers, streams, seconds):
    return netstall(stage, seconds, {"connections": streams, "io": io, "reader": {"io": readers},
                                     "payload": {"fixed": WRITE_BYTES}})["goodput_bytes_per_s"]


def netstall_latency(stage, work, spin, seconds):
    flow = {"connections": 1, "pattern": "request-response", "payload": {"fixed": MESSAGE_BYTES},
            "response": {"fixed": MESSAGE_BYTES}, "socket": {"nodelay": True}}
    if work == "latency at one rate":
        flow["pace"] = {"rate": f"{RATE}/s", **({"spin": "100us"} if spin else {})}
    latency = netstall(stage, seconds, flow)["acked_latency_ns"]
    if latency["p99"] is None:
        raise Failed(f"netstall: {latency['count']} messages are too few to tell a p99; ask for more --seconds")
    return {name: latency[name] for name in ("p50", "p99")}


# --- rounds


def contests(tools):
    """(work, program, how to run it) in the order of the table."""
    found = []
    for streams in STREAMS:
        work = f"{streams} stream{'s' if streams > 1 else ''}"
        for name, io, readers in (("blocking", "blocking", "epoll"), ("blocking at both ends", "blocking", "blocking"),
                                  ("nonblocking", "nonblocking", "epoll")):
            found.append((work, f"netstall {name}",
                          lambda s, t, io=io, readers=readers, n=streams: netstall_stream(s, io, readers, n, t)))
        for name, run in (("iperf3", iperf3), ("iperf", iperf), ("nuttcp", nuttcp)):
            if name in tools:
                found.append((work, name, lambda s, t, run=run, n=streams: run(s, n, t)))
    if "sockperf" in tools:
        for work in ("latency of ping-pong", "latency at one rate"):
            found.append((work, "netstall", lambda s, t, w=work: netstall_latency(s, w, False, t)))
            if work == "latency at one rate":
                # sockperf's sender never sleeps between two messages; this one is awake before each.
                found.append((work, "netstall spinning", lambda s, t, w=work: netstall_latency(s, w, True, t)))
            found.append((work, "sockperf", lambda s, t, w=work: sockperf(s, w, t)))
    return found


def run_rounds(stage, tools, rounds, seconds):
    """Rows of the table; values as they came, one a round."""
    wanted = contests(tools)
    values = {(work, program): [] for work, program, _ in wanted}
    for number in range(rounds):
        # Neighbours are of one work; who begins changes.
        order = wanted if number % 2 == 0 else wanted[::-1]
        for work, program, run in order:
            print(f"round {number + 1} of {rounds}: {work}: {program}", file=sys.stderr)
            values[work, program].append(run(stage, seconds))
    rows = []
    for (work, program), found in values.items():
        if isinstance(found[0], dict):
            rows += [{"work": f"{work}, {name}", "program": program, "unit": "ns",
                      "values": [value[name] for value in found],
                      "median": median([value[name] for value in found])} for name in found[0]]
        else:
            rows.append({"work": work, "program": program, "unit": "bytes/s", "values": found,
                         "median": median(found)})
    return rows


def targets_of(rows):
    """What netstall should reach; of streams by its better I/O. A peer that did not run sets none."""
    found = {}
    for row in rows:
        found.setdefault(row["work"], {})[row["program"]] = row["median"]

    def ours(work):
        return max(value for program, value in found[work].items() if program.startswith("netstall"))

    targets = []
    best = [found["1 stream"][name] for name in ("iperf3", "iperf") if name in found["1 stream"]]
    if best:
        targets.append({"target": "1 stream, of the best of iperf3 and iperf", "ratio": ours("1 stream") / max(best),
                        "at_least": 0.98})
    if "iperf3" in found["16 streams"]:
        targets.append({"target": "16 streams, of iperf3",
                        "ratio": ours("16 streams") / found["16 streams"]["iperf3"], "at_least": 1.6})
    for work, programs in found.items():
        if "sockperf" in programs:
            ours_ns = programs.get("netstall spinning", programs["netstall"])
            targets.append({"target": f"{work}, of sockperf", "ratio": ours_ns / programs["sockperf"],
                            "at_most": 1.0})
    for target in targets:
        target["met"] = target.get("at_least", 0) <= target["ratio"] <= target.get("at_most", float("inf"))
    return targets


def table_of(rows, targets):
    lines = ["| work | program | median | lowest | highest |", "|---|---|---|---|---|"]
    for row in rows:
        scale, unit = (1e3, "us") if row["unit"] == "ns" else (1e6, "MB/s")
        figures = [f"{value / scale:.1f} {unit}"
                   for value in (row["median"], min(row["values"]), max(row["values"]))]
        lines.append(f"| {row['work']} | {row['program']} | {' | '.join(figures)} |")
    lines += ["", "| target | ratio | bound | |", "|---|---|---|---|"]
    for target in targets:
        bound = f"at least {target['at_least']}" if "at_least" in target else f"at most {target['at_most']}"
        lines.append(f"| {target['target']} | {target['ratio']:.3f} | {bound} | "
                     f"{'met' if target['met'] else 'missed'} |")
    return "\n".join(lines)


def version_of(tool):
    """The first line in which a program tells its version."""
    done = subprocess.run([tool, "-V" if tool == "nuttcp" else "--version"], capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).strip().splitlines()
    return next((line for line in lines if re.search(r"\d+\.\d+", line)), "unknown").strip()


def main():
    parser = argparse.ArgumentParser(prog="peers.sh")
    parser.add_argument("--tools", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--out", default="results/peers.json")
    options = parser.parse_args()
    if options.rounds < 1 or options.seconds < 1:
        parser.error("--rounds and --seconds are at least 1")
    program = os.environ.get("NETSTALL_STAGE", "build/release/bench/benchmarks/netstall-stage")
    if not os.access(program, os.X_OK):
        print(f"peers.sh: {program} is not built; NETSTALL_STAGE can name another", file=sys.stderr)
        return 4
    tools = options.tools.split(",")
    load = [os.getloadavg()[0]]
    try:
        with Stage(program, [f"net.ipv4.tcp_congestion_control={CONGESTION_CONTROL}"]) as stage:
            rows = run_rounds(stage, tools, options.rounds, options.seconds)
    except (Failed, subprocess.TimeoutExpired) as error:
        print(f"peers.sh: {error}", file=sys.stderr)
        return 5
    load.append(os.getloadavg()[0])
    targets = targets_of(rows)
    document = {"rounds": options.rounds, "window_s": options.seconds, "write_bytes": WRITE_BYTES,
                "message_bytes": MESSAGE_BYTES, "messages_per_s": RATE, "congestion_control": CONGESTION_CONTROL,
                "kernel": platform.release(),
                "cpus": len(os.sched_getaffinity(0)), "load_average_before_and_after": load,
                "versions": {tool: version_of(tool) for tool in tools}, "rows": rows, "targets": targets}
    write_figures(options.out, document)
    print(table_of(rows, targets))
    return 0


if __name__ == "__main__":
    sys.exit(main())
