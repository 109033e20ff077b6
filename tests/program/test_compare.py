"""netstall compare: verdicts, exit statuses and outputs, and what it does with
reports that are bad, hostile or not there. Reports are made here, not run."""

import copy
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as xml

import harness
import reports

HOSTILE = 'a|b`<script>alert(1)</script>]]>&"\'\x1b[31m\x07\u202e\n# head @team http://x.example [l](y)'


class Compare(harness.Case):
    def write(self, name, document):
        return reports.write(document, self.path(name))

    def compare(self, base, fresh, *options, status=0):
        """Runs it; returns the comparison's JSON, held against its schema. Status None:
        there is a comparison, whatever it says."""
        out = self.path("comparison.json")
        if os.path.exists(out):
            os.remove(out)
        done = harness.run("compare", base, fresh, "--write", f"json={out}", *options)
        if status is None:
            self.assertIn(done.returncode, (0, 1), done.stdout + done.stderr)
        else:
            self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        self.text = done.stdout
        if status == 2:
            self.assertFalse(os.path.exists(out))
            self.assertEqual(done.stdout, "")
            return done.stderr
        self.check_schema(out)
        with open(out, encoding="utf-8") as file:
            return json.load(file)

    def check_schema(self, path):
        checked = subprocess.run(
            [
                sys.executable,
                os.path.join(harness.SOURCE, "tests/schema/check_schema.py"),
                os.path.join(harness.SOURCE, "results/comparison.schema.json"),
                path,
            ],
            capture_output=True,
            text=True,
        )
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def verdict(self, comparison, metric, cell=0):
        for row in comparison["cells"][cell]["metrics"]:
            if row["metric"] == metric:
                return row["verdict"]
        return None


class Verdicts(Compare):
    def test_the_same_is_unchanged(self):
        found = self.compare(
            self.write("a.json", reports.report(reports.cell(100e6, 1))),
            self.write("b.json", reports.report(reports.cell(100e6, 2))),
        )
        self.assertEqual(found["outcome"], "ok")
        self.assertEqual(found["counts"]["unchanged"], 6)

    def test_longer_stalls_regress_and_shorter_improve(self):
        short = self.write("a.json", reports.report(reports.cell(100e6, 1)))
        long = self.write("b.json", reports.report(reports.cell(150e6, 2)))
        found = self.compare(short, long, status=1)
        self.assertEqual(self.verdict(found, "stall.p99"), "regressed")
        self.assertEqual(self.verdict(found, "goodput"), "unchanged")
        row = next(r for r in found["cells"][0]["metrics"] if r["metric"] == "stall.p99")
        self.assertLess(row["ratio_interval"][0], 1.5)
        self.assertGreater(row["ratio_interval"][1], 1.45)
        self.assertLess(row["q"], 0.01)
        self.assertTrue(self.text.startswith("2 regressed"), self.text)
        found = self.compare(long, short)
        self.assertEqual(self.verdict(found, "stall.p99"), "improved")

    def test_less_goodput_regresses(self):
        found = self.compare(
            self.write("a.json", reports.report(reports.cell(100e6, 1))),
            self.write("b.json", reports.report(reports.cell(100e6, 2, goodput=0.5e6))),
            status=1,
        )
        self.assertEqual(self.verdict(found, "goodput"), "regressed")

    def test_what_never_happened_appears_and_vanishes(self):
        none = self.write("a.json", reports.report(reports.cell(0, 1)))
        some = self.write("b.json", reports.report(reports.cell(50e6, 2)))
        found = self.compare(none, some, status=1)
        self.assertEqual(self.verdict(found, "stall.p99"), "appeared")
        self.assertTrue(all(r["ratio"] is None for r in found["cells"][0]["metrics"] if r["verdict"] == "appeared"))
        self.assertEqual(self.verdict(self.compare(some, none), "stall.p99"), "vanished")

    def test_too_few_repetitions_are_no_verdict(self):
        a = self.write("a.json", reports.report(reports.cell(100e6, 1, repetitions=3)))
        b = self.write("b.json", reports.report(reports.cell(200e6, 2, repetitions=3)))
        found = self.compare(a, b)
        self.assertEqual(self.verdict(found, "stall.p99"), "inconclusive")
        self.assertIn("needs at least", self.text)
        self.compare(a, b, "--strict", status=3)

    def test_a_metric_of_ones_own_decides(self):
        a = self.write("a.json", reports.report(reports.cell(100e6, 1)))
        b = self.write("b.json", reports.report(reports.cell(150e6, 2)))
        found = self.compare(a, b, "--metric", "goodput")
        self.assertEqual(sum(found["counts"].values()), 1)
        self.assertIn("stall.p90", self.compare(a, b, "--metric", "stall.p98", status=2))

    def test_worst_first(self):
        axis = lambda label: {"readers": label}
        a = reports.report(reports.cell(100e6, 1, parameters=axis("one")), reports.cell(100e6, 2, parameters=axis("two")))
        b = reports.report(reports.cell(130e6, 3, parameters=axis("one")), reports.cell(300e6, 4, parameters=axis("two")))
        self.compare(self.write("a.json", a), self.write("b.json", b), status=1)
        listed = [line for line in self.text.splitlines() if line.startswith("regressed")]
        self.assertIn("readers=two", listed[0])
        self.assertTrue(all(len(line) <= 80 for line in self.text.splitlines()), self.text)


class Outputs(Compare):
    def setUp(self):
        super().setUp()
        cells = [reports.cell(100e6, 1), reports.cell(0, 2, parameters={"x": "1"})]
        self.a = self.write("a.json", reports.report(*cells))
        changed = [reports.cell(150e6, 3), reports.cell(0, 4, parameters={"x": "1"})]
        changed[0]["repetitions"][3].update(status="failed", reason="worker ended")
        self.b = self.write("b.json", reports.report(*changed))

    def output(self, *options):
        done = harness.run("compare", self.a, self.b, *options)
        self.assertEqual(done.returncode, 1, done.stderr)
        return done.stdout

    def test_the_same_input_gives_the_same_bytes(self):
        for name in ("text", "json", "markdown", "junit", "annotations"):
            first = self.output("--format", name)
            self.assertEqual(first, self.output("--format", name))
            path = self.path("again")
            self.assertEqual(self.output("--format", name, "-o", path), "")
            with open(path, encoding="utf-8") as file:
                self.assertEqual(file.read(), first)

    def test_junit_has_a_case_per_cell_and_metric(self):
        suite = xml.fromstring(self.output("--format", "junit"))
        cases = suite.findall("testcase")
        self.assertEqual(len(cases), 12)
        self.assertEqual(suite.get("tests"), "12")
        failed = {c.get("name") for c in cases if c.find("failure") is not None}
        self.assertEqual(failed, {"slow: stall.p99", "slow: stall.time"})
        self.assertEqual(suite.get("failures"), "2")

    def test_markdown_is_a_table_worst_first(self):
        rows = [line for line in self.output("--format", "markdown").splitlines() if line.startswith("|")]
        self.assertEqual({row.count("|") for row in rows}, {6})
        self.assertIn("**regressed**", rows[2])
        self.assertEqual(len(rows), 14)

    def test_annotations_are_the_worst_ten_and_how_many_more(self):
        said = self.output("--format", "annotations").splitlines()
        self.assertEqual(len(said), 2)
        self.assertRegex(said[0], r"^::error title=regressed%3A slow%3A stall\.\w+::in cell base: .*×1\.[45]")
        # Beside the text, on the same stdout.
        both = self.output("--write", "annotations=-")
        self.assertTrue(both.startswith("2 regressed"), both)
        self.assertTrue(both.endswith("\n".join(said) + "\n"), both)
        axis = lambda n: {"n": str(n)}
        many = [self.write(f"{name}.json", reports.report(*(reports.cell(centre, f"{name}{n}", parameters=axis(n)) for n in range(8))))
                for name, centre in (("a", 100e6), ("b", 150e6))]
        done = harness.run("compare", *many, "--format", "annotations")
        self.assertEqual(done.returncode, 1)
        lines = done.stdout.splitlines()
        self.assertEqual([line.split(" ")[0] for line in lines], ["::error"] * 10 + ["::notice"])
        self.assertIn("6 more metrics changed for the worse", lines[-1])
        few = [self.write(f"{name}.json", reports.report(reports.cell(100e6, name, repetitions=3))) for name in "ab"]
        for options, kind, status in (((), "::warning", 0), (("--strict",), "::error", 3)):
            done = harness.run("compare", *few, "--format", "annotations", *options)
            self.assertEqual(done.returncode, status)
            self.assertEqual({line.split(" ")[0] for line in done.stdout.splitlines()}, {kind})

    def test_dropped_repetitions_are_said(self):
        for name in ("text", "markdown", "junit"):
            self.assertIn("worker ended", self.output("--format", name))
        found = self.compare(self.a, self.b, status=1)
        self.assertEqual(found["cells"][0]["dropped"][0]["index"], 3)
        self.assertEqual(found["cells"][0]["repetitions"], {"a": 12, "b": 11})

    def test_bad_places_and_formats_are_refused_first(self):
        for options in (
            ["-o", self.path("none/x.json")],
            ["-o", self.folder],
            ["--format", "yaml"],
            ["--write", "junit"],
            ["--write", "yaml=x"],
        ):
            done = harness.run("compare", self.a, self.b, *options)
            self.assertEqual(done.returncode, 2, options)
            self.assertEqual(done.stdout, "")


class BadInput(Compare):
    def setUp(self):
        super().setUp()
        self.good = reports.report(reports.cell(100e6, 1))
        self.a = self.write("a.json", self.good)

    def refused(self, document, *expected, a=None):
        path = self.path("b.json")
        if isinstance(document, dict):
            reports.write(document, path)
        else:
            with open(path, "w", encoding="utf-8") as file:
                file.write(document)
        error = self.compare(a or self.a, path, status=2)
        for part in ("b.json", *expected):
            self.assertIn(part, error)
        self.compare(path, a or self.a, status=2)

    def changed(self, **changes):
        return {**copy.deepcopy(self.good), **changes}

    def test_another_schema_version(self):
        self.refused(self.changed(schema="netstall/report/2"), "netstall/report/2", "netstall/report/1")
        self.refused(self.changed(kind="comparison"), "kind")
        self.refused(self.changed(schema="netstall/comparison/1"), "no report", "netstall run")

    def test_a_report_is_not_compared_with_itself(self):
        os.symlink(self.a, self.path("link.json"))
        for other in (self.a, self.path("link.json")):
            self.assertIn("the same file", self.compare(self.a, other, status=2))

    def test_empty_truncated_and_no_report(self):
        text = json.dumps(self.good)
        for bad in ("", " ", "{}", "[]", "null", "not json", text[:-1], text[: len(text) // 2], text + "x"):
            self.refused(bad)

    def test_no_such_file_and_a_folder(self):
        for path in (self.path("none.json"), self.folder):
            error = self.compare(self.a, path, status=2)
            self.assertIn(path, error)

    def test_no_cells_or_none_in_common(self):
        self.refused(self.changed(cells=[]), "no cells")
        other = self.changed(cells=[reports.cell(100e6, 2, parameters={"x": "1"})])
        self.refused(other, "no cell in common")
        twice = self.changed(cells=[reports.cell(100e6, 2), reports.cell(100e6, 3)])
        self.refused(twice, "twice")

    def test_a_repetition_twice(self):
        document = self.changed()
        document["cells"][0]["repetitions"][1]["index"] = 0
        self.refused(document, "twice")

    def test_a_flow_group_twice(self):
        document = self.changed()
        flows = document["cells"][0]["repetitions"][1]["flows"]
        flows.append(copy.deepcopy(flows[0]))
        self.refused(document, "repetition 1", "slow", "twice")

    def test_figures_that_no_run_has(self):
        # Status ok, and yet no connection, no window, or no number: no value, no verdict.
        for change in (
            lambda r: r["flows"][0]["connections"].update(established=0),
            lambda r: r.update(window_ns=0),
            lambda r: r["flows"][0].update(goodput_bytes_per_s=None),
        ):
            document = self.changed(cells=[reports.cell(300e6, 9)])
            for repetition in document["cells"][0]["repetitions"]:
                change(repetition)
            found = self.compare(self.a, self.write("b.json", document), status=None)
            for row in found["cells"][0]["metrics"]:
                if row["metric"] in ("stall.time", "goodput") and row["b"]["count"] == 0:
                    self.assertEqual(row["verdict"], "inconclusive", row)
        text = json.dumps(self.good)
        for number in ("1e999", "NaN", "-Infinity"):
            at = text.index('"goodput_bytes_per_s": ') + len('"goodput_bytes_per_s": ')
            self.refused(text[:at] + number + text[text.index(",", at):])

    def test_wrong_values(self):
        for change in (
            lambda r: r.update(status="fine"),
            lambda r: r.update(window_ns="1s"),
            lambda r: r["flows"][0].update(goodput_bytes_per_s="fast"),
            lambda r: r["flows"][0]["stalls"]["total"]["duration_ns"].update(hdr="HIST"),
            lambda r: r["flows"][0]["stalls"]["total"]["duration_ns"].update(count=7),
            lambda r: r["flows"][0]["stalls"].pop("total"),
        ):
            document = self.changed()
            change(document["cells"][0]["repetitions"][5])
            self.refused(document, "/cells/0/repetitions/5")

    def test_another_environment_or_scenario(self):
        other = self.changed(environment={"kernel": {"release": "6.19.0"}})
        self.refused(other, "kernel.release", "6.19.0", "--allow-environment-change")
        self.refused(self.changed(scenario_hash="fedcba9876543210"), "scenario")
        found = self.compare(self.a, self.write("b.json", other), "--allow-environment-change")
        self.assertEqual(found["environment_differences"], [{"fact": "kernel.release", "a": "6.18.0", "b": "6.19.0"}])
        self.assertIn("kernel.release", self.text)

    def test_no_good_repetition_is_no_verdict(self):
        document = self.changed()
        for repetition in document["cells"][0]["repetitions"]:
            repetition.update(status="failed", reason="no")
        found = self.compare(self.a, self.write("b.json", document))
        self.assertEqual(found["outcome"], "inconclusive")
        self.assertEqual(set(r["verdict"] for r in found["cells"][0]["metrics"]), {"inconclusive"})
        self.compare(self.a, self.write("b.json", document), "--strict", status=3)
        document["cells"][0]["repetitions"] = []
        found = self.compare(self.a, self.write("b.json", document))
        self.assertEqual(found["outcome"], "inconclusive")

    def test_missing_values_are_no_verdict(self):
        document = self.changed(cells=[reports.cell(300e6, 9)])
        for repetition in document["cells"][0]["repetitions"][:2]:
            repetition["flows"][0]["stalls"] = None
        found = self.compare(self.a, self.write("b.json", document))
        self.assertEqual(self.verdict(found, "stall.p99"), "inconclusive")
        self.assertEqual(self.verdict(found, "goodput"), "unchanged")
        self.assertIn("no value in 2 of 12 repetitions", self.text)

    def test_what_has_no_counterpart_is_not_ok(self):
        document = self.changed()
        document["cells"].append(reports.cell(100e6, 3, parameters={"x": "1"}))
        found = self.compare(self.a, self.write("b.json", document), "--strict", status=3)
        self.assertEqual(found["cells_only_b"], ["x=1"])
        document = self.changed()
        for repetition in document["cells"][0]["repetitions"]:
            repetition["flows"][0]["name"] = "other"
        found = self.compare(self.a, self.write("b.json", document), "--strict", status=3)
        self.assertEqual(found["cells"][0]["flows_only_a"], ["slow"])

    def test_hostile_strings_stay_text(self):
        def hostile(document):
            cell = document["cells"][0]
            cell["id"] = HOSTILE
            cell["parameters"] = {HOSTILE: HOSTILE}
            for repetition in cell["repetitions"]:
                repetition["flows"][0]["name"] = HOSTILE
            cell["repetitions"][0].update(status="failed", reason=HOSTILE)
            document["environment"] = {"kernel": {HOSTILE: HOSTILE}}
            return document

        a = self.write("a.json", hostile(reports.report(reports.cell(100e6, 1))))
        fresh = hostile(reports.report(reports.cell(150e6, 2)))
        fresh["environment"]["kernel"][HOSTILE] += "2"
        b = self.write("b.json", fresh)
        allow = "--allow-environment-change"
        self.compare(a, b, allow, status=1)
        error = self.compare(a, b, status=2)
        for text in (self.text, error):
            self.assertFalse([c for c in text if ord(c) < 32 and c != "\n" or c in "\x7f\u202e"], text)
        markdown = harness.run("compare", a, b, allow, "--format", "markdown").stdout
        self.assertNotIn("<script", markdown)
        self.assertNotIn("://", markdown)
        self.assertNotIn("\n# head", markdown)
        self.assertNotIn("@team", markdown)
        rows = [line.replace("\\|", "") for line in markdown.splitlines() if line.startswith("|")]
        self.assertEqual({row.count("|") for row in rows}, {6})
        suite = xml.fromstring(harness.run("compare", a, b, allow, "--format", "junit").stdout)
        self.assertEqual(len(suite.findall("testcase")), 6)
        annotations = harness.run("compare", a, b, allow, "--format", "annotations").stdout.splitlines()
        self.assertEqual([line.split(" ")[0] for line in annotations], ["::error"] * 2)


if __name__ == "__main__":
    harness.main()
