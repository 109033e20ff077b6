#!/usr/bin/env python3
"""Tests of check_schema.py: that it can fail, and of the comments it strips."""

import copy
import pathlib
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True  # of the import: the source tree stays as it is
import check_schema  # noqa: E402

SOURCE = pathlib.Path(sys.argv.pop(1))
SCHEMA = check_schema.load(SOURCE / "results/report.schema.json")
GOLDEN = check_schema.load(SOURCE / "model/testdata/report.json")


class Comments(unittest.TestCase):
    def test_are_stripped_but_not_in_strings(self):
        cases = {
            '{"a": 1} // end': '{"a": 1}  ',
            '{"a": "//x /* y */"}': '{"a": "//x /* y */"}',
            '{"a\\\\": "\\"// x"}': '{"a\\\\": "\\"// x"}',
            '{/* a\nb */"a": 1}': '{ "a": 1}',
            "// one\n1": " \n1",
        }
        for text, stripped in cases.items():
            self.assertEqual(check_schema.without_comments(text).rstrip(), stripped.rstrip())

    def test_that_do_not_end_are_an_error(self):
        with self.assertRaises(ValueError):
            check_schema.without_comments("1 /* x")

    def test_second_key_is_an_error(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write('{"a": 1, "a": 2}')
            file.flush()
            with self.assertRaises(ValueError):
                check_schema.load(file.name)


class Reports(unittest.TestCase):
    def setUp(self):
        self.report = copy.deepcopy(GOLDEN)
        self.repetition = self.report["cells"][0]["repetitions"][0]
        self.flow = self.repetition["flows"][0]
        self.validator = check_schema.validator_of(SCHEMA)

    def faults(self):
        return list(check_schema.faults(self.validator, self.report))

    def uncovered(self):
        coverage = check_schema.Coverage(SCHEMA)
        coverage.walk(SCHEMA, self.report, "")
        return list(coverage.faults())

    def test_golden_one_has_no_fault(self):
        self.assertEqual(self.faults(), [])
        self.assertEqual(self.uncovered(), [])

    def test_another_schema_is_found(self):
        self.report["schema"] = "netstall/report/2"
        self.assertEqual(self.faults(), ["/schema: 'netstall/report/1' was expected"])

    def test_wrong_types_are_found(self):
        for key, value in (("messages", 1.5), ("messages", -1), ("goodput_bytes_per_s", "fast"), ("stalls", {}),
                           ("send_call_ns", {"count": 1}), ("connections", None)):
            with self.subTest(key=key, value=value):
                flow = dict(self.flow)
                self.repetition["flows"] = [{**flow, key: value}]
                self.assertEqual(len(self.faults()), 1)

    def test_missing_field_is_found(self):
        del self.flow["own_clock"]
        self.assertEqual(self.faults(), ["/cells/0/repetitions/0/flows/0: 'own_clock' is a required property"])

    def test_unknown_cause_is_found(self):
        self.flow["stalls"]["by_cause"]["gremlins"] = None
        self.assertEqual(len(self.faults()), 1)

    def test_field_beyond_the_schema_is_uncovered_but_no_fault(self):
        self.flow["more"] = 1
        self.assertEqual(self.faults(), [])
        self.assertEqual(self.uncovered(), ["/cells/*/repetitions/*/flows/*/more: is not in the schema"])

    def test_field_that_no_report_has_is_uncovered(self):
        for repetition in (cell["repetitions"][0] for cell in self.report["cells"]):
            for flow in repetition["flows"]:
                del flow["backlog"]
        self.assertEqual(
            self.uncovered(), ["/cells/*/repetitions/*/flows/*/backlog: is in the schema and in no file"])


if __name__ == "__main__":
    unittest.main()
