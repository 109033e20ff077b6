#!/usr/bin/env python3
"""The table of the claims' scenarios: a skip or a missing value is never "as expected"."""

import json
import pathlib
import re
import sys
import tempfile
import unittest

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))
sys.dont_write_bytecode = True
import claims_table  # noqa: E402


def expectation(observed, passed, quantity="duration", metric="stall.p50"):
    return {"flow": None, "metric": metric, "quantity": quantity, "observed": observed, "passed": passed}


def report(*cells):
    return {
        "scenario": {"why": "Claim: a claims. Does it? Found: holds, a little. Mostly."},
        "environment": {"kernel": {"release": "6.1.0"}},
        "cells": [
            {"id": f"case={i}", "expectations": expected, "repetitions": [{"status": s} for s in statuses]}
            for i, (statuses, expected) in enumerate(cells)
        ],
    }


class ClaimsTable(unittest.TestCase):
    def row(self, document):
        with tempfile.TemporaryDirectory() as folder:
            if document is not None:
                (pathlib.Path(folder) / "a.json").write_text(json.dumps(document), encoding="utf-8")
            return claims_table.row("a", folder)

    def test_a_claim_that_holds_shows_its_figures(self):
        row = self.row(report((["ok", "failed"], [expectation(2.5e8, True), expectation(3, True, "number", "messages")])))
        self.assertEqual(row, "| a | as expected | a claims | holds, a little. Mostly. | case=0: stall.p50 250 ms; case=0: messages 3 | 6.1.0 |")

    def test_one_missed_cell_decides(self):
        row = self.row(report((["ok"], [expectation(1, True)]), (["ok"], [expectation(2e9, False)])))
        self.assertIn("| not as expected | a claims |  |", row)
        self.assertIn("case=1: stall.p50 2 s (missed)", row)

    def test_what_did_not_run_settles_nothing(self):
        for document in (
            None,
            report((["skipped"], [expectation(None, False)])),
            report((["ok"], [expectation(1, True)]), (["failed"], [expectation(None, False)])),
            report((["ok"], [])),
        ):
            row = self.row(document)
            self.assertNotIn("as expected", row)

    def test_quantities_have_the_unit_of_their_bound(self):
        self.assertEqual(claims_table.human(131072, "bytes"), "128 KiB")
        self.assertEqual(claims_table.human(2.5e6, "byte_rate"), "2.5 MB/s")
        self.assertEqual(claims_table.human(3, "rate"), "3/s")
        self.assertEqual(claims_table.human(0, "duration"), "0 ns")

    def test_what_is_bounded_by_another_cell_has_the_unit_of_its_metric(self):
        for metric, quantity in (
            ("goodput", "byte_rate"), ("delivery_latency.p50", "duration"), ("connect.max", "duration"),
            ("stall.mem_shortage.wait_p50", "duration"), ("stall.time", "duration"), ("stall.p99", "duration"),
            ("rcvbuf.final.max", "bytes"), ("stall.mem_shortage.occurrence", "number"), ("retransmits", "number"),
            ("tcp_mem.peak", "number"), ("stall.open_at_end", "number"),
        ):
            self.assertEqual(claims_table.quantity_of(expectation(1, True, "number", metric)), quantity, metric)

    def test_every_claim_says_what_came_of_it(self):
        for path in sorted((SCRIPTS.parent / "scenarios/claims").glob("*.json")):
            why = re.search(r'"why": "(.*)",', path.read_text(encoding="utf-8"))[1]
            claim, found = claims_table.claim_of({"scenario": {"why": why}})
            self.assertTrue(claim, path)
            self.assertRegex(found, r"^(holds|does not hold)\b", path)


if __name__ == "__main__":
    unittest.main()
