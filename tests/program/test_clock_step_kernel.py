"""A clock that is set while a run goes on: durations, rates and stalls are of the clock that
nobody sets, and only the times of day follow.

For a machine that is the test's own: a guest (scripts/vm.sh)."""

import datetime
import os
import time
import unittest

import harness

HOUR = 3600


@unittest.skipUnless(os.environ.get("NETSTALL_TEST_OWNS_MACHINE"), "sets the machine's clock: for a guest")
class ClockStep(harness.Case):
    def step(self, seconds):
        time.clock_settime(time.CLOCK_REALTIME, time.time() + seconds)

    def finished(self, out):
        try:
            with open(out + ".journal", encoding="utf-8") as file:
                return file.read().count("\n") - 1
        except FileNotFoundError:
            return 0

    def measures(self):
        """A window is measured by whoever has the machine's turn."""
        with open("/proc/locks", encoding="utf-8") as file:
            inodes = {line.split()[5].split(":")[2] for line in file if "->" not in line}
        try:
            return str(os.stat("/run/netstall/window.lock").st_ino) in inodes
        except FileNotFoundError:
            return False

    def test_a_step_either_way_within_the_window(self):
        measure_s = 4
        path = harness.scenario(
            self.folder,
            timing={"ramp": "50ms", "warmup": "100ms", "measure": f"{measure_s}s", "repetitions": 2})
        out = self.path("report.json")
        begun, monotonic = time.time(), time.monotonic()
        running = harness.start("run", path, "-o", out)
        self.addCleanup(running.kill)
        # The second ends its window beside a clock that has gone back.
        for repetition, seconds in enumerate((HOUR, -HOUR)):
            harness.wait_until(lambda: self.finished(out) < repetition, 60, "no repetition")
            harness.wait_until(lambda: not self.measures(), 60, "no window")
            self.step(seconds)
        self.assertEqual(running.wait(120), 0)
        took = time.monotonic() - monotonic
        report = harness.load(out)
        for one in sorted(harness.repetitions(report), key=lambda one: one["order"]):
            self.assertEqual(one["status"], "ok", one["reason"])
            self.assertGreater(one["duration_ns"], measure_s * 1e9)
            self.assertLess(one["duration_ns"], took * 1e9)
            (flow,) = one["flows"]
            # Four readers of 400 kB/s.
            self.assertAlmostEqual(flow["goodput_bytes_per_s"], 1.6e6, delta=0.2e6)
            times = one["series"]["t_ns"]
            self.assertEqual(times, sorted(times))
            self.assertLess(times[-1], (measure_s + 1) * 1e9)
            stalled = one["stalls"]["total"]
            # Four senders that wait nearly all the time.
            self.assertLessEqual(stalled["time_ns"], 4 * measure_s * 1e9)
            self.assertGreater(stalled["time_ns"], 2 * measure_s * 1e9)
        first, second = (datetime.datetime.fromisoformat(one["started_at"].replace("Z", "+00:00")).timestamp()
                         for one in sorted(harness.repetitions(report), key=lambda one: one["order"]))
        self.assertLess(first - begun, 60)
        self.assertGreater(second - begun, HOUR)


if __name__ == "__main__":
    harness.main(needs_root=True)
