"""lab.memory_limit: memory.max and memory.high of cgroup v2, for a side's workers. Needs a
kernel whose memory controller is v2's, as the guests have (scripts/vm.sh); elsewhere the one
test that runs is of what is said there."""

import unittest

import harness


def why_not():
    """What plan says of such a scenario here; nothing where it can be run."""
    with harness.tempfile.TemporaryDirectory() as folder:
        path = harness.scenario(folder, lab={"memory_limit": {"server": {"max": "256MiB"}}})
        done = harness.run("plan", path)
    for line in done.stdout.splitlines():
        at = line.find("A memory limit of one side needs")
        if at >= 0:
            return line[at:]
    return None


WHY_NOT = why_not()
# Senders that keep a full buffer each before readers that hardly read: all in memory of the
# server's, which sends.
HUNGRY = {
    "name": "hungry",
    "connections": 64,
    "sender": "server",
    "io": "blocking",
    "payload": {"fixed": "16KiB"},
    "reader": {"rate": "200kB/s", "chunk": "16KiB"},
    "socket": {"sndbuf": "1MiB", "rcvbuf": "32KiB", "force_buffers": True},
}
TIMING = {"ramp": "200ms", "warmup": "1s", "measure": "3s", "repetitions": 1}


class MemoryLimit(harness.Case):
    def setUp(self):
        super().setUp()
        self.out = self.path("report.json")

    def run_scenario(self, status=0, **changes):
        machine = harness.Machine()
        path = harness.scenario(self.folder, **changes)
        done = harness.run("run", path, "-o", self.out)
        self.assertEqual(done.returncode, status, done.stderr + done.stdout)
        machine.assert_clean()
        self.said = done.stdout + done.stderr
        return harness.repetitions(harness.load(self.out))

    @unittest.skipUnless(WHY_NOT, "this machine has the memory controller of cgroup v2")
    def test_without_the_controller_plan_says_why_and_such_cells_are_skipped(self):
        self.assertIn("cgroup v2's memory controller, and", WHY_NOT)
        self.assertIn("--guest", WHY_NOT)
        slow, limited = self.run_scenario(sweep={"case": [
            {"label": "slow-readers", "set": {}},
            {"label": "limited", "set": {"/lab/memory_limit": {"server": {"max": "256MiB"}}}},
        ]})
        self.assertEqual(slow["status"], "ok")
        self.assertEqual(limited["status"], "skipped")
        self.assertEqual(limited["reason"], WHY_NOT)
        self.run_scenario(status=4, lab={"memory_limit": {"client": {"high": "1GiB"}}})

    @unittest.skipIf(WHY_NOT, WHY_NOT)
    def test_the_report_says_which_limits_held_and_what_they_did(self):
        (repetition,) = self.run_scenario(
            lab={"memory_limit": {"server": {"max": "512MiB", "high": "400MiB"}, "client": {"max": "1GiB"}}}
        )
        self.assertEqual(repetition["memory_limit"], {
            "server": "cgroup v2 memory.max, 536870912 bytes; memory.high, 419430400 bytes",
            "client": "cgroup v2 memory.max, 1073741824 bytes",
        })
        self.assertTrue(repetition["restored"])
        gauges = repetition["kernel"]["server"]["gauges"]
        self.assertGreater(gauges["memory_cgroup.current"]["end"], 1_000_000)
        self.assertGreater(gauges["memory_cgroup.sock"]["end"], 100_000)
        # Limits that nothing came near to.
        counters = repetition["kernel"]["server"]["counters"]
        self.assertFalse([name for name in counters if name.startswith("memory_cgroup.")], counters)

    @unittest.skipIf(WHY_NOT, WHY_NOT)
    def test_a_tcp_memory_limit_is_skipped_and_this_one_named(self):
        (skipped,) = self.run_scenario(status=4, lab={"tcp_memory_limit": {"server": "1MiB"}})
        self.assertIn("cgroup v2 has no limit of TCP memory alone; lab.memory_limit", skipped["reason"])

    @unittest.skipIf(WHY_NOT, WHY_NOT)
    def test_beyond_high_senders_are_throttled(self):
        (repetition,) = self.run_scenario(
            lab={"memory_limit": {"server": {"high": "16MiB"}}}, flows=[HUNGRY], timing=TIMING)
        self.assertGreater(repetition["kernel"]["server"]["counters"]["memory_cgroup.high"], 0)
        (flow,) = repetition["flows"]
        if "cgroup_throttle" in repetition["probes"]["cannot_tell"]:
            self.skipTest(f"by {repetition['probes']['backend']} this cause is not told")
        causes = flow["stalls"]["by_cause"]
        print({cause: (told["count"], round(told["time_ns"] / 1e9, 2))
               for cause, told in causes.items() if told and told["count"]}, end=" ", flush=True)
        # Within the kernel these threads slept for most of the time, and no socket was waited for.
        self.assertGreater(causes["cgroup_throttle"]["time_ns"], 0.8 * flow["stalls"]["total"]["time_ns"])
        self.assertGreater(causes["cgroup_throttle"]["duration_ns"]["max"], 100_000_000)
        self.assertEqual(causes["unknown"]["count"], 0)
        self.assertEqual(causes["mem_shortage"]["count"], 0)
        self.assertAlmostEqual(flow["own_clock"]["total"]["time_ns"] / flow["stalls"]["total"]["time_ns"], 1, delta=0.05)

    @unittest.skipIf(WHY_NOT, WHY_NOT)
    def test_a_worker_that_max_costs_is_said(self):
        (repetition,) = self.run_scenario(
            status=5, lab={"memory_limit": {"server": {"max": "8MiB"}}}, flows=[HUNGRY], timing=TIMING)
        self.assertEqual(repetition["status"], "failed")
        self.assertIn("of the server's processes for want of memory (cgroup v2 memory.max, 8388608 bytes)",
                      repetition["reason"])
        self.assertTrue(repetition["restored"])


if __name__ == "__main__":
    harness.main(needs_root=True)
