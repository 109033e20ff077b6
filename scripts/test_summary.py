#!/usr/bin/env python3
"""Sums up what scripts/test.sh ran: failures, the reason of each skip, and one
last line with the totals.

A tier of which no test ran and was not skipped counts as a failure: a green
result must not come from tests that did not run. So does a file that is
missing: its run ended before it could write one.

Exit status: 0 when nothing failed, else 1.
"""

import argparse
import re
import sys
import xml.etree.ElementTree as xml

# What a test prints before its reason; GoogleTest puts it on the next line.
REASON = re.compile(r"^(?:.*: Skipped\n|\s*skipped: *)(.+)$", re.MULTILINE | re.IGNORECASE)


class Totals:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.lines = []

    def fail(self, what):
        self.failed += 1
        self.lines.append(f"FAILED   {what}")

    def skip(self, what, reason):
        self.skipped += 1
        self.lines.append(f"skipped  {what}: {reason}")


def reason_of(case):
    output = case.findtext("system-out") or ""
    found = REASON.search(output)
    return found[1].strip() if found else "it gives no reason"


def add_tier(totals, tier, path):
    """CTest's JUnit: status is run, fail, notrun or disabled."""
    try:
        cases = xml.parse(path).getroot().findall("testcase")
    except (OSError, xml.ParseError) as error:
        totals.fail(f"{tier}: no results ({error})")
        return
    before = totals.passed + totals.failed
    for case in cases:
        name = f"{tier}: {case.get('name')}"
        status = case.get("status")
        if case.find("failure") is not None or status == "fail":
            totals.fail(name)
        elif case.find("skipped") is not None and status == "notrun":
            message = case.find("skipped").get("message", "")
            # Not a test's own decision: its program is missing, or what it needs failed.
            if message.startswith("SKIP_"):
                totals.skip(name, reason_of(case))
            else:
                totals.fail(f"{name} ({message or 'not run'})")
        elif status == "run":
            totals.passed += 1
        else:
            totals.fail(f"{name} ({status})")
    if totals.passed + totals.failed == before:
        totals.fail(f"{tier}: no test ran ({len(cases)} skipped)")


def add_check(totals, name, result):
    if result == "passed":
        totals.passed += 1
    elif result.startswith("skipped:"):
        totals.skip(name, result.removeprefix("skipped:").strip())
    else:
        totals.fail(name)


def main(arguments):
    parser = argparse.ArgumentParser(description="Sums up what scripts/test.sh ran.")
    parser.add_argument("--check", action="append", default=[], metavar="NAME=RESULT",
                        help="passed, failed, or skipped: and a reason")
    parser.add_argument("tiers", nargs="*", metavar="TIER=JUNIT.xml")
    options = parser.parse_intermixed_args(arguments)
    totals = Totals()
    for check in options.check:
        name, _, result = check.partition("=")
        add_check(totals, name, result)
    for tier in options.tiers:
        name, _, path = tier.partition("=")
        add_tier(totals, name, path)
    for line in sorted(totals.lines, key=lambda line: line.startswith("FAILED")):
        print(line)
    print(f"{totals.passed} passed, {totals.failed} failed, {totals.skipped} skipped")
    return 1 if totals.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
