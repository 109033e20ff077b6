"""SIGKILL of controller, guardian or worker, alone and together, while settings of the
whole machine are changed: every value comes back, by the guardian, and where that died
too by the next start or by `netstall restore`; finished repetitions are kept.

For a machine that is the test's own: a guest (scripts/vm.sh). The number of random moments
is NETSTALL_KILLS (default 12; the campaign is scripts/kill_campaign.sh --guest KERNEL)."""

import collections
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import traceback
import unittest

import harness

# An emulated CPU is slow, and slower beside others; what is killed is freed in the background.
PATIENCE = 180
CONTROLLER, GUARDIAN, WORKER = "controller", "netstall-guardian", "netstall-worker"
VICTIMS = (
    (CONTROLLER,),
    (GUARDIAN,),
    (WORKER,),
    (CONTROLLER, GUARDIAN),
    (GUARDIAN, CONTROLLER),
    (WORKER, GUARDIAN, CONTROLLER),
)
REPETITIONS = 40


@unittest.skipUnless(os.environ.get("NETSTALL_TEST_OWNS_MACHINE"), "changes the machine's settings: for a guest")
class KillHost(harness.Case):
    def setUp(self):
        super().setUp()
        self.machine = harness.Machine()
        self.out = self.path("report.json")
        self.journal = self.out + ".journal"
        self.scenario = harness.scenario(
            self.folder,
            sysctl={
                "server": {"net.ipv4.tcp_wmem": "4096 16384 4194304"},
                "host": {"net.core.wmem_max": 1048576, "net.core.netdev_budget": 299},
                "window": {"net.ipv4.tcp_mem": "10000 20000 30000"},
            },
            timing={"ramp": "20ms", "warmup": "20ms", "measure": "100ms", "repetitions": REPETITIONS},
        )

    def start(self, *arguments, **options):
        return harness.start(
            "run", self.scenario, "-o", self.out, "--allow-host-sysctl", "-v", *arguments, **options
        )

    def repetitions_begun(self):
        """How many the run itself said that it begins."""
        with open(self.path("said"), encoding="utf-8") as file:
            return len(re.findall(rf"^repetition \d+ of {REPETITIONS}", file.read(), re.MULTILINE))

    def journal_lines(self):
        try:
            with open(self.journal, encoding="utf-8") as file:
                return file.read().split("\n")[:-1]
        except FileNotFoundError:
            return []

    def take_journal(self, statuses):
        """How many whole repetitions it holds; a torn last line is none."""
        kept = self.journal_lines()[1:]
        for line in kept:
            self.assertIn(json.loads(line)["status"], statuses)
        for path in (self.journal, self.out):
            if os.path.exists(path):
                os.remove(path)
        return len(kept)

    def seconds_to_two_repetitions(self):
        begun = time.monotonic()
        running = self.start()
        harness.wait_until(lambda: len(self.journal_lines()) < 3, PATIENCE, "no two repetitions")
        seconds = time.monotonic() - begun
        running.kill()
        running.wait(PATIENCE)
        self.machine.assert_clean(PATIENCE)
        self.assertGreaterEqual(self.take_journal({"ok"}), 2)
        return seconds

    def kill(self, running, victims):
        """Those that there are at this moment, by what they are: none is a guardian before it
        is started."""
        killed = {}
        for victim in victims:
            pids = [running.pid] if victim == CONTROLLER else harness.children(running.pid, victim)[:1]
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:  # gone since it was found
                    continue
                killed[victim] = pid
        return killed

    def come_back(self, generator, dead):
        """Nobody is left to put things back: the next start does, or `restore`, which leaves
        alone what somebody still looks after."""
        if generator.random() < 0.5:
            harness.wait_until(lambda: any(os.path.exists(f"/proc/{pid}") for pid in dead), PATIENCE,
                               "what was killed is still there")
            restored = harness.run("restore", timeout=PATIENCE)
            self.assertEqual(restored.returncode, 0, restored.stdout + restored.stderr)
            return "restore"
        folder = self.path("plain")
        os.makedirs(folder, exist_ok=True)
        plain = harness.scenario(
            folder, timing={"ramp": "20ms", "warmup": "20ms", "measure": "100ms", "repetitions": 1}
        )
        try:
            again = harness.run("run", plain, "-o", self.path("next.json"), "-v", timeout=PATIENCE)
        except subprocess.TimeoutExpired as hung:
            with open("/proc/net/sockstat", encoding="utf-8") as file:
                self.fail(f"the next start does not end: {hung.stderr}\n{file.read()}")
        self.assertEqual(again.returncode, 0, again.stderr)
        return "next start"

    def one_kill(self, generator, span):
        victims = generator.choice(VICTIMS)
        with open(self.path("said"), "wb") as said:
            running = self.start(stderr=said)
        try:
            return self.killed_and_back(running, victims, generator, span)
        except BaseException:
            # Told at once, and out of the way of those that follow.
            print(f"killed of {victims}: {traceback.format_exc()}", file=sys.stderr, flush=True)
            running.kill()
            running.wait(PATIENCE)
            harness.run("restore", timeout=PATIENCE)
            for path in (self.journal, self.out):
                if os.path.exists(path):
                    os.remove(path)
            raise

    def killed_and_back(self, running, victims, generator, span):
        moment = time.monotonic() + generator.uniform(0, span)
        while time.monotonic() < moment and running.poll() is None:
            time.sleep(0.001)
        killed = self.kill(running, victims)
        by = "controller"
        if CONTROLLER in killed:
            running.wait(PATIENCE)
            if GUARDIAN in killed:
                by = self.come_back(generator, killed.values())
            else:
                by = "guardian"
        else:
            # The run goes on, or ends by itself: then with a status that says so.
            running.send_signal(signal.SIGINT)
            status = running.wait(PATIENCE)
            # Before anything is begun it dies of it as any program does.
            self.assertIn(status, (5, 130) if killed else (5, 130, -signal.SIGINT), killed)
        self.machine.assert_clean(PATIENCE)
        kept = self.take_journal({"ok", "failed", "interrupted"})
        # One that is begun comes after the end of all before it.
        self.assertGreaterEqual(kept, self.repetitions_begun() - 1)
        return by, kept

    def test_at_random_moments(self):
        span = self.seconds_to_two_repetitions()
        seed = int(os.environ.get("NETSTALL_KILL_SEED", "21"))
        generator = random.Random(seed)
        kills = int(os.environ.get("NETSTALL_KILLS", "12"))
        restored, kept = collections.Counter(), 0
        for number in range(kills):
            with self.subTest(kill=number, seed=seed):
                by, finished = self.one_kill(generator, span)
                restored[by] += 1
                kept += finished
        print(f"{kills} kills, put back by {dict(restored)}, {kept} finished repetitions kept")
        self.assertEqual(sum(restored.values()), kills)

    def test_at_every_step(self):
        """Of the controller; every step in the long form, those of the host's settings in
        the short one."""
        with open(os.path.join(harness.SOURCE, "bench/lab/step.cpp"), encoding="utf-8") as file:
            text = file.read()
        steps = [part for part in text.split('"')[1::2] if part and "/" not in part]
        if "NETSTALL_KILLS" not in os.environ:
            steps = [step for step in steps if step.startswith(("host_sysctl", "window"))]
        self.assertGreater(len(steps), 4)
        come_to = 0
        for step in steps:
            with self.subTest(step=step):
                running = self.start("--set", "/timing/repetitions=1", env={"NETSTALL_KILL_AT": step})
                status = running.wait(PATIENCE)
                # Cgroups and ports are not of this scenario.
                not_come_to = step.startswith(("cgroup_", "device"))
                self.assertEqual(status, 0 if not_come_to else -signal.SIGKILL)
                come_to += status != 0
                self.machine.assert_clean(PATIENCE)
                self.take_journal({"ok"})
        self.assertGreater(come_to, 3)


if __name__ == "__main__":
    if not os.environ.get("NETSTALL_TEST_OWNS_MACHINE"):
        print("SKIP: changes the machine's settings: for a guest")
        raise SystemExit(77)
    harness.main(needs_root=True)
