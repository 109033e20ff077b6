"""Every probe in one run: what each finds agrees with the kernel's own counters in the
same report, and what was chosen is planned, loaded and named."""

import harness

PROBES = ["send_wait", "retransmits", "drops", "qdisc_drops", "accept_overflow", "napi_squeeze",
          "zero_window", "memory_pressure", "autotuning", "reader_waits", "epoll_waits",
          "run_queue", "worst_stalls"]
# sock_recv_length is newer than the others' tracepoints.
if harness.kernel() < (6, 3):
    PROBES.remove("reader_waits")


class Probes(harness.Case):
    def scenario(self, probes):
        return harness.scenario(
            self.folder,
            probes=probes,
            flows=[{
                "name": "slow",
                "connections": 8,
                "sender": "server",
                "io": "blocking",
                "payload": {"fixed": "64KiB"},
                "reader": {"rate": "512kB/s", "chunk": "16KiB"},
                "socket": {"rcvbuf": "32KiB"},
            }, {
                "name": "fast",
                "connections": 4,
                "sender": "client",
                "io": "nonblocking",
                "payload": {"fixed": "4KiB"},
                "pace": {"rate": "50/s"},
            }],
            timing={"ramp": "100ms", "warmup": "500ms", "measure": "2s", "repetitions": 1},
        )

    def test_all_of_them_in_one_run(self):
        path = self.scenario(PROBES)
        out = self.path("report.json")
        done = harness.run("run", path, "-o", out, "-v", "--probes", "require")
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        (repetition,) = harness.repetitions(harness.load(out))
        findings = repetition["findings"]
        self.assertEqual(sorted(findings), sorted(set(PROBES) - {"send_wait", "worst_stalls"}))
        for probe, finding in findings.items():
            self.assertIsNotNone(finding, probe)
            # A busy machine's timer may be late, and says so.
            if probe != "memory_pressure":
                self.assertEqual(finding["lost_events"], 0, probe)
            if finding["backend"] != "counter":
                self.assertIsNotNone(finding["cost"]["runs"], probe)

        def counter(name, *places):
            return sum(repetition["kernel"][place]["counters"].get(name, 0) for place in places)

        # The kernel's counters are read beside the window's edges, on a busy machine by
        # tenths of a second.
        shut = counter("TcpExt.TCPToZeroWindowAdv", "client", "server")
        zero = findings["zero_window"]["spells"]["slow"]["zero_window"]
        # An emulated CPU comes to few of them in the window.
        self.assertGreater(zero["count"], 0 if harness.emulated() else 8)
        self.assertLess(abs(zero["count"] - zero["open_at_start"] - shut), 0.3 * shut + 16)
        self.assertEqual(findings["zero_window"]["spells"]["fast"]["zero_window"]["count"], 0)
        sent_again = counter("Tcp.RetransSegs", "client", "server")
        told = sum(number for kinds in findings["retransmits"]["events"].values()
                   for kind, number in kinds.items() if kind != "failed")
        self.assertLess(abs(told - sent_again), 0.3 * sent_again + 16)
        # Its readers take 50 messages a second, and wait in between.
        if "reader_waits" in PROBES:
            waits = findings["reader_waits"]["spells"]["fast"]["wait"]
            self.assertGreater(waits["count"], 100)
            self.assertGreater(waits["time_ns"], 0.3 * 4 * repetition["window_ns"])
        for side in ("client", "server"):
            self.assertGreater(findings["epoll_waits"]["spells"][side]["wait"]["count"], 10, side)
            self.assertIn("delay", findings["run_queue"]["spells"][side])

        worst = repetition["worst_stalls"]
        self.assertEqual(len(worst), 10)
        longest = max(flow["stalls"]["total"]["duration_ns"]["max"] or 0
                      for flow in repetition["flows"])
        self.assertLessEqual(worst[0]["duration_ns"], longest)
        if repetition["probes"]["lost_offenders"] == 0:
            self.assertEqual(worst[0]["duration_ns"], longest)
        self.assertEqual({one["flow"] for one in worst}, {"slow"})
        self.assertEqual(len({one["local"] for one in worst}), 1)  # the server's port
        # What -v adds.
        self.assertIn("longest stalls", done.stdout)
        self.assertIn("sk_stream_wait_memory", done.stdout)
        self.assertIn("zero_window: ", done.stdout)

    def test_what_is_not_chosen_is_not_there(self):
        path = self.scenario(["drops"])
        out = self.path("report.json")
        done = harness.run("run", path, "-o", out, "--set", "/timing/measure=200ms")
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        (repetition,) = harness.repetitions(harness.load(out))
        self.assertEqual(list(repetition["findings"]), ["drops"])
        self.assertEqual(repetition["probes"]["backend"], "own_clock")
        self.assertIsNone(repetition["worst_stalls"])
        self.assertIn("send_wait", repetition["probes"]["missing"])

    def test_nobody_asked_for_more_than_stalls(self):
        path = harness.scenario(self.folder)
        out = self.path("report.json")
        done = harness.run("run", path, "-o", out, "-v")
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        for repetition in harness.repetitions(harness.load(out)):
            self.assertEqual(repetition["findings"], {})
            self.assertIsNone(repetition["worst_stalls"])
        planned = harness.run("plan", path).stdout
        for probe in set(PROBES) - {"send_wait"}:
            self.assertNotIn(probe, planned)
            self.assertNotIn(probe, done.stdout)

    def test_plan_and_doctor_name_them(self):
        done = harness.run("plan", self.scenario(PROBES))
        self.assertEqual(done.returncode, 0, done.stderr)
        for probe in PROBES:
            self.assertRegex(done.stdout, rf"(?m)^  {probe} +(-|[0-9.]+ [KMG]?i?B) ")
        done = harness.run("doctor")
        for probe in set(PROBES) - {"send_wait", "accept_overflow", "napi_squeeze", "worst_stalls"}:
            self.assertRegex(done.stdout, rf"(?m)^\S+ {probe} ")


if __name__ == "__main__":
    harness.main(needs_root=True)
