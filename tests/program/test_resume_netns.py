"""run --resume: what a killed or interrupted run has finished is not run again, and
what is gone on with is the same run."""

import json
import os
import shutil
import signal

import harness


class Resume(harness.Case):
    def setUp(self):
        super().setUp()
        self.out = self.path("report.json")
        self.journal = self.out + ".journal"
        self.scenario = harness.scenario(
            self.folder,
            timing={"ramp": "0ms", "warmup": "0ms", "measure": "150ms", "repetitions": 3},
            sweep={"/flows/0/connections": [1, 2]},
        )

    def finished(self):
        """The finished repetitions in the journal, by cell and index."""
        if not os.path.exists(self.journal):
            return {}
        with open(self.journal, encoding="utf-8") as file:
            lines = [json.loads(line) for line in file.read().split("\n")[1:-1]]
        return {
            (line["cell"], line["index"]): line
            for line in lines
            if "status" in line and line["status"] != "interrupted"
        }

    def end_early(self, end, count=2):
        running = harness.start("run", self.scenario, "-o", self.out)
        harness.wait_until(lambda: len(self.finished()) < count, 20, "too few repetitions finished")
        running.send_signal(end)
        running.wait(20)
        return self.finished()

    def check_whole(self, kept, resumptions):
        report = harness.load(self.out)
        self.assertEqual(len(report["environment"]["run"]["resumed_at"].split(", ")), resumptions)
        found = {}
        for number, cell in enumerate(report["cells"]):
            for repetition in cell["repetitions"]:
                self.assertEqual(repetition["status"], "ok")
                found[number, repetition["index"]] = repetition
        self.assertEqual(sorted(found), [(c, i) for c in range(2) for i in range(3)])
        self.assertEqual(sorted(r["order"] for r in found.values()), list(range(6)))
        for key, repetition in kept.items():
            self.assertEqual(found[key]["started_at"], repetition["started_at"], "run again")
        self.assertFalse(os.path.exists(self.journal))
        return report

    def test_a_killed_run_is_gone_on_with(self):
        kept = self.end_early(signal.SIGKILL)
        with open(self.journal, encoding="utf-8") as file:
            begun = json.loads(file.readline())["started_at"]
        with open(self.journal, "a", encoding="utf-8") as file:
            file.write('{"index": 0, "torn')
        done = harness.run("run", self.scenario, "-o", self.out, "--resume")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"6 repetitions of 2 cells, {len(kept)} of them finished, about", done.stderr)
        self.assertEqual(self.check_whole(kept, 1)["started_at"], begun)

    def test_an_interrupted_one_too_and_twice(self):
        self.end_early(signal.SIGINT, 1)
        self.assertEqual(len(harness.load(self.out)["cells"]), 2)
        running = harness.start("run", self.scenario, "-o", self.out, "--resume")
        harness.wait_until(lambda: len(self.finished()) < 3, 20, "too few repetitions finished")
        running.kill()
        running.wait(20)
        kept = self.finished()
        done = harness.run("run", self.scenario, "-o", self.out, "--resume", "-q")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.check_whole(kept, 2)

    def test_another_run_is_refused_and_the_journal_kept(self):
        self.end_early(signal.SIGKILL, 1)
        with open(self.journal, "rb") as file:
            text = file.read()
        for change, said in (
            (["--seed", "2"], "its seed is 1, this run's 2"),
            (["--set", "/timing/measure=200ms"], "its scenario (as a hash, with profile and --set) is"),
            (["--probes", "off"], "its choice of probes is auto, this run's off"),
        ):
            done = harness.run("run", self.scenario, "-o", self.out, "--resume", *change)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(said, done.stderr)
            with open(self.journal, "rb") as file:
                self.assertEqual(file.read(), text)

    def test_a_journal_of_another_netstall_is_refused(self):
        self.end_early(signal.SIGKILL, 1)
        with open(self.journal, encoding="utf-8") as file:
            head, rest = file.read().split("\n", 1)
        with open(self.journal, "w", encoding="utf-8") as file:
            file.write(json.dumps({**json.loads(head), "tool": "0.0.1 (revision old)"}) + "\n" + rest)
        done = harness.run("run", self.scenario, "-o", self.out, "--resume")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("its netstall is 0.0.1 (revision old), this run's ", done.stderr)

    def test_without_a_name_the_only_journal_of_the_scenario_is_taken(self):
        results = self.path("results")
        os.mkdir(results)
        kept = self.end_early(signal.SIGKILL)
        left = os.path.join(results, "test-1.json")
        shutil.copy(self.journal, left + ".journal")
        shutil.copy(self.journal, os.path.join(results, "test-2.json.journal"))
        done = harness.run("run", self.scenario, "--resume", cwd=self.folder)
        self.assertEqual(done.returncode, 2)
        self.assertIn("several journals", done.stderr)
        os.remove(os.path.join(results, "test-2.json.journal"))
        done = harness.run("run", self.scenario, "--resume", cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.out = left
        os.remove(self.journal)
        self.check_whole(kept, 1)

    def test_nothing_to_resume_is_said(self):
        done = harness.run("run", self.scenario, "-o", self.out, "--resume")
        self.assertEqual(done.returncode, 2)
        self.assertIn("no run that was to write this report", done.stderr)
        done = harness.run("run", self.scenario, "--resume", cwd=self.folder)
        self.assertEqual(done.returncode, 2)
        self.assertIn("no journal of a killed or interrupted run", done.stderr)


if __name__ == "__main__":
    harness.main(needs_root=True)
