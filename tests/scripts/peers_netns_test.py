#!/usr/bin/env python3
"""scripts/peers.sh in its shortest form, with those of the programs that are there."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts/peers.sh"
TOOLS = [tool for tool in ("iperf3", "iperf", "nuttcp", "sockperf") if shutil.which(tool)]


class Peers(unittest.TestCase):
    def test_one_round(self):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder, "peers.json")
            done = subprocess.run([SCRIPT, "--tools", ",".join(TOOLS), "--rounds", "1", "--seconds", "1", "--out", out],
                                  capture_output=True, text=True, timeout=170, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            document = json.loads(out.read_text(encoding="utf-8"))
        programs = {row["program"] for row in document["rows"]}
        self.assertLessEqual(set(TOOLS) | {"netstall blocking", "netstall nonblocking"}, programs)
        for row in document["rows"]:
            self.assertEqual(len(row["values"]), 1)
            # Anything slower or faster is no loop of send() over a veth pair, or read wrongly.
            low, high = (1e6, 1e11) if row["unit"] == "bytes/s" else (1e3, 1e9)
            self.assertTrue(low < row["median"] < high, row)
        self.assertIn("| 1 stream | netstall blocking |", done.stdout)
        self.assertTrue(document["targets"])

    def test_bad_usage_and_what_is_missing(self):
        for arguments, status, text in ((["--tools", "netperf"], 2, "unknown tool 'netperf'"),
                                        (["--round"], 2, "unknown argument"),
                                        (["--tools", TOOLS[0], "--rounds", "0"], 2, "at least 1")):
            done = subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertIn(text, done.stderr)


if __name__ == "__main__":
    if os.geteuid() != 0 or not TOOLS:
        print("SKIPPED: needs root and one of iperf3, iperf, nuttcp, sockperf")
        sys.exit(77)
    unittest.main()
