#!/usr/bin/env python3
"""The sizes of scripts/c1m.sh, and what they come to."""

import argparse
import os
import pathlib
import platform
import re
import subprocess
import sys

sys.dont_write_bytecode = True
from stage import Failed, Stage, median, write_figures  # noqa: E402

SCENARIO = "scenarios/c1m-idle.json"


def established(text):
    """Of `ss -s`."""
    return int(re.search(r"^TCP:.*\bestab (\d+)", text, re.MULTILINE)[1])


def slab():
    """Bytes of kernel objects, sockets among them; little else moves them, unlike free memory."""
    text = pathlib.Path("/proc/meminfo").read_text(encoding="ascii")
    return int(re.search(r"^Slab: *(\d+) kB", text, re.MULTILINE)[1]) * 1024


def hold(stage, connections, patience):
    """netstall's workers, whose connections are counted while they stand."""
    before = slab()
    stage.ask(f"hold {SCENARIO} /flows/0/connections={connections} /timing/ramp=0s /timing/warmup=100ms "
              "/timing/measure=1s", patience)
    taken = slab() - before
    counts = {side: established(subprocess.run(stage.command(side, ["ss", "-s"]), check=True, capture_output=True,
                                               text=True).stdout) for side in ("client", "server")}
    figures = stage.ask("go", patience)
    for side, count in counts.items():
        if count != connections:
            raise Failed(f"ss counts {count} established connections in the {side}'s namespace, not {connections}")
    return figures, counts, taken


def measure(stage, connections, rounds):
    """One size. Who connects first pays for the kernel's new slabs: that round tells of memory alone."""
    patience = 120 + connections // 2000
    figures, counts, taken = hold(stage, connections, patience)
    ours = []
    bare = []
    for number in range(rounds):
        turns = [lambda: bare.append(stage.ask(f"connect {connections}", patience)["connecting_ns"] / 1e9),
                 lambda: ours.append(hold(stage, connections, patience)[0]["connecting_ns"] / 1e9)]
        for turn in turns if number % 2 == 0 else reversed(turns):
            turn()
    return {
        "connections": connections,
        "established_by_ss": counts,
        "bare_connect_s": bare,
        "netstall_connect_s": ours,
        "connect_ratio": median([one / other for one, other in zip(ours, bare)]),
        "workers": figures["workers"],
        # Beyond what the same workers had before they connected.
        "user_bytes_per_end": (figures["memory_connected_bytes"] - figures["memory_before_bytes"]) / 2 / connections,
        "workers_bytes": figures["memory_connected_bytes"],  # all they have
        "slab_bytes_per_connection": taken / connections,
    }


def targets_of(rows):
    targets = []
    for row in rows:
        targets.append({"target": f"{row['connections']} connections: connect time, of bare loops",
                        "value": row["connect_ratio"], "at_most": 1.25})
        targets.append({"target": f"{row['connections']} connections: bytes of user memory an end",
                        "value": row["user_bytes_per_end"], "at_most": 512})
    for target in targets:
        target["met"] = target["value"] <= target["at_most"]
    return targets


def table_of(rows, targets):
    lines = ["| connections | ss -s, client and server | bare loops | netstall | ratio | workers "
             "| user memory an end | workers' memory | kernel objects, a connection |",
             "|---|---|---|---|---|---|---|---|---|"]
    for row in rows:
        counts = row["established_by_ss"]
        lines.append(f"| {row['connections']} | {counts['client']}, {counts['server']} "
                     f"| {median(row['bare_connect_s']):.2f} s "
                     f"| {median(row['netstall_connect_s']):.2f} s "
                     f"| {row['connect_ratio']:.2f} | {row['workers']} | {row['user_bytes_per_end']:.0f} B "
                     f"| {row['workers_bytes'] / 1e6:.1f} MB | {row['slab_bytes_per_connection']:.0f} B |")
    lines += ["", "| target | value | at most | |", "|---|---|---|---|"]
    lines += [f"| {target['target']} | {target['value']:.2f} | {target['at_most']} | "
              f"{'met' if target['met'] else 'missed'} |" for target in targets]
    return "\n".join(lines)


def sizes_of(text):
    sizes = [int(size) for size in text.split(",")]
    if min(sizes) < 1:
        raise ValueError
    return sizes


def number_of_rounds(text):
    rounds = int(text)
    if rounds < 1:
        raise ValueError
    return rounds


def main():
    parser = argparse.ArgumentParser(prog="c1m.sh")
    parser.add_argument("--connections", type=sizes_of, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--rounds", type=number_of_rounds, default=5)
    parser.add_argument("--out", default="results/c1m.json")
    options = parser.parse_args()
    program = os.environ.get("NETSTALL_STAGE", "build/release/bench/benchmarks/netstall-stage")
    if not os.access(program, os.X_OK):
        print(f"c1m.sh: {program} is not built; NETSTALL_STAGE can name another", file=sys.stderr)
        return 4
    load = [os.getloadavg()[0]]
    rows = []
    try:
        # A lab each: what one size leaves to the kernel is not the next one's.
        for connections in options.connections:
            print(f"{connections} connections", file=sys.stderr)
            with Stage(program) as stage:
                rows.append(measure(stage, connections, options.rounds))
    except (Failed, subprocess.SubprocessError) as error:
        print(f"c1m.sh: {error}", file=sys.stderr)
        return 5
    load.append(os.getloadavg()[0])
    targets = targets_of(rows)
    document = {"kernel": platform.release(), "cpus": len(os.sched_getaffinity(0)),
                "load_average_before_and_after": load, "rounds": options.rounds, "rows": rows, "targets": targets}
    write_figures(options.out, document)
    print(table_of(rows, targets))
    return 0


if __name__ == "__main__":
    sys.exit(main())
