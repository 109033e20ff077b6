#!/usr/bin/env python3
"""Time and memory of `netstall compare` on two large reports, which are made here.

    compare_scale.py NETSTALL [--cells 1000] [--repetitions 12] [--folder DIR]
                     [--seconds 5] [--megabytes 500]

Each repetition has one flow group with histograms of 1,200 events. Exit status: 0
within the limits, 1 beyond them.
"""

import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # of the import: the source tree stays as it is
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/program"))
import reports  # noqa: E402

KINDS = 16  # different cells; the others are copies under other names


def write_report(path, cells, repetitions, seed):
    kinds = []
    for kind in range(KINDS):
        cell = reports.cell(1e6 * (kind + 1), f"{seed} {kind}", repetitions)
        kinds.append(json.dumps(cell["repetitions"], indent=1))
    head = reports.report()
    del head["cells"]
    with open(path, "w", encoding="utf-8") as file:
        file.write(json.dumps(head)[:-1] + ', "cells": [')
        for index in range(cells):
            shell = {"id": f"n={index}", "parameters": {"n": str(index)}, "expectations": []}
            file.write("," if index else "")
            file.write(json.dumps(shell)[:-1] + ', "repetitions": ' + kinds[index % KINDS] + "}")
        file.write("]}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("netstall")
    parser.add_argument("--cells", type=int, default=1000)
    parser.add_argument("--repetitions", type=int, default=12)
    parser.add_argument("--folder", default=None)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--megabytes", type=float, default=500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        paths = [os.path.join(folder, name) for name in ("base.json", "new.json")]
        for seed, path in enumerate(paths):
            write_report(path, options.cells, options.repetitions, seed)
        sizes = [os.path.getsize(path) / 1e6 for path in paths]
        started = time.monotonic()
        out = os.path.join(folder, "out.json")
        done = subprocess.run([options.netstall, "compare", *paths, "--format", "json", "-o", out])
        seconds = time.monotonic() - started
        if done.returncode not in (0, 1):
            return done.returncode
        with open(out, encoding="utf-8") as file:
            counts = json.load(file)["counts"]
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    megabytes = used.ru_maxrss / 1e3
    print(
        f"{options.cells} cells x {options.repetitions} repetitions, reports of {sizes[0]:.0f} and {sizes[1]:.0f} MB: "
        f"{seconds:.2f} s ({used.ru_utime + used.ru_stime:.2f} s of CPU), {megabytes:.0f} MB at most; {counts}"
    )
    return 0 if seconds <= options.seconds and megabytes <= options.megabytes else 1


if __name__ == "__main__":
    sys.exit(main())
