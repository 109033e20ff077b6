#!/usr/bin/env python3
"""The summary of scripts/test.sh: it must never call green what did not run."""

import contextlib
import io
import pathlib
import sys
import tempfile
import unittest

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))
sys.dont_write_bytecode = True
import test_summary  # noqa: E402

PASSED = '<testcase name="A.passes" status="run"><system-out>fine</system-out></testcase>'
FAILED = '<testcase name="A.fails" status="fail"><failure message=""/></testcase>'
SKIPPED = ('<testcase name="A.skips" status="notrun">'
           '<skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/>'
           '<system-out>[ RUN ] A.skips\n/src/a_test.cpp:4: Skipped\nneeds root &amp; more\n'
           '[  SKIPPED ] A.skips (0 ms)\n</system-out></testcase>')
SKIPPED_BY_STATUS = ('<testcase name="script" status="notrun">'
                     '<skipped message="SKIP_RETURN_CODE=77"/>'
                     '<system-out>SKIPPED: no node\n</system-out></testcase>')
NOT_BUILT = ('<testcase name="A_NOT_BUILT" status="notrun">'
             '<skipped message="Unable to find executable"/></testcase>')
DISABLED = '<testcase name="A.off" status="disabled"/>'


class Summary(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def tier(self, name, *cases):
        path = self.folder / f"{name}.xml"
        path.write_text(f"<testsuite>{''.join(cases)}</testsuite>")
        return f"{name}={path}"

    def summary(self, *arguments):
        """(exit status, lines)"""
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            status = test_summary.main(list(arguments))
        return status, output.getvalue().splitlines()

    def test_sums_all_tiers_and_checks(self):
        status, lines = self.summary("--check", "format=passed", self.tier("unit", PASSED, SKIPPED),
                                     "--check", "tidy=passed",
                                     self.tier("netns", PASSED, SKIPPED_BY_STATUS))
        self.assertEqual(status, 0)
        self.assertEqual(lines, ["skipped  unit: A.skips: needs root & more",
                                 "skipped  netns: script: no node",
                                 "4 passed, 0 failed, 2 skipped"])

    def test_failures_come_last_before_the_totals(self):
        status, lines = self.summary("--check", "tidy=failed", self.tier("unit", FAILED, SKIPPED))
        self.assertEqual(status, 1)
        self.assertEqual(lines[1:], ["FAILED   tidy", "FAILED   unit: A.fails",
                                     "0 passed, 2 failed, 1 skipped"])

    def test_a_tier_that_was_skipped_whole_fails(self):
        for cases in ((), (SKIPPED,), (SKIPPED, SKIPPED_BY_STATUS)):
            status, lines = self.summary(self.tier("unit", PASSED), self.tier("kernel", *cases))
            self.assertEqual(status, 1)
            self.assertIn(f"FAILED   kernel: no test ran ({len(cases)} skipped)", lines)

    def test_what_was_not_built_or_is_disabled_is_no_skip(self):
        for case in (NOT_BUILT, DISABLED):
            self.assertEqual(self.summary(self.tier("unit", PASSED, case))[0], 1)

    def test_missing_or_broken_results_fail(self):
        broken = self.folder / "broken.xml"
        broken.write_text("<testsuite><testcase")
        for path in (broken, self.folder / "missing.xml"):
            status, lines = self.summary(f"unit={path}")
            self.assertEqual((status, lines[-1]), (1, "0 passed, 1 failed, 0 skipped"))

    def test_a_skipped_check_says_why(self):
        status, lines = self.summary("--check", "guests=skipped: no QEMU", self.tier("unit", PASSED))
        self.assertEqual((status, lines), (0, ["skipped  guests: no QEMU",
                                               "1 passed, 0 failed, 1 skipped"]))


if __name__ == "__main__":
    unittest.main()
