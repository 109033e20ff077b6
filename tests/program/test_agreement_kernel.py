"""Blocked time by eBPF and by the senders' own clocks: the same stalls and waits,
to the unit, and times within 1 %, in every repetition; two clocks that share nothing.

What begins or ends within microseconds of the window's edges may be counted by one
of them alone. The report says how much that is (own_clock_unsure), and no difference
may be greater.

NETSTALL_AGREEMENT_REPETITIONS and NETSTALL_AGREEMENT_TABLE (a file that gets a row
of Markdown for each repetition) make the table of docs/send_wait.md."""

import errno
import glob
import os
import unittest

import harness


# Stalls a repetition; an emulated machine carries a tenth of the traffic.
LEAST = 100 if harness.emulated() else 500
REPETITIONS = int(os.environ.get("NETSTALL_AGREEMENT_REPETITIONS", "2"))


def add_row(name, kernel, program, unsure):
    path = os.environ.get("NETSTALL_AGREEMENT_TABLE")
    if not path:
        return
    time_ns = kernel["time_ns"]
    row = [
        name,
        f"{kernel['count']:,}",
        f"{kernel['waits']:,}",
        f"{time_ns / 1e9:.3f} s",
        f"{program['count'] - kernel['count']:+}",
        f"{program['waits'] - kernel['waits']:+}",
        f"{100 * (program['time_ns'] / time_ns - 1):+.3f} %",
        f"{unsure['stalls']}, {unsure['waits']}",
    ]
    with open(path, "a", encoding="utf-8") as file:
        file.write("| " + " | ".join(row) + " |\n")


class Agreement(harness.Case):
    def flows(self, payload, connections, rate, sndbuf="32KiB"):
        return [
            {
                "name": "flow",
                "connections": connections,
                "sender": "server",
                "io": "blocking",
                "payload": {"fixed": payload},
                "reader": {"rate": rate, "chunk": "16KiB"},
                "socket": {"sndbuf": sndbuf, "rcvbuf": "32KiB"},
            }
        ]

    def agree(self, name, preexec_fn=None, apart=0, **changes):
        machine = harness.Machine()
        out = self.path("report.json")
        changes.setdefault("timing", {"ramp": "50ms", "warmup": "300ms", "measure": "3s", "repetitions": REPETITIONS})
        path = harness.scenario(self.folder, **changes)
        done = harness.run("run", path, "-o", out, "--probes", "require", preexec_fn=preexec_fn)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        machine.assert_clean()
        for repetition in harness.repetitions(harness.load(out)):
            self.assertEqual(repetition["probes"]["lost_events"], 0)
            (flow,) = repetition["flows"]
            kernel, program = flow["stalls"]["total"], flow["own_clock"]["total"]
            unsure = flow["own_clock_unsure"]
            add_row(name, kernel, program, unsure)
            print(
                f"  eBPF {kernel['count']} stalls, {kernel['waits']} waits, {kernel['time_ns'] / 1e9:.4f} s; "
                f"own clock {program['count']}, {program['waits']}, {program['time_ns'] / 1e9:.4f} s "
                f"({100 * (program['time_ns'] / max(kernel['time_ns'], 1) - 1):+.3f} %), "
                f"unsure {unsure['stalls']}, {unsure['waits']}, open {unsure['open']}"
            )
            self.assertGreaterEqual(kernel["count"], LEAST)
            self.assertAlmostEqual(kernel["count"], program["count"], delta=unsure["stalls"] + apart)
            self.assertAlmostEqual(kernel["waits"], program["waits"], delta=unsure["waits"] + apart)
            for edge in ("open_at_start", "open_at_end"):
                self.assertAlmostEqual(kernel[edge], program[edge], delta=unsure["open"], msg=edge)
            self.assertAlmostEqual(program["time_ns"] / kernel["time_ns"], 1, delta=0.01)
            causes = flow["stalls"]["by_cause"]
            known = [c for c in causes.values() if c is not None]
            self.assertEqual(sum(c["count"] for c in known), kernel["count"])
            self.assertEqual(sum(c["time_ns"] for c in known), kernel["time_ns"])
        return harness.repetitions(harness.load(out))

    def test_payload_4_kib(self):
        for repetition in self.agree("4 KiB", flows=self.flows("4KiB", 16, "1MB/s")):
            self.assertEqual(repetition["stalls"]["by_cause"]["mem_shortage"]["count"], 0)

    def test_payload_32_kib(self):
        self.agree("32 KiB", flows=self.flows("32KiB", 16, "1MB/s"))

    def test_payload_1_mib(self):
        self.agree("1 MiB", flows=self.flows("1MiB", 40, "8MB/s"))

    @unittest.skipIf(harness.why_no_io_uring(), harness.why_no_io_uring())
    def test_io_uring(self):
        """The probe sees what the ring's worker cannot: EAGAIN. What was over before that
        looked is in its counts alone."""
        for payload, connections, rate, apart in (
            ("4KiB", 16, "1MB/s", 0.02),
            ("64KiB", 16, "1MB/s", 0.02),
            ("16KiB", 1000, "200kB/s", 0.05),  # a send waits for hundreds before it
        ):
            flows = self.flows(payload, connections, rate)
            flows[0]["io"] = "io-uring"
            out = self.path("report.json")
            path = harness.scenario(
                self.folder,
                flows=flows,
                timing={"ramp": "50ms", "warmup": "300ms", "measure": "3s", "repetitions": REPETITIONS},
            )
            done = harness.run("run", path, "-o", out, "--probes", "require")
            self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
            for repetition in harness.repetitions(harness.load(out)):
                (flow,) = repetition["flows"]
                kernel, program = flow["stalls"]["total"], flow["own_clock"]["total"]
                print(
                    f"  {connections} of {payload}: eBPF {kernel['count']} stalls, {kernel['time_ns'] / 1e9:.4f} s; "
                    f"own clock {program['count']}, {program['time_ns'] / 1e9:.4f} s"
                )
                self.assertGreaterEqual(kernel["count"], LEAST)
                self.assertLessEqual(program["count"], kernel["count"] + 16)
                self.assertGreaterEqual(program["count"], kernel["count"] * 0.98 - 16)
                self.assertAlmostEqual(program["time_ns"] / kernel["time_ns"], 1, delta=apart)
                if repetition["probes"]["backend"] == "tracepoint":
                    # Sent by no system call that it knows.
                    self.assertEqual(flow["stalls"]["by_cause"]["unknown"]["count"], kernel["count"])
                self.assertIsNone(flow["send_call_ns"])
                self.assertIsNone(flow["vain_sends"])

    @unittest.skipUnless(harness.can_refuse_system_calls(), "the filter is written for x86-64")
    def test_where_the_kernel_gives_no_log_of_switches(self):
        self.agree(
            "32 KiB, no log",
            apart=2,  # at an edge, nothing tells the sender when it really slept
            preexec_fn=harness.refusing("perf_event_open", errno.EACCES),
            flows=self.flows("32KiB", 16, "1MB/s"),
        )

    @unittest.skipUnless(
        glob.glob("/sys/fs/cgroup/**/memory.kmem.tcp.limit_in_bytes", recursive=True),
        "no cgroup v1 kmem.tcp here",
    )
    def test_memory_limit(self):
        for repetition in self.agree(
            "memory limit",
            lab={"tcp_memory_limit": {"server": "1MiB"}},
            flows=self.flows("16KiB", 64, "1MB/s", sndbuf="512KiB"),
        ):
            causes = repetition["stalls"]["by_cause"]
            self.assertGreater(causes["mem_shortage"]["count"], 100)
            self.assertGreater(causes["mem_shortage"]["duration_ns"]["max"], 100_000_000)

    @unittest.skipUnless(
        glob.glob("/sys/fs/cgroup/**/memory.kmem.tcp.limit_in_bytes", recursive=True),
        "no cgroup v1 kmem.tcp here",
    )
    def test_level_triggered_senders_spin_where_memory_is_refused(self):
        flows = self.flows("16KiB", 8, "100kB/s", sndbuf="1MiB")
        out = self.path("report.json")
        path = harness.scenario(
            self.folder,
            lab={"tcp_memory_limit": {"server": "1MiB"}},
            flows=flows,
            timing={"ramp": "50ms", "warmup": "500ms", "measure": "2s", "repetitions": 1},
            sweep={"/flows/0/io": ["nonblocking", "level-triggered"]},
        )
        done = harness.run("run", path, "-o", out, "--probes", "require")
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        found = {}
        for cell in harness.load(out)["cells"]:
            (repetition,) = cell["repetitions"]
            (flow,) = repetition["flows"]
            found[cell["parameters"]["/flows/0/io"]] = flow
            # The memory is short in both.
            self.assertGreater(flow["own_clock"]["total"]["time_ns"], 8_000_000_000)
        spin = {io: flow["stalls"]["by_cause"]["eagain_spin"]["time_ns"] for io, flow in found.items()}
        vain = {io: flow["vain_sends"] for io, flow in found.items()}
        print(f"  vain sends {vain}, time spun by the probe {spin}")
        # A try takes microseconds; each edge brings one.
        self.assertGreater(vain["level-triggered"], 20_000)
        self.assertLess(vain["nonblocking"], vain["level-triggered"] / 20)
        self.assertGreater(spin["level-triggered"], 1_000_000_000)
        self.assertEqual(spin["nonblocking"], 0)

    def test_a_reader_that_stops_for_ever_is_an_open_stall(self):
        flows = self.flows("16KiB", 8, "1MB/s")
        flows[0]["reader"] = {"stop_after": "0ms"}
        out = self.path("report.json")
        path = harness.scenario(self.folder, flows=flows)
        done = harness.run("run", path, "-o", out, "--probes", "require")
        self.assertEqual(done.returncode, 0, done.stderr)
        (repetition,) = harness.repetitions(harness.load(out))
        for stalls in (repetition["flows"][0]["stalls"], repetition["flows"][0]["own_clock"]):
            self.assertEqual(stalls["total"]["count"], 8)
            self.assertEqual(stalls["total"]["open_at_start"], 8)
            self.assertEqual(stalls["total"]["open_at_end"], 8)
            self.assertAlmostEqual(stalls["total"]["time_ns"], 8 * 500_000_000, delta=4_000_000)

    def test_fast_readers_do_not_stall_a_paced_sender(self):
        flows = self.flows("4KiB", 8, "1MB/s")
        flows[0]["reader"] = {}
        flows[0]["socket"] = {}
        flows[0]["pace"] = {"rate": "200/s"}
        out = self.path("report.json")
        done = harness.run("run", harness.scenario(self.folder, flows=flows), "-o", out)
        self.assertEqual(done.returncode, 0, done.stderr)
        (repetition,) = harness.repetitions(harness.load(out))
        stalls = repetition["stalls"]["total"]["count"]
        self.assertEqual(repetition["flows"][0]["own_clock"]["total"]["count"], stalls)
        # Readers on an emulated CPU are not always fast.
        if not harness.emulated():
            self.assertEqual(stalls, 0)


if __name__ == "__main__":
    harness.main(needs_root=True)
