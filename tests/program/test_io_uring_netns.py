"""Flows that send by io_uring: beside others, and where the kernel forbids it."""

import errno
import os
import subprocess
import unittest

import harness


def flow(name, io, **changes):
    return {
        "name": name,
        "connections": 4,
        "sender": "server",
        "io": io,
        "payload": {"fixed": "1KiB"},
        "pace": {"rate": "200/s"},
        **changes,
    }


class IoUring(harness.Case):
    @unittest.skipIf(harness.why_no_io_uring(), harness.why_no_io_uring())
    def test_flows_of_every_io_run_beside_each_other(self):
        machine = harness.Machine()
        out = self.path("report.json")
        path = harness.scenario(
            self.folder,
            flows=[
                flow("threads", "blocking"),
                flow("edge", "nonblocking"),
                flow("level", "level-triggered"),
                flow("ring", "io-uring"),
                flow("both", "io-uring", pattern="duplex"),
            ],
            timing={"ramp": "50ms", "warmup": "200ms", "measure": "1s", "repetitions": 1},
        )
        planned = harness.run("plan", path)
        self.assertEqual(planned.returncode, 0, planned.stderr)
        rings = [line for line in planned.stdout.splitlines() if "a ring (io_uring)" in line]
        # The server sends both of them, the client one.
        self.assertEqual(len(rings), 2, planned.stdout)
        done = harness.run("run", path, "-o", out)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        machine.assert_clean()
        (repetition,) = harness.repetitions(harness.load(out))
        for part in repetition["flows"]:
            both = part["name"] == "both"
            self.assertAlmostEqual(part["messages"] + part["backlog"], 1600 if both else 800, delta=160)
            self.assertEqual(part["connections"]["alive"], 4, part["errors"])
            ring = part["name"] in ("ring", "both")
            (self.assertIsNone if ring else self.assertIsNotNone)(part["send_call_ns"])
            self.assertEqual(part["send_latency_ns"]["count"], part["messages"])

    @unittest.skipUnless(harness.can_refuse_system_calls(), "the filter is written for x86-64")
    def test_where_rings_are_forbidden_it_is_said(self):
        machine = harness.Machine()
        path = harness.scenario(self.folder, flows=[flow("ring", "io-uring")])
        for error, words in ((errno.EPERM, "seccomp"), (errno.ENOSYS, "this kernel has no io_uring")):
            refusing = harness.refusing("io_uring_setup", error)
            planned = harness.run("plan", path, preexec_fn=refusing)
            self.assertEqual(planned.returncode, 4, planned.stdout + planned.stderr)
            self.assertIn(words, planned.stdout)
            done = harness.run("run", path, "-o", self.path("report.json"), preexec_fn=refusing)
            self.assertEqual(done.returncode, 4, done.stdout + done.stderr)
            self.assertIn(words, harness.said(done))
            doctor = harness.run("doctor", preexec_fn=refusing)
            self.assertIn(words, doctor.stdout)
            # Other cells are run all the same.
            swept = harness.scenario(
                self.folder, flows=[flow("ring", "nonblocking")], sweep={"/flows/0/io": ["nonblocking", "io-uring"]}
            )
            done = harness.run("run", swept, "-o", self.path("report.json"), preexec_fn=refusing)
            statuses = [
                repetition["status"] for repetition in harness.repetitions(harness.load(self.path("report.json")))
            ]
            self.assertEqual(sorted(statuses), ["ok", "skipped"])
            path = harness.scenario(self.folder, flows=[flow("ring", "io-uring")])
        machine.assert_clean()

    def test_the_worker_says_whose_it_is(self):
        libexec = os.path.join(os.path.dirname(harness.NETSTALL), "..", "libexec", "netstall")
        done = subprocess.run([os.path.join(libexec, "netstall-worker-uring")], capture_output=True, text=True, timeout=10)
        self.assertEqual(done.returncode, 2)
        self.assertIn("netstall starts it", done.stderr)


if __name__ == "__main__":
    harness.main(needs_root=True)
