"""What `netstall export` writes is read back by the programs that such files are
for, and its figures are those that the report itself says."""

import csv
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree

DEBIAN_PYTHON = "/usr/bin/python3"
NEEDED = {
    "prometheus_client": "python3-prometheus-client",
    "junitparser": "python3-junitparser",
    "scipy": "python3-scipy",
}
COMPARE = "/usr/share/benchmark/compare.py"

if any(importlib.util.find_spec(name) is None for name in NEEDED):
    # Debian's packages are for Debian's Python, which need not be the first in PATH.
    if os.path.exists(DEBIAN_PYTHON) and not os.path.samefile(sys.executable, DEBIAN_PYTHON):
        os.execv(DEBIAN_PYTHON, [DEBIAN_PYTHON, *sys.argv])
    print("SKIP: not installed:", *NEEDED.values())
    sys.exit(77)
if not os.path.exists(COMPARE):
    print("SKIP: not installed: libbenchmark-tools")
    sys.exit(77)

import junitparser
from prometheus_client.openmetrics.parser import text_string_to_metric_families

import harness

HOSTILE = [
    '=cmd|"/c calc"!A1,x',
    "</testcase><script>alert(1)</script>]]>&amp;",
    'a"} 1\nnetstall_fake{x="',
    "| <img src=x> | `code` @someone http://evil/ [x](y)",
    "\x1b[31m\x00\u202e\\\\\"'",
    '", "value": 0, "x": "',
]


SAMPLE = harness.load(os.path.join(harness.SOURCE, "model/testdata/report.json"))


def copy(value):
    return json.loads(json.dumps(value))


def report(names=("a=1", "a=2")):
    """Two cells of three good repetitions and a failed one, and one without any good."""
    document = copy(SAMPLE)
    model = document["cells"][0]
    repetition = model["repetitions"][0]
    document["cells"] = []
    for at, name in enumerate(names):
        cell = {**copy(model), "id": name, "parameters": {"/x": name}}
        cell["repetitions"] = []
        for index in range(4):
            one = copy(repetition)
            one.update(index=index, order=10 * at + index)
            one["flows"][0]["goodput_bytes_per_s"] = (at + 1) * 1000.5 + 7 * (index * 2 % 3)
            cell["repetitions"].append(one)
        failed = cell["repetitions"][3]
        failed.update(status="failed", reason="lost its worker")
        failed["flows"][0]["goodput_bytes_per_s"] = 1e300
        document["cells"].append(cell)
    bad = {**copy(document["cells"][0]), "id": "all-failed"}
    for one in bad["repetitions"]:
        one.update(status="failed", reason="lost its worker")
    document["cells"].append(bad)
    return document


def middle(values):
    return sorted(values)[len(values) // 2]  # of an odd number


def good(cell):
    return [r for r in cell["repetitions"] if r["status"] == "ok"]


def goodput(cell):
    return middle([r["flows"][0]["goodput_bytes_per_s"] for r in good(cell)])


def stall_time(cell):
    """By the definition in docs/metrics.md, from the report's own numbers."""
    values = []
    for repetition in good(cell):
        flow = repetition["flows"][0]
        window_s = repetition["window_ns"] / 1e9
        connections = flow["connections"]["established"]
        values.append(flow["stalls"]["total"]["time_ns"] / (connections * window_s))
    return middle(values)


class Export(harness.Case):
    def export(self, document, form, *options, status=0):
        path = self.path("report.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(document, file)
        done = harness.run("export", path, "--format", form, *options)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout if status == 0 else done.stderr

    def rows(self, document, *options):
        return list(csv.DictReader(io.StringIO(self.export(document, "csv", *options), newline="")))


class Csv(Export):
    def test_a_row_per_good_repetition_and_metric(self):
        document = report()
        rows = self.rows(document)
        metrics = {(row["flow"], row["metric"]) for row in rows}
        self.assertGreater(len(metrics), 40)
        self.assertEqual(len(rows), len(metrics) * 6)
        self.assertEqual({row["cell"] for row in rows}, {"a=1", "a=2"})
        found = {}
        for row in rows:
            if row["metric"] == "goodput":
                found[row["cell"], int(row["repetition"])] = float(row["value"])
                self.assertEqual((row["unit"], row["better"]), ("bytes_per_s", "higher"))
        for cell in document["cells"][:2]:
            for one in good(cell):
                expected = one["flows"][0]["goodput_bytes_per_s"]
                self.assertEqual(found[cell["id"], one["index"]], expected)
        self.assertEqual(json.loads(rows[0]["parameters"]), {"/x": "a=1"})

    def test_units_and_directions_are_those_of_the_catalogue(self):
        with open(os.path.join(harness.SOURCE, "docs/metrics.md"), encoding="utf-8") as file:
            table = re.findall(r"^\| `([^`]+)` \| (\S+) \| (\w+) \|", file.read(), re.MULTILINE)
        catalogue = {name: (unit, better) for name, unit, better in table}
        rows = self.rows(report(), "--metric", "all")
        named = {row["metric"]: (row["unit"], row["better"]) for row in rows}
        self.assertEqual(set(catalogue) - set(named), set())
        for name, said in catalogue.items():
            self.assertEqual(named[name], said, name)

    def test_not_measured_is_empty(self):
        rows = self.rows(report(), "--metric", "acked_latency.p99")
        self.assertEqual([row["value"] for row in rows], [""] * 6)

    def test_hostile_strings_are_text(self):
        for row in self.rows(report(HOSTILE)):
            for key in ("scenario", "cell", "parameters", "flow"):
                self.assertNotIn(row[key][:1], set("=+-@\t\r"), row)
                self.assertNotRegex(row[key], r"[\x00-\x1f\x7f]")
        self.assertEqual(len({row["cell"] for row in self.rows(report(HOSTILE))}), len(HOSTILE))


class Markdown(Export):
    def table(self, text):
        return [line for line in text.splitlines() if line.startswith("| ")][1:]

    def test_worst_first_and_what_failed(self):
        document = report()
        slow = document["cells"][1]
        for one in slow["repetitions"]:
            one["flows"][0]["stalls"]["total"]["time_ns"] *= 3
        text = self.export(document, "markdown")
        rows = self.table(text)
        self.assertEqual([row.split("|")[1].strip() for row in rows], ["all-failed", "a=2", "a=1"])
        self.assertIn("lost its worker", text)
        self.assertIn("**missed** in a=1", text)
        self.assertNotIn("nan", text.lower())

    def test_hostile_strings_are_text(self):
        text = self.export(report(HOSTILE), "markdown")
        self.assertEqual(len(self.table(text)), len(HOSTILE) + 1)
        for mark in ("<img", "<script", " @someone", "http://", " `code`", "[x](", "\x1b", "\x00"):
            self.assertNotIn(mark, text)
        columns = {len(re.findall(r"(?<!\\)\|", row)) for row in self.table(text)}
        self.assertEqual(len(columns), 1, "a name opens a column")

    def test_fits_a_step_summary(self):
        document = report()
        cell = document["cells"][0]
        cell["repetitions"] = cell["repetitions"][:1]
        document["cells"] = [{**cell, "id": f"{at}-" + "x" * 2000} for at in range(1000)]
        text = self.export(document, "markdown")
        self.assertLess(len(text.encode()), 1 << 20)
        self.assertRegex(text, r"\d+ more rows")


class Junit(Export):
    def test_read_by_junitparser(self):
        document = report()
        text = self.export(document, "junit")
        suites = list(junitparser.JUnitXml.fromstring(text.encode()))
        self.assertEqual([suite.name for suite in suites],
                         ["sample.a=1", "sample.a=2", "sample.all-failed"])
        for suite, cell in zip(suites, document["cells"]):
            counted = {"failures": 0, "errors": 0, "skipped": 0}
            for case in suite:
                for result in case.result:
                    kind = type(result).__name__
                    counted[{"Failure": "failures", "Error": "errors", "Skipped": "skipped"}[kind]] += 1
            self.assertEqual(
                counted,
                {"failures": suite.failures, "errors": suite.errors, "skipped": suite.skipped})
            self.assertEqual(len(list(suite)), suite.tests)
            missed = [e for e in cell["expectations"] if not e["passed"]]
            self.assertEqual(suite.failures, len(missed) if good(cell) else 0)
        self.assertEqual(suites[2].errors, 1)
        names = [case.name for case in suites[0]]
        self.assertIn("slow: stall.p99 at most 10 ms", names)
        self.assertIn("slow: stall.time", names)
        for judged in ("slow: stall.p99", "slow: goodput"):
            self.assertNotIn(judged, names)

    def test_a_missed_expectation_names_the_cell_and_its_command(self):
        document = report(names=("a=1", "b c"))
        suites = list(junitparser.JUnitXml.fromstring(self.export(document, "junit").encode()))
        for suite, cell in zip(suites, ("a=1", "'b c'")):
            (said,) = {result.text for case in suite for result in case.result
                       if case.name.startswith("messages")}
            self.assertTrue(said.endswith(f"Alone: {document['command']} --cell {cell}"), said)
            (said,) = {result.text for case in suite for result in case.result
                       if "goodput at least" in case.name}
            self.assertTrue(said.endswith(f"--cell {cell} --cell sndbuf=absent"), said)
        self.assertRegex(self.export(document, "markdown"), r"\*\*missed\*\* in a=1: .*; alone: .*cell a=1")
        del document["command"]
        self.assertIn("netstall run sample.json --cell a=1", self.export(document, "junit"))

    def test_hostile_strings_are_text(self):
        text = self.export(report(HOSTILE), "junit")
        tree = xml.etree.ElementTree.fromstring(text.encode())
        self.assertEqual(len(tree.findall("testsuite")), len(HOSTILE) + 1)
        allowed = {"testsuites", "testsuite", "testcase", "failure", "error", "skipped", "system-out"}
        self.assertLessEqual({element.tag for element in tree.iter()}, allowed)

    def test_written_even_where_all_failed(self):
        document = report()
        document["cells"] = document["cells"][2:]
        tree = xml.etree.ElementTree.fromstring(self.export(document, "junit"))
        self.assertEqual(len(tree.findall(".//error")), 1)


class GoogleBenchmark(Export):
    def compare(self, base, new):
        done = subprocess.run(
            [sys.executable, COMPARE, "--no-color", "benchmarks", base, new],
            capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def written(self, name, document, *options):
        path = self.path(name)
        self.export(document, "gbench", "-o", path, *options)
        return path

    def test_read_by_compare_py(self):
        base = report()
        new = copy(base)
        for cell in new["cells"][:2]:
            for one in cell["repetitions"]:
                one["flows"][0]["stalls"]["total"]["time_ns"] *= 2
        said = self.compare(self.written("base.json", base), self.written("new.json", new))
        line = next(l for l in said.splitlines() if l.startswith("sample/a=1/slow/stall.time"))
        self.assertEqual(line.split()[1], "+1.0000", said)
        line = next(l for l in said.splitlines() if l.startswith("sample/a=1/slow/stall.p99"))
        self.assertEqual(line.split()[1], "+0.0000", said)
        self.assertNotIn("nan", said.lower())

    def test_no_stall_at_all_is_no_trouble(self):
        document = report()
        for cell in document["cells"]:
            for one in cell["repetitions"]:
                one["flows"][0]["stalls"]["total"]["time_ns"] = 0
        path = self.written("none.json", document, "--metric", "stall.time")
        self.assertNotIn("nan", self.compare(path, path).lower())

    def test_as_github_action_benchmark_reads_googlecpp(self):
        document = harness.load(self.written("gbench.json", report(HOSTILE)))
        for row in document["benchmarks"]:
            self.assertIsInstance(row["real_time"], (int, float))
            self.assertIsInstance(row["cpu_time"], (int, float))
            self.assertEqual((row["iterations"], row["threads"], row["time_unit"]), (1, 1, "ns"))
        names = [row["name"] for row in document["benchmarks"]]
        self.assertEqual(len(names), len(set(names)), "one row each")
        self.assertFalse([name for name in names if "all-failed" in name])

    def test_holds_times_alone(self):
        said = self.export(report(), "gbench", "--metric", "goodput", status=2)
        self.assertIn("goodput", said)


class GithubAction(Export):
    def test_custom_smaller_is_better(self):
        document = report()
        rows = json.loads(self.export(document, "github-action"))
        self.assertEqual({frozenset(row) for row in rows},
                         {frozenset(("name", "unit", "value", "range", "extra"))})
        values = {row["name"]: row["value"] for row in rows}
        self.assertEqual(len(values), len(rows), "one row each")
        self.assertNotIn("sample/a=1/slow goodput", values)
        for cell in document["cells"][:2]:
            found = values[f"sample/{cell['id']}/slow stall.time"]
            self.assertAlmostEqual(found, stall_time(cell), delta=1e-6 * found)

    def test_hostile_strings_are_text(self):
        rows = json.loads(self.export(report(HOSTILE), "github-action"))
        cells = {row["name"].rpartition(" ")[0] for row in rows}
        self.assertEqual(len(cells), len(HOSTILE))
        self.assertFalse([row for row in rows if not isinstance(row["value"], (int, float))])


class Bencher(Export):
    def test_metric_format(self):
        document = report()
        benchmarks = json.loads(self.export(document, "bencher"))
        self.assertEqual(set(benchmarks), {"sample/a=1/slow", "sample/a=2/slow"})
        for cell in document["cells"][:2]:
            measures = benchmarks[f"sample/{cell['id']}/slow"]
            self.assertEqual(measures["goodput"]["value"], goodput(cell))
            for name, measure in measures.items():
                self.assertLessEqual(len(name), 64)
                self.assertLessEqual(measure["lower_value"], measure["value"])
                self.assertLessEqual(measure["value"], measure["upper_value"])

    def test_hostile_strings_are_text(self):
        self.assertEqual(len(json.loads(self.export(report(HOSTILE), "bencher"))), len(HOSTILE))


class OpenMetrics(Export):
    def families(self, document, *options):
        text = self.export(document, "openmetrics", *options)
        return {family.name: family for family in text_string_to_metric_families(text)}

    def test_read_by_prometheus(self):
        document = report()
        families = self.families(document)
        self.assertEqual(families["netstall_goodput_bytes_per_second"].unit, "bytes_per_second")
        values = {
            (sample.labels["cell"], sample.labels["flow"]): sample.value
            for sample in families["netstall_stall_time_seconds"].samples
        }
        self.assertEqual(set(values), {("a=1", "slow"), ("a=2", "slow")})
        for cell in document["cells"][:2]:
            self.assertAlmostEqual(values[cell["id"], "slow"], stall_time(cell) / 1e9, places=12)
        counts = {s.labels["cell"]: s.value for s in families["netstall_good_repetitions"].samples}
        self.assertEqual(counts, {"a=1": 3, "a=2": 3, "all-failed": 0})

    def test_the_whole_catalogue(self):
        rows = {row["metric"] for row in self.rows(report(), "--metric", "all") if row["value"]}
        self.assertEqual(len(self.families(report(), "--metric", "all")), len(rows) + 2)

    def test_hostile_strings_are_labels(self):
        families = self.families(report(HOSTILE))
        self.assertNotIn("netstall_fake", families)
        cells = {s.labels["cell"] for s in families["netstall_goodput_bytes_per_second"].samples}
        self.assertEqual(len(cells), len(HOSTILE))


class Choices(Export):
    def test_cells_and_flows(self):
        rows = self.rows(report(), "--cell", "a=2", "--flow", "slow", "--metric", "goodput")
        self.assertEqual({(row["cell"], row["metric"]) for row in rows}, {("a=2", "goodput")})

    def test_what_is_not_there_is_told(self):
        self.assertIn("a=1, a=2", self.export(report(), "csv", "--cell", "a=3", status=2))
        self.assertIn("slow", self.export(report(), "csv", "--flow", "sloww", status=2))
        self.assertIn("stall.p98", self.export(report(), "csv", "--metric", "stall.p98", status=2))
        self.assertIn("openmetrics", self.export(report(), "prometheus", status=2))
        self.assertIn("send_latency", self.export(report(), "hgrm", "--histogram", "x", status=2))
        self.assertIn("--histogram", self.export(report(), "hgrm", "--metric", "goodput", status=2))
        self.assertIn("--metric", self.export(report(), "csv", "--histogram", "stall", status=2))

    def test_what_failed_is_said(self):
        path = self.path("report.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(report(), file)
        done = harness.run("export", path, "--format", "csv", "-o", self.path("out.csv"))
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assertIn("6 of 12 repetitions", done.stderr)


class BadInput(Export):
    FORMATS = ("csv", "gbench", "github-action", "bencher", "openmetrics", "hgrm")

    def test_nothing_good_is_no_export(self):
        document = report()
        document["cells"] = document["cells"][2:]
        for form in self.FORMATS:
            out = self.path("out")
            said = self.export(document, form, "-o", out, status=2)
            self.assertIn("none of its 4 repetitions is good", said)
            self.assertEqual([n for n in os.listdir(self.folder) if n.startswith("out")], [])

    def test_no_cell_at_all(self):
        self.assertIn("no repetition", self.export({**report(), "cells": []}, "csv", status=2))

    def test_a_cell_twice(self):
        document = report()
        document["cells"][1]["id"] = "a=1"
        self.assertIn("twice", self.export(document, "bencher", status=2))

    def test_another_schema_and_truncated(self):
        self.assertIn("netstall/report/9",
                      self.export({**report(), "schema": "netstall/report/9"}, "csv", status=2))
        path = self.path("cut.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write(json.dumps(report())[:-50])
        done = harness.run("export", path, "--format", "csv")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("cut.json", done.stderr)

    def test_files_that_cannot_be(self):
        done = harness.run("export", self.path("none.json"), "--format", "csv")
        self.assertEqual(done.returncode, 2)
        self.assertIn("none.json", done.stderr)
        for place in (self.folder, self.path("none/out.csv")):
            self.assertIn(place, self.export(report(), "csv", "-o", place, status=2))

    def test_a_full_disk_is_an_error(self):
        self.export(report(), "csv", "-o", "/dev/full", status=5)


if __name__ == "__main__":
    harness.main()
