"""netstall ab and calibrate, run: short windows, few blocks."""

import json
import os
import signal
import subprocess
import sys

import harness

SMALL = "/flows/0/socket/sndbuf=16KiB"
LARGE = "/flows/0/socket/sndbuf=128KiB"
TIMING = {"ramp": "20ms", "warmup": "150ms", "measure": "400ms", "repetitions": 1}


class Sitting(harness.Case):
    def setUp(self):
        super().setUp()
        self.machine = harness.Machine()
        self.scenario = harness.scenario(self.folder, timing=TIMING)
        self.addCleanup(self.machine.assert_clean)

    def valid(self, path, schema):
        checked = subprocess.run(
            [
                sys.executable,
                os.path.join(harness.SOURCE, "tests/schema/check_schema.py"),
                os.path.join(harness.SOURCE, "results", schema),
                path,
            ],
            capture_output=True,
            text=True,
        )
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        with open(path, encoding="utf-8") as file:
            return json.load(file)


class Ab(Sitting):
    def test_a_planted_difference_has_the_right_sign(self):
        out = self.path("c.json")
        done = harness.run(
            "ab", self.scenario, "--a", LARGE, "--b", SMALL, "--metric", "stall.rate",
            "--write", f"json={out}", "--keep", self.path("kept"), timeout=300,
        )
        self.assertIn(done.returncode, (0, 1), done.stderr)
        comparison = self.valid(out, "comparison.schema.json")
        row = next(r for r in comparison["cells"][0]["metrics"] if r["metric"] == "stall.rate")
        # A smaller buffer has the same reader wait for it more often.
        self.assertEqual(row["verdict"], "regressed", row)
        self.assertEqual(done.returncode, 1)
        self.assertIn("regressed", done.stdout)
        self.assertEqual((comparison["design"], comparison["a"], comparison["b"]), ("interleaved", LARGE, SMALL))
        orders = []
        for arm, size in (("a", 131072), ("b", 16384)):
            report = harness.load(self.path(f"kept-{arm}.json"))
            repetitions = harness.repetitions(report)
            self.assertEqual(sorted(r["index"] for r in repetitions), list(range(12)))
            orders += [r["order"] for r in repetitions]
            for repetition in repetitions:
                self.assertEqual(repetition["flows"][0]["socket"]["sndbuf"]["requested"], size)
        # The first two were warm-ups.
        self.assertEqual(sorted(orders), list(range(2, 26)))

    def test_bad_settings_are_refused_before_anything_runs(self):
        for arms, expected in (
            (["--a", SMALL, "--b", SMALL], "same thing"),
            (["--b", "/flows/0/socket/sndbfu=1"], "sndbuf"),
            (["--b", "none.conf"], "none.conf"),
            (["--a", SMALL], "--b"),
            (["--a", "x.conf", "--a", "y.conf", "--b", SMALL], "two profiles"),
            (["--b", SMALL, "--blocks", "0"], "blocks"),
            (["--b", SMALL, "--metric", "stall.p98"], "stall.p98"),
            (["--b", SMALL, "--noise", self.path("none.json")], "none.json"),
        ):
            done = harness.run("ab", self.scenario, *arms)
            self.assertEqual(done.returncode, 2, f"{arms}: {done.stderr}")
            self.assertIn(expected, done.stderr)

    def test_interrupted_is_no_verdict(self):
        going = subprocess.Popen(
            [harness.NETSTALL, "ab", self.scenario, "--b", SMALL, "-v"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        seen = ""
        for line in going.stderr:
            seen += line
            if line.startswith("repetition 3 "):
                break
        going.send_signal(signal.SIGINT)
        out, err = going.communicate(timeout=60)
        self.assertEqual(going.returncode, 130, seen + err)
        self.assertEqual(out, "")
        self.assertIn("no verdict", err)


class Calibrate(Sitting):
    def test_floors_are_smallest_changes_of_later_comparisons(self):
        noise = self.path("noise.json")
        done = harness.run("calibrate", self.scenario, "-o", noise, "--keep", self.path("kept"), timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("goodput", done.stdout)
        floors = self.valid(noise, "noise.schema.json")["metrics"]
        self.assertGreater(floors["goodput"]["relative"], 0)
        out = self.path("c.json")
        compared = harness.run(
            "compare", self.path("kept-a.json"), self.path("kept-b.json"), "--noise", noise, "--write", f"json={out}"
        )
        self.assertIn(compared.returncode, (0, 1), compared.stderr)
        rows = self.valid(out, "comparison.schema.json")["cells"][0]["metrics"]
        goodput = next(r for r in rows if r["metric"] == "goodput")
        self.assertEqual(goodput["smallest_relative"], floors["goodput"]["relative"])
        # Floors of another machine are none of this one.
        with open(noise, encoding="utf-8") as file:
            document = json.load(file)
        document["environment"]["kernel"]["release"] = "1.0"
        with open(noise, "w", encoding="utf-8") as file:
            json.dump(document, file)
        refused = harness.run("compare", self.path("kept-a.json"), self.path("kept-b.json"), "--noise", noise)
        self.assertEqual(refused.returncode, 2)
        self.assertIn("kernel.release", refused.stderr)


if __name__ == "__main__":
    harness.main(needs_root=True)
