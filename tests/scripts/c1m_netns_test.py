#!/usr/bin/env python3
"""scripts/c1m.sh with some thousand connections: what it says of them is what ss counts."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts/c1m.sh"
SIZES = [1000, 5000]
SANITIZED = bool(os.environ.get("NETSTALL_SANITIZE"))  # then freed memory is kept


class Connections(unittest.TestCase):
    def test_two_sizes(self):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder, "c1m.json")
            done = subprocess.run([SCRIPT, "--connections", ",".join(map(str, SIZES)), "--rounds", "2", "--out", out],
                                  capture_output=True, text=True, timeout=170, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            document = json.loads(out.read_text(encoding="utf-8"))
        self.assertEqual([row["connections"] for row in document["rows"]], SIZES)
        for row in document["rows"]:
            self.assertEqual(row["established_by_ss"], {side: row["connections"] for side in ("client", "server")})
            for who in ("bare_connect_s", "netstall_connect_s"):
                self.assertEqual(len(row[who]), 2)
                self.assertGreater(min(row[who]), 0)
            if not SANITIZED:
                self.assertLess(row["user_bytes_per_end"], 4096)
        self.assertIn("| 5000 | 5000, 5000 |", done.stdout)

    def test_bad_usage(self):
        for option, value in (("--connections", "0"), ("--connections", "many"), ("--connections", ""),
                              ("--rounds", "0"), ("--rounds", "some")):
            done = subprocess.run([SCRIPT, option, value], capture_output=True, text=True, timeout=60,
                                  check=False)
            self.assertEqual(done.returncode, 2, done.stderr)


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("SKIPPED: needs root")
        sys.exit(77)
    unittest.main()
