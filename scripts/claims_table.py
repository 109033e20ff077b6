#!/usr/bin/env python3
"""A table of what the claims' scenarios found: one row a claim, in Markdown.

  claims_table.py FOLDER NAME...   reads FOLDER/NAME.json, reports of scenarios/claims/
"""

import functools
import json
import os
import pathlib
import re
import sys

SCALES = {
    "duration": ((1e9, "s"), (1e6, "ms"), (1e3, "us"), (1, "ns")),
    "bytes": ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B")),
    "byte_rate": ((1e9, "GB/s"), (1e6, "MB/s"), (1e3, "kB/s"), (1, "B/s")),
    "rate": ((1, "/s"),),
}


def human(value, quantity):
    """A figure in the unit in which its bound was written; plain where that had none."""
    for size, unit in SCALES.get(quantity, ()):
        if abs(value) >= size or size == 1:
            return f"{value / size:.4g} {unit}".replace(" /s", "/s")
    return f"{value:.6g}"


QUANTITIES = {"ns": "duration", "bytes": "bytes", "bytes_per_s": "byte_rate", "per_s": "rate"}
CATALOGUE = pathlib.Path(__file__).resolve().parents[1] / "docs/metrics.md"


@functools.cache
def units():
    """Of all metrics, by the catalogue; those of one cause, stall.CAUSE.x, have that of stall.x."""
    return dict(re.findall(r"^\| `([^`]+)` \| (\w+) \|", CATALOGUE.read_text(encoding="utf-8"), re.MULTILINE))


def quantity_of(expectation):
    """Of what was observed: a bound relative to another cell's figure is a plain number."""
    if expectation["quantity"] != "number":
        return expectation["quantity"]
    metric = expectation["metric"]
    unit = units().get(metric) or units().get(re.sub(r"^(stall)\.\w+\.", r"\1.", metric))
    return QUANTITIES.get(unit, "number")


def claim_of(report):
    """What is often said, and what came of it as long as all is as expected: both of the scenario's `why`."""
    said = re.fullmatch(r"Claim: (.*?)\. .*?(?: Found: (.*))?", report["scenario"]["why"])
    return (said[1], said[2]) if said else ("", None)


def figure(cell, expectation):
    """What was expected in a cell, and what was found."""
    what = (expectation["flow"] + " " if expectation["flow"] else "") + expectation["metric"]
    if expectation["observed"] is None:
        found = f"no value, {expectation['reason']}" if expectation.get("reason") else "no value"
    else:
        found = human(expectation["observed"], quantity_of(expectation))
    mark = "" if expectation["passed"] else " (missed)"
    return f"{cell}: {what} {found}{mark}"


def verdict(report):
    """Whether the claim, as the scenario puts it, holds; None: it came to no verdict."""
    cells = report["cells"]
    expectations = [e for cell in cells for e in cell["expectations"]]
    good = all(
        any(r["status"] == "ok" for r in cell["repetitions"]) for cell in cells
    )
    if not good or not expectations:
        return None
    return all(e["passed"] for e in expectations)


def row(name, folder):
    path = os.path.join(folder, f"{name}.json")
    if not os.path.exists(path):
        return f"| {name} | no report | | | | |"
    with open(path, encoding="utf-8") as file:
        report = json.load(file)
    holds = {True: "as expected", False: "not as expected", None: "no verdict"}[verdict(report)]
    figures = [figure(cell["id"], e) for cell in report["cells"] for e in cell["expectations"]]
    kernel = report["environment"].get("kernel", {})
    release = kernel.get("release", "?") if isinstance(kernel, dict) else kernel
    claim, found = claim_of(report)
    if holds != "as expected":
        found = None
    return f"| {name} | {holds} | {claim} | {found or ''} | {'; '.join(figures)} | {release} |"


def main():
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    print("# Claims\n")
    print("Made by `scripts/claims.sh`; what each scenario asserts stands in its `why`. One alone:")
    print("`netstall run scenarios/claims/NAME.json`, for those with host-wide settings with `--allow-host-sysctl`.\n")
    print("As expected: every figure is within the bounds of the scenario, which stand for what is found of the claim.\n")
    print("| scenario | verdict | claim | found: it | figures | kernel |")
    print("|---|---|---|---|---|---|")
    for name in sys.argv[2:]:
        print(row(name, sys.argv[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
