"""SIGKILL of the controller at every step of set-up and unwinding, and at random
moments of a run: nothing is left, and every finished repetition is in the journal.

The number of random moments is NETSTALL_KILLS (default 25; the campaign is
scripts/kill_campaign.sh)."""

import json
import os
import random
import re
import signal
import time

import harness


def memory_limit():
    """That of this machine's cgroups: v1's, v2's, or none."""
    if os.path.exists("/sys/fs/cgroup/memory/memory.kmem.tcp.usage_in_bytes"):
        return {"tcp_memory_limit": {"server": "4MiB"}}
    try:
        with open("/sys/fs/cgroup/cgroup.controllers", encoding="ascii") as file:
            return {"memory_limit": {"server": {"max": "512MiB"}}} if "memory" in file.read().split() else {}
    except OSError:
        return {}


LIMIT = memory_limit()


class Kill(harness.Case):
    def setUp(self):
        super().setUp()
        self.machine = harness.Machine()
        self.out = self.path("report.json")
        self.journal = self.out + ".journal"

    def check_journal(self):
        """After the head, all lines but a torn last one are whole repetitions."""
        if not os.path.exists(self.journal):
            return 0
        with open(self.journal, encoding="utf-8") as file:
            lines = file.read().split("\n")
        for line in lines[1:-1]:
            self.assertEqual(json.loads(line)["status"], "ok")
        os.remove(self.journal)
        return max(0, len(lines) - 2)

    def repetitions_begun(self):
        """How many the run itself said that it begins."""
        with open(self.path("said"), encoding="utf-8") as file:
            return len(re.findall(r"^repetition \d+ of 40", file.read(), re.MULTILINE))

    def run_scenario(self):
        return harness.scenario(
            self.folder,
            lab=LIMIT,
            sysctl={"server": {"net.ipv4.tcp_wmem": "4096 16384 4194304"}},
            timing={"ramp": "20ms", "warmup": "20ms", "measure": "100ms", "repetitions": 40},
        )

    def steps_not_come_to(self):
        """This scenario sets nothing of the host's."""
        devices = ("device_announced", "device_moved", "devices_returned")
        cgroup = ("cgroup_announced", "cgroup_made", "cgroup_limited")
        host = ("host_sysctl_announced", "host_sysctl_written", "host_sysctl_restored")
        return devices + (host if LIMIT else host + cgroup)

    def test_at_every_step(self):
        path = self.run_scenario()
        steps = [
            "lab", "probes", "workers", "ramp", "warm-up", "measure", "results", "close", "unwind",
        ]
        with open(os.path.join(harness.SOURCE, "bench/lab/step.cpp"), encoding="utf-8") as file:
            text = file.read()
        lab_steps = [part for part in text.split('"')[1::2] if part and "/" not in part]
        self.assertGreater(len(lab_steps), 5)
        for step in steps + lab_steps:
            with self.subTest(step=step):
                running = harness.start("run", path, "-o", self.out, "--set", "/timing/repetitions=1",
                                        env={"NETSTALL_KILL_AT": step})
                status = running.wait(60)
                if step in self.steps_not_come_to():
                    self.assertEqual(status, 0)
                else:
                    self.assertEqual(status, -signal.SIGKILL)
                self.machine.assert_clean()
                self.check_journal()

    def journal_lines(self):
        try:
            with open(self.journal, encoding="utf-8") as file:
                return file.read().count("\n")
        except FileNotFoundError:
            return 0

    def seconds_to_two_repetitions(self, path):
        """As fast as this machine is just now."""
        begun = time.monotonic()
        running = harness.start("run", path, "-o", self.out)
        harness.wait_until(lambda: self.journal_lines() < 3, 60, "no two repetitions")
        seconds = time.monotonic() - begun
        running.kill()
        running.wait(20)
        self.machine.assert_clean()
        self.assertGreaterEqual(self.check_journal(), 2)
        return seconds

    def test_at_random_moments(self):
        path = self.run_scenario()
        span = self.seconds_to_two_repetitions(path)
        kills = int(os.environ.get("NETSTALL_KILLS", "25"))
        generator = random.Random(20)
        finished = 0
        for _ in range(kills):
            with open(self.path("said"), "wb") as said:
                running = harness.start("run", path, "-o", self.out, "-v", stderr=said)
            moment = time.monotonic() + generator.uniform(0, span)
            while time.monotonic() < moment and running.poll() is None:
                time.sleep(0.001)
            running.kill()
            running.wait(20)
            self.machine.assert_clean()
            kept = self.check_journal()
            # One that is begun comes after the end of all before it.
            self.assertGreaterEqual(kept, self.repetitions_begun() - 1)
            finished += kept
        print(f"{kills} kills, {finished} finished repetitions kept")
        self.assertGreater(finished, 0)


if __name__ == "__main__":
    harness.main(needs_root=True)
