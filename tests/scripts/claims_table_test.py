#!/usr/bin/env python3
"""The table of the claims' scenarios: a skip or a missing value is never "as expected"."""

import json
import pathlib
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
        self.assertEqual(row, "| a | as expected | case=0: stall.p50 250 ms; case=0: messages 3 | 6.1.0 |")

    def test_one_missed_cell_decides(self):
        row = self.row(report((["ok"], [expectation(1, True)]), (["ok"], [expectation(2e9, False)])))
        self.assertIn("| not as expected |", row)
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


if __name__ == "__main__":
    unittest.main()
