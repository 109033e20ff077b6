#!/usr/bin/env python3
"""Writes docs/confusion.md from the cells of bpf/confusion_kernel_test.cpp (stdin, one a line)."""
import collections
import sys

TOLD = ("sndbuf_full/peer_window", "sndbuf_full/network", "sndbuf_moderated", "notsent_lowat",
        "mem_shortage/global", "mem_shortage/cgroup", "receiver_drop", "cgroup_throttle",
        "eagain_spin", "unknown")
FULL = TOLD[:2]
NONE = "in doubt, and not so"  # told beyond what the onlooker's doubt leaves room for

INTRODUCTION = """\
# Planted causes against those told

Made by `scripts/confusion.sh` from `bpf/confusion_kernel_test.cpp`; do not edit.

Each row is the stalled time, in seconds, of one true cause; the columns say what the probe told of
it. The truth comes from what is planted (slow readers, a slow link, a limit on TCP memory, a low-water mark)
and from an onlooker that asks both ends of each connection for their state some thousand times a
second (`TCP_INFO`, `SO_MEMINFO`; `bpf/oracle.hpp`), and from the program's own count of its vain
tries. All backends that load see the same traffic. *In doubt* is what the onlooker could not tell:
waits in which the peer's window was shut for one to two thirds of the time, of which either
sub-cause is right, and waits that it saw too late. The clocks column is how far the probe's time is off
the senders' own clocks.
"""


def cells(lines):
    for line in lines:
        kernel, scenario, phase, group, backend, *pairs = line.rstrip("\n").split("\t")
        values = {key: float(value) for key, _, value in (pair.rpartition("=") for pair in pairs)}
        yield kernel, scenario, phase, group, backend, values


def confusion(values):
    """(true, told) -> seconds of one cell, and seconds that were in doubt."""
    told = {name: values.get("told:" + name, 0.0) for name in TOLD}
    total = sum(told.values())
    true = {name: values.get("true:" + name, 0.0) * total for name in TOLD}
    pairs = collections.Counter()
    excess = {}
    for name in TOLD:
        both = min(told[name], true[name])
        pairs[name, name] += both
        excess[name] = told[name] - both
    # What is in doubt is right, whichever of the two, or of all, was told.
    doubt = 0.0
    for pool, names in ((values.get("either", 0.0) * total, FULL), (values.get("any", 0.0) * total, TOLD[:-1])):
        for name in names:
            part = min(pool, excess[name])
            pairs[name, name] += part
            excess[name] -= part
            pool -= part
            doubt += part
    missing = {name: max(0.0, true[name] - told[name]) for name in TOLD}
    all_missing = sum(missing.values())
    for name, much in excess.items():
        if name == "unknown" or all_missing == 0:
            pairs[NONE, name] += much
            continue
        for other, lack in missing.items():
            pairs[other, name] += much * lack / all_missing
    return pairs, doubt


def short(name):
    return name.split("/")[-1] if name.startswith("sndbuf_full") else name.replace("mem_shortage", "shortage")


def main():
    sums = collections.defaultdict(collections.Counter)
    doubts = collections.Counter()
    stalls = collections.Counter()
    worst = collections.defaultdict(float)
    for kernel, _scenario, _phase, _group, backend, values in cells(sys.stdin):
        where = kernel, backend
        pairs, doubt = confusion(values)
        sums[where].update(pairs)
        doubts[where] += doubt
        stalls[where] += int(values.get("stalls", 0))
        own = values.get("own time", 0.0)
        if own > 1:
            worst[where] = max(worst[where], abs(values.get("time", 0.0) / own - 1))
    print(INTRODUCTION)
    print("| kernel | backend | stalls | stalled | right | unknown | wrong | of the right: in doubt | clocks |")
    print("|---|---|---|---|---|---|---|---|---|")
    for where, pairs in sorted(sums.items()):
        total = sum(pairs.values())
        right = sum(seconds for (true, told), seconds in pairs.items() if true == told != "unknown")
        unknown = sum(seconds for (_, told), seconds in pairs.items() if told == "unknown")
        kernel, backend = where
        print(f"| {kernel} | {backend} | {stalls[where]:,} | {total:.1f} s | {right / total:.2%} | "
              f"{unknown / total:.2%} | {(total - right - unknown) / total:.2%} | {doubts[where] / total:.2%} | "
              f"{worst[where]:.2%} |")
    for (kernel, backend), pairs in sorted(sums.items()):
        used = [name for name in TOLD if any(name in pair and seconds >= 0.0005 for pair, seconds in pairs.items())]
        print(f"\n## {kernel}, {backend}\n")
        print("| true \\ told | " + " | ".join(map(short, used)) + " |")
        print("|---" * (len(used) + 1) + "|")
        for true in (*used, NONE):
            row = [pairs[true, told] for told in used]
            if sum(row) >= 0.0005:
                print(f"| {true} | " + " | ".join(f"{seconds:.2f}" if seconds >= 0.005 else "-" for seconds in row) + " |")


if __name__ == "__main__":
    main()
