"""netstall-bench: cells as Google Benchmarks, in our own order, with what fails
told apart; its JSON is read by compare.py, and as googlecpp readers read it."""

import json
import os
import signal
import statistics
import subprocess
import sys

import harness

BENCH = os.environ["NETSTALL_BENCH"]
COMPARE = "/usr/share/benchmark/compare.py"
DEBIAN_PYTHON = "/usr/bin/python3"
SLOW, FAST = "test/readers=slow", "test/readers=fast"
SUFFIX = "/iterations:1/manual_time"
SWEEP = {
    "readers": [
        {"label": "slow", "set": {"/flows/0/connections": 4}},
        # Buffers that hold all that is sent: no stall, however late the reader gets its turn.
        {"label": "fast", "set": {"/flows/0/reader": {}, "/flows/0/pace": {"rate": "10/s"},
                                  "/flows/0/socket": {"sndbuf": "200KiB", "rcvbuf": "200KiB"}}},
    ]
}


def bench(*arguments, env=None):
    return subprocess.run([BENCH, *arguments], capture_output=True, text=True, timeout=120,
                          env={**os.environ, **(env or {})})


def strict(text):
    """JSON as every reader takes it: no NaN, no infinity."""
    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")
    return json.loads(text, parse_constant=refuse)


def workers_of(pid):
    """Worker processes that a process started."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                command = file.read()
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                parent = int(file.read().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if command.startswith(b"netstall-worker") and parent == pid:
            found.append(int(name))
    return found


class Bench(harness.Case):
    def setUp(self):
        super().setUp()
        self.machine = harness.Machine()
        self.scenario = harness.scenario(self.folder, sweep=SWEEP)

    def tearDown(self):
        self.machine.assert_clean()

    def rows(self, *arguments, status=0):
        done = bench(self.scenario, "--benchmark_format=json", *arguments)
        self.assertEqual(done.returncode, status, done.stderr)
        return strict(done.stdout)["benchmarks"]

    def test_every_cell_its_counters_and_our_order(self):
        out = self.path("out.json")
        done = bench(self.scenario, "--seed", "7", "--benchmark_repetitions=3", f"--benchmark_out={out}")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(SLOW + SUFFIX, done.stdout)
        with open(out, encoding="utf-8") as file:
            document = strict(file.read())
        self.assertEqual(document["context"]["netstall_seed"], "7")
        rows = [row for row in document["benchmarks"] if row["run_type"] == "iteration"]
        self.assertEqual([row["name"] for row in rows], [SLOW + SUFFIX] * 3 + [FAST + SUFFIX] * 3)
        for row in rows:
            self.assertEqual(row["failed"], 0)
            self.assertGreater(row["real_time"], 750, "ms: ramp, warm-up and window")
            slow = row["name"].startswith(SLOW)
            self.assertEqual(row["stall.occurrence"], 1 if slow else 0)
            self.assertEqual(row["stall.time"] > 0, slow)
        # Of aggregates the median alone, and it is that of the rows.
        medians = [row for row in document["benchmarks"] if row["run_type"] == "aggregate"]
        self.assertEqual([row["name"] for row in medians],
                         [SLOW + SUFFIX + "_median", FAST + SUFFIX + "_median"])
        for median, of in zip(medians, (rows[:3], rows[3:])):
            for key in ("real_time", "stall.time", "goodput"):
                expected = statistics.median(row[key] for row in of)
                self.assertAlmostEqual(median[key], expected, delta=1e-6 * expected + 1e-9, msg=key)
        # The same order as that of a run with this seed: rounds over both cells.
        order = [row["order"] for row in rows]
        self.assertEqual(sorted(order), list(range(6)))
        planned = self.path("run.json")
        done = harness.run("run", self.scenario, "-q", "--seed", "7", "--set", "/timing/repetitions=3",
                           "-o", planned)
        self.assertEqual(done.returncode, 0, done.stderr)
        ran = harness.repetitions(harness.load(planned))
        self.assertEqual(order, [repetition["order"] for repetition in ran])

    def test_filter_and_medians_alone(self):
        rows = self.rows("--benchmark_filter=readers=fast", "--benchmark_repetitions=2",
                         "--benchmark_report_aggregates_only=true")
        self.assertEqual([row["name"] for row in rows], [FAST + SUFFIX + "_median"])

    def test_a_failed_repetition_is_survived_and_told(self):
        out = self.path("out.json")
        running = subprocess.Popen(
            [BENCH, self.scenario, "--benchmark_filter=slow", "--benchmark_repetitions=3",
             "--benchmark_format=json", f"--benchmark_out={out}"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            harness.wait_until(lambda: not workers_of(running.pid), 30, "no worker")
            os.kill(workers_of(running.pid)[0], signal.SIGKILL)
            text, _ = running.communicate(timeout=60)
        finally:
            running.kill()
            running.wait()
        self.assertEqual(running.returncode, 5)
        rows = strict(text)["benchmarks"]
        repetitions = [row for row in rows if row["run_type"] == "iteration"]
        self.assertEqual([row["failed"] for row in repetitions], [1, 0, 0])
        self.assertNotIn("stall.time", repetitions[0])
        self.assertFalse([row for row in rows if row.get("error_occurred")])
        (median,) = [row for row in rows if row["run_type"] == "aggregate"]
        self.assertEqual(median["failed"], 1)
        expected = statistics.median(row["real_time"] for row in repetitions[1:])
        self.assertAlmostEqual(median["real_time"], expected, delta=1e-6 * expected)
        with open(out, encoding="utf-8") as file:
            self.assertEqual(strict(file.read())["benchmarks"], rows)

    def test_read_by_compare_py_and_as_googlecpp(self):
        out = self.path("out.json")
        done = bench(self.scenario, "--benchmark_repetitions=2", f"--benchmark_out={out}")
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(out, encoding="utf-8") as file:
            rows = strict(file.read())["benchmarks"]
        # What github-action-benchmark takes of a row: name, real_time, time_unit,
        # iterations, cpu_time, threads.
        for row in rows:
            self.assertIsInstance(row["name"], str)
            for key in ("real_time", "cpu_time", "iterations", "threads"):
                self.assertIsInstance(row[key], (int, float), key)
            self.assertEqual(row["time_unit"], "ms")
        if not os.path.exists(COMPARE):
            self.skipTest("not installed: libbenchmark-tools")
        done = subprocess.run([DEBIAN_PYTHON, COMPARE, "--no-color", "benchmarks", out, out],
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        line = next(line for line in done.stdout.splitlines() if line.startswith(SLOW))
        self.assertEqual(line.split()[1], "+0.0000")

    def test_a_missed_expectation_is_status_1(self):
        self.scenario = harness.scenario(
            self.folder, expect=[{"flow": "slow", "metric": "stall.max", "at_most": "1us"}])
        done = bench(self.scenario)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("MISS", done.stderr)

    def test_listing_and_bad_usage_run_nothing(self):
        done = bench(self.scenario, "--benchmark_list_tests", "--benchmark_out=" + self.path("out.json"))
        self.assertEqual((done.returncode, done.stdout.split()), (0, [SLOW + SUFFIX, FAST + SUFFIX]))
        for arguments, said in (
            (("--benchmark_filter=nothing",), "nothing"),
            (("--benchmark_filtre=x",), "--benchmark_filtre"),
            (("--benchmark_format=csv",), "csv"),
            (("--benchmark_min_warmup_time=1",), "/timing/warmup"),
            (("--benchmark_out=" + self.path("none/out.json"),), "none/out.json"),
            ((self.scenario,), "two of the name"),
            (("--set", "/flows/0/conections=3"), "connections"),
        ):
            done = bench(self.scenario, *arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""), arguments)
            self.assertIn(said, done.stderr)


if __name__ == "__main__":
    harness.main(needs_root=True)
