"""A whole run: what the report says, that nothing is left, and that what goes
wrong is said with the right status."""

import glob
import json
import os
import pty
import resource
import signal
import subprocess
import time

import harness


class WholeRun(harness.RunCase):
    def run_scenario(self, *arguments, expect_status=0, env=None, **changes):
        path = harness.scenario(self.folder, **changes)
        done = harness.run("run", path, "-o", self.out, *arguments, env=env)
        self.assertEqual(done.returncode, expect_status, done.stderr + done.stdout)
        return done

    def test_both_directions_both_kinds_of_io_both_families(self):
        flows = [
            {
                "name": f"{sender}-{io}-{family}",
                "connections": 3,
                "sender": sender,
                "io": io,
                "family": family,
                "payload": {"fixed": "8KiB"},
                "pace": {"rate": "100/s"},
            }
            for sender in ("client", "server")
            for io in ("blocking", "nonblocking")
            for family in ("ipv4", "ipv6")
        ]
        self.run_scenario(flows=flows)
        (repetition,) = harness.repetitions(harness.load(self.out))
        self.assertEqual(repetition["status"], "ok")
        self.assertTrue(repetition["restored"])
        self.assertEqual(len(repetition["flows"]), 8)
        for flow in repetition["flows"]:
            self.assertEqual(flow["connections"]["established"], 3, flow["name"])
            # 3 connections × 100/s × 0.5 s, each within one message.
            # What is late at the first edge counts: some hundredths of a second on a busy machine.
            self.assertAlmostEqual(flow["messages"], 150, delta=15, msg=flow["name"])
            self.assertAlmostEqual(flow["goodput_bytes_per_s"], 3 * 100 * 8192, delta=3 * 100 * 8192 * 0.1)
            self.assertEqual(flow["stalls"]["total"]["count"], flow["own_clock"]["total"]["count"])

    def test_kernel_counters_are_the_lab_s_own(self):
        self.run_scenario()
        (repetition,) = harness.repetitions(harness.load(self.out))
        server = repetition["kernel"]["server"]["counters"]
        client = repetition["kernel"]["client"]["counters"]
        read = repetition["flows"][0]["goodput_bytes_per_s"] * 0.5
        # What the server's IP sent and the client's received is the stream and its headers.
        self.assertGreaterEqual(server["IpExt.OutOctets"], read * 0.5)
        self.assertAlmostEqual(server["IpExt.OutOctets"], client["IpExt.InOctets"], delta=200_000)

    def test_series_covers_the_window(self):
        self.run_scenario()
        (repetition,) = harness.repetitions(harness.load(self.out))
        series = repetition["series"]
        self.assertEqual(series["t_ns"], [100_000_000 * k for k in range(1, 6)])
        for name in ("tcp_mem_pages", "goodput_bytes_per_s", "blocked_senders"):
            self.assertEqual(len(series[name]), 5)
            self.assertTrue(all(value is not None for value in series[name]), name)
        mean = sum(series["goodput_bytes_per_s"]) / 5
        self.assertAlmostEqual(mean, repetition["flows"][0]["goodput_bytes_per_s"], delta=mean * 0.05)

    def test_buffers_as_requested_initial_final(self):
        self.run_scenario()
        (repetition,) = harness.repetitions(harness.load(self.out))
        socket = repetition["flows"][0]["socket"]
        self.assertEqual(socket["sndbuf"]["requested"], 32768)
        self.assertEqual(socket["sndbuf"]["initial"], 65536)  # the kernel doubles it
        self.assertEqual(socket["sndbuf"]["final"]["count"], 4)
        self.assertEqual(socket["rcvbuf"]["requested"], 32768)

    def test_socket_options_as_requested_initial_final(self):
        wanted = {
            "nodelay": True,
            "notsent_lowat": "16KiB",
            "congestion_control": "reno",
            "user_timeout": "1500ms",
            "keepalive": {"idle": "10s", "interval": "2s", "probes": 3},
            "busy_poll": "50us",
            "dscp": 46,
            "priority": 5,
            "sndbuf": "64MiB",
            "force_buffers": True,
        }
        shown = {
            "nodelay": "true",
            "notsent_lowat": "16384",
            "congestion_control": "reno",
            "user_timeout": "1500ms",
            "keepalive": "idle 10s, interval 2s, probes 3",
            "busy_poll": "50us",
            "dscp": "46",
            "priority": "5",
        }
        flows = [
            {
                "name": f"{sender}-{family}", "connections": 2, "sender": sender, "family": family,
                "pace": {"rate": "50/s"}, "socket": wanted,
            }
            for sender in ("client", "server")
            for family in ("ipv4", "ipv6")
        ] + [{"name": "plain", "pace": {"rate": "50/s"}}]
        self.run_scenario(flows=flows)
        (repetition,) = harness.repetitions(harness.load(self.out))
        self.assertEqual(repetition["status"], "ok")
        for flow in repetition["flows"][:4]:
            options = flow["socket"]["options"]
            for name, value in shown.items():
                self.assertEqual(
                    options[name], {"requested": value, "initial": value, "final": value}, flow["name"]
                )
            # Beyond net.core.wmem_max, and doubled.
            self.assertEqual(flow["socket"]["sndbuf"]["initial"], 128 << 20)
        plain = repetition["flows"][4]["socket"]["options"]
        self.assertEqual(plain["keepalive"], {"requested": None, "initial": "off", "final": "off"})

    def test_workers_that_needed_a_capability_carry_traffic_without(self):
        flow = {
            "name": "f", "connections": 3, "io": "blocking", "pace": {"rate": "50/s"},
            "socket": {"sndbuf": "64MiB", "force_buffers": True},
        }
        path = harness.scenario(
            self.folder, flows=[flow],
            timing={"ramp": "50ms", "warmup": "1s", "measure": "2s", "repetitions": 1},
        )
        running = harness.start("run", path, "-o", self.out)
        try:
            # Three threads are senders of the client's.
            harness.wait_until(
                lambda: self.privileges_of_workers(running.pid).count(("65534", "0" * 16)) >= 5
                and len(set(self.privileges_of_workers(running.pid))) == 1,
                20, "workers with a privilege",
            )
        finally:
            self.assertEqual(running.wait(60), 0)

    @staticmethod
    def privileges_of_workers(controller):
        """User and permitted capabilities of each thread of a run's workers."""
        found = []
        for worker in harness.children(controller, "netstall-worker"):
            for path in glob.glob(f"/proc/{worker}/task/*/status"):
                with open(path, encoding="utf-8") as file:
                    status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
                found.append((status["Uid"].split("\t")[0], status["CapPrm"]))
        return found

    def test_a_congestion_control_that_is_not_there(self):
        done = self.run_scenario(
            flows=[{"name": "f", "socket": {"congestion_control": "nowhere"}}], expect_status=5
        )
        self.assertIn("TCP_CONGESTION to nowhere", harness.said(done))

    def test_patterns_side_by_side(self):
        flows = [
            {
                "name": "asked", "connections": 5, "sender": "client", "pattern": "request-response",
                "payload": {"uniform": {"min": 50, "max": 150}}, "response": {"fixed": 1000},
                "pace": {"rate": "500/s", "per": "group", "arrival": "poisson"}, "pipeline": 4,
            },
            {"name": "thinking", "connections": 4, "sender": "server", "pattern": "request-response",
             "payload": {"fixed": 100}, "think": "10ms"},
            {"name": "both", "connections": 3, "pattern": "duplex", "payload": {"fixed": 2000},
             "pace": {"rate": "100/s"}},
            {"name": "held", "connections": 50, "pattern": "idle"},
            {"name": "calls", "connections": 4, "pattern": "connect", "payload": {"fixed": 200},
             "response": {"fixed": 800}, "pace": {"rate": "50/s"}},
        ]
        self.run_scenario(
            flows=flows, timing={"ramp": "50ms", "warmup": "200ms", "measure": "1s", "repetitions": 1}
        )
        (repetition,) = harness.repetitions(harness.load(self.out))
        self.assertEqual(repetition["status"], "ok", repetition)
        asked, thinking, both, held, calls = repetition["flows"]
        self.assertEqual([flow["senders_per_connection"] for flow in repetition["flows"]], [1, 1, 2, 0, 1])
        for flow, wanted in zip(repetition["flows"], flows):
            self.assertEqual(flow["connections"]["alive"], wanted["connections"], flow["name"])
            self.assertEqual(flow["errors"], {}, flow["name"])
        # Poisson: 500, give or take five deviations.
        self.assertAlmostEqual(asked["messages"], 500, delta=5 * 23)
        self.assertEqual(asked["acked_latency_ns"]["count"], asked["messages"])
        # Of both directions: responses of 1000 bytes, requests of 100 in the mean.
        self.assertAlmostEqual(
            asked["goodput_bytes_per_s"], asked["messages"] * 1100, delta=asked["messages"] * 110
        )
        self.assertLessEqual(thinking["messages"], 4 * 101)
        self.assertGreater(thinking["messages"], 0)
        self.assertIsNone(thinking["backlog"])
        self.assertIsNotNone(asked["backlog"])
        # 3 connections × 100/s, from both sides.
        self.assertAlmostEqual(both["messages"], 600, delta=8)
        self.assertAlmostEqual(both["goodput_bytes_per_s"], 600 * 2000, delta=600 * 2000 * 0.05)
        self.assertIsNone(held["messages"])
        self.assertIsNone(held["goodput_bytes_per_s"])
        # 4 slots × 50/s; each has its own connection.
        self.assertAlmostEqual(calls["messages"], 200, delta=10)
        self.assertAlmostEqual(calls["connect_ns"]["count"], calls["messages"], delta=8)
        self.assertEqual(calls["acked_latency_ns"]["count"], calls["messages"])
        self.assertGreater(calls["acked_latency_ns"]["p50"], calls["connect_ns"]["p50"])
        self.assertAlmostEqual(calls["goodput_bytes_per_s"], 200 * 1000, delta=10 * 1000)
        # Who reads a stream knows how long each message was under way; asked ones are answered.
        self.assertAlmostEqual(both["delivery_latency_ns"]["count"], both["messages"], delta=8)
        self.assertGreaterEqual(both["delivery_latency_ns"]["p50"], both["send_latency_ns"]["min"])
        for flow in (asked, thinking, held, calls):
            self.assertIsNone(flow["delivery_latency_ns"], flow["name"])

    def test_a_stream_that_is_acknowledged_has_three_times(self):
        flows = [
            {"name": name, "connections": 4, "sender": "server", "acknowledge": asked,
             "payload": {"fixed": "1KiB"}, "pace": {"rate": "100/s"}}
            for name, asked in (("told", True), ("untold", False))
        ]
        self.run_scenario(
            flows=flows, timing={"ramp": "50ms", "warmup": "200ms", "measure": "1s", "repetitions": 1}
        )
        (repetition,) = harness.repetitions(harness.load(self.out))
        told, untold = repetition["flows"]
        self.assertAlmostEqual(told["acked_latency_ns"]["count"], told["messages"], delta=8)
        kernel, program = told["kernel_acked_latency_ns"], told["acked_latency_ns"]
        self.assertEqual(kernel["count"], program["count"])
        for value in ("min", "p50", "p90", "max"):
            self.assertLessEqual(kernel[value], program[value], value)
        # The reader had it before its acknowledgement was back.
        self.assertLessEqual(told["delivery_latency_ns"]["p50"], program["p50"])
        # Acknowledgements are no goodput.
        self.assertAlmostEqual(told["goodput_bytes_per_s"], 400 * 1024, delta=20 * 1024)
        self.assertIsNone(told["vain_sends"])
        self.assertIsNotNone(untold["vain_sends"])
        for value in ("acked_latency_ns", "kernel_acked_latency_ns"):
            self.assertIsNone(untold[value])

    def test_datagrams_are_those_that_the_kernel_counts(self):
        # Traffic begins 400 ms before the window: one burst lies in the warm-up, one in the window.
        pace = {"rate": "1k/s", "burst": {"on": "200ms", "off": "800ms"}}
        # Room for a whole burst: a busy machine lets a reader wait.
        room = {"rcvbuf": "4MiB", "force_buffers": True}
        flows = [
            {"name": "v4", "connections": 4, "pattern": "udp-stream", "payload": {"fixed": 3000}, "pace": pace,
             "socket": room},
            {"name": "v6", "connections": 3, "sender": "server", "pattern": "udp-stream", "family": "ipv6",
             "io": "blocking", "payload": {"uniform": {"min": 16, "max": 1000}}, "pace": pace, "socket": room},
        ]
        self.run_scenario(
            flows=flows, timing={"ramp": "50ms", "warmup": "400ms", "measure": "1400ms", "repetitions": 1}
        )
        report = harness.load(self.out)
        (repetition,) = harness.repetitions(report)
        self.assertEqual(repetition["status"], "ok", repetition)
        kernel = {side: repetition["kernel"][side]["counters"] for side in ("client", "server")}
        for flow, group, sender, reader in zip(
            repetition["flows"], ("Udp", "Udp6"), ("client", "server"), ("server", "client")
        ):
            datagrams = flow["datagrams"]
            connections = flow["connections"]["alive"]
            self.assertAlmostEqual(datagrams["sent"], connections * 200, delta=2 * connections)
            self.assertEqual(
                datagrams["sent"], datagrams["received"] + datagrams["unread"] + datagrams["lost"]
            )
            self.assertEqual(datagrams["lost"], 0, flow["name"])
            self.assertEqual(kernel[sender][f"{group}.OutDatagrams"], datagrams["sent"])
            self.assertEqual(kernel[reader][f"{group}.InDatagrams"], datagrams["received"])
            self.assertEqual(flow["messages"], datagrams["sent"])
            self.assertEqual(flow["delivery_latency_ns"]["count"], datagrams["delivered"])
            self.assertEqual(flow["errors"], {})
            self.assertEqual(flow["connections"]["failed"], {})
            self.assertIsNone(flow["connect_ns"])
            # The probe does not see where they wait: nothing, not 0.
            self.assertIsNotNone(flow["own_clock"])
            if repetition["probes"]["backend"] != "own_clock":
                self.assertIsNone(flow["stalls"])
        if repetition["probes"]["backend"] != "own_clock":
            self.assertIsNone(repetition["stalls"])
            self.assertTrue(any("UDP" in note for note in repetition["probes"]["notes"]))

    def test_datagrams_that_wait_in_a_queue_on_the_way_are_not_lost(self):
        """1.5 s of them when the window ends, by a link of 10 Mbit/s."""
        flow = {
            "name": "f", "connections": 2, "pattern": "udp-stream", "payload": {"fixed": 1000},
            "pace": {"rate": "1k/s"}, "socket": {"sndbuf": "4MiB", "rcvbuf": "1MiB"},
        }
        self.run_scenario(
            lab={"link": {"client_qdisc": "tbf rate 10mbit burst 16kb limit 20mb"}}, flows=[flow],
            timing={"ramp": "50ms", "warmup": "500ms", "measure": "2s", "repetitions": 1},
        )
        (repetition,) = harness.repetitions(harness.load(self.out))
        datagrams = repetition["flows"][0]["datagrams"]
        self.assertGreater(datagrams["sent"], 3_500)
        self.assertLess(datagrams["delivered"], 0.75 * datagrams["sent"])
        self.assertEqual(datagrams["lost"], 0, datagrams)

    def test_a_lone_connection_is_as_fast_by_levels_as_by_edges(self):
        """It is not its own tick that limits it: 131 MB/s, in turns of 16 messages each 2 ms."""
        flow = {
            "name": "f", "connections": 1, "sender": "client", "payload": {"fixed": "16KiB"},
            "socket": {"sndbuf": "2MiB", "rcvbuf": "2MiB"},
        }
        self.run_scenario(
            flows=[flow], timing={"ramp": "50ms", "warmup": "200ms", "measure": "500ms", "repetitions": 2},
            sweep={"/flows/0/io": ["nonblocking", "level-triggered"]},
        )
        by_edges, by_levels = (
            max(r["flows"][0]["goodput_bytes_per_s"] for r in cell["repetitions"])
            for cell in harness.load(self.out)["cells"]
        )
        if by_edges < 300e6:
            self.skipTest("so slow a machine cannot tell")
        self.assertGreater(by_levels, 0.5 * by_edges)

    def test_datagrams_that_find_no_room_are_lost(self):
        flow = {
            "name": "f", "connections": 2, "pattern": "udp-stream", "payload": {"fixed": 1000},
            "pace": {"rate": "2k/s", "burst": {"on": "200ms", "off": "800ms"}},
            "reader": {"rate": "50kB/s"}, "socket": {"rcvbuf": "16KiB"},
        }
        self.run_scenario(
            flows=[flow], timing={"ramp": "50ms", "warmup": "400ms", "measure": "1400ms", "repetitions": 1},
            expect=[{"metric": "datagrams.loss", "at_least": 0.5}, {"metric": "udp.rcvbuf_errors", "at_least": 400}],
        )
        (repetition,) = harness.repetitions(harness.load(self.out))
        datagrams = repetition["flows"][0]["datagrams"]
        errors = repetition["kernel"]["server"]["counters"]["Udp.RcvbufErrors"]
        self.assertEqual(datagrams["lost"], errors)
        self.assertGreater(datagrams["lost"], 400)

    def test_requests_in_datagrams(self):
        flows = [
            {"name": "asked", "connections": 5, "pattern": "udp-request-response",
             "payload": {"uniform": {"min": 50, "max": 150}}, "response": {"fixed": 1000}, "pipeline": 4,
             "pace": {"rate": "500/s", "per": "group"}},
            {"name": "six", "connections": 4, "sender": "server", "pattern": "udp-request-response",
             "family": "ipv6", "payload": {"fixed": 100}, "think": "10ms"},
        ]
        self.run_scenario(flows=flows)
        (repetition,) = harness.repetitions(harness.load(self.out))
        self.assertEqual(repetition["status"], "ok", repetition)
        asked, six = repetition["flows"]
        for flow in (asked, six):
            self.assertEqual(flow["errors"], {})
            self.assertEqual(flow["datagrams"]["lost"], 0)
            self.assertEqual(flow["acked_latency_ns"]["count"], flow["messages"])
            self.assertIsNone(flow["delivery_latency_ns"])
        self.assertAlmostEqual(asked["messages"], 250, delta=10)
        self.assertLessEqual(six["messages"], 4 * 51)
        self.assertGreater(six["messages"], 0)

    def test_multicast_reaches_all_that_have_joined(self):
        pace = {"rate": "200/s", "burst": {"on": "200ms", "off": "800ms"}}
        room = {"rcvbuf": "4MiB", "force_buffers": True}
        flows = [
            {"name": "v4", "connections": 12, "sender": "server", "pattern": "multicast", "payload": {"fixed": 500},
             "pace": pace, "multicast": {"groups": 6, "per_socket": 6}, "socket": room},
            {"name": "v6", "connections": 5, "pattern": "multicast", "family": "ipv6", "payload": {"fixed": 500},
             "pace": pace, "socket": room},
        ]
        self.run_scenario(
            flows=flows, timing={"ramp": "50ms", "warmup": "400ms", "measure": "1400ms", "repetitions": 1},
            sysctl={"client": {"net.ipv4.igmp_max_memberships": 4}},
        )
        (repetition,) = harness.repetitions(harness.load(self.out))
        self.assertEqual(repetition["status"], "ok", repetition)
        v4, v6 = repetition["flows"]
        self.assertEqual(v4["connections"]["established"], 8)
        self.assertEqual(v4["connections"]["failed"], {"ENOBUFS": 4})
        self.assertEqual(v6["connections"]["established"], 5)
        # 6 groups, to 4 of which two sockets belong; 1 group with 5 members.
        self.assertAlmostEqual(v4["messages"], 6 * 40, delta=12)
        self.assertAlmostEqual(v4["datagrams"]["sent"], v4["messages"] / 6 * 8, delta=16)
        self.assertEqual(v6["datagrams"]["sent"], v6["messages"] * 5)
        for flow, group, reader in ((v4, "Udp", "client"), (v6, "Udp6", "server")):
            self.assertEqual(flow["datagrams"]["received"], flow["datagrams"]["sent"])
            self.assertEqual(flow["datagrams"]["lost"], 0)
            self.assertEqual(flow["connections"]["alive"], flow["connections"]["established"])
            self.assertEqual(
                repetition["kernel"][reader]["counters"][f"{group}.InDatagrams"], flow["datagrams"]["received"]
            )

    def test_an_accept_queue_that_overflows_shows_in_connections_of_one_exchange(self):
        flow = {"name": "calls", "connections": 300, "pattern": "connect", "payload": {"fixed": 100}}
        self.run_scenario(
            flows=[flow], sysctl={"server": {"net.core.somaxconn": "1"}},
            timing={"ramp": "0s", "warmup": "0s", "measure": "4500ms", "repetitions": 1},
        )
        (repetition,) = harness.repetitions(harness.load(self.out))
        self.assertEqual(repetition["status"], "ok", repetition["reason"])
        self.assertGreater(repetition["kernel"]["server"]["counters"]["TcpExt.ListenOverflows"], 100)
        (calls,) = repetition["flows"]
        self.assertGreater(calls["messages"], 100)
        # A SYN that was dropped is sent again after a second, four times at that distance: those
        # of the beginning all at once, so that the queue may be full for most of them again.
        self.assertGreater(calls["connect_ns"]["max"], 900_000_000)

    def test_stalls_of_duplex_are_those_of_both_ends(self):
        flow = {
            "name": "both", "connections": 2, "pattern": "duplex", "payload": {"fixed": "16KiB"},
            "reader": {"rate": "200kB/s", "chunk": "4KiB"},
            "socket": {"sndbuf": "16KiB", "rcvbuf": "16KiB"},
        }
        self.run_scenario(flows=[flow])
        (repetition,) = harness.repetitions(harness.load(self.out))
        (flow,) = repetition["flows"]
        own, probe = flow["own_clock"]["total"]["count"], flow["stalls"]["total"]["count"]
        self.assertGreater(own, 0)
        # The ends' clocks and the probe may tell apart by one a sender at each edge.
        self.assertAlmostEqual(own, probe, delta=8)
        # 4 readers, 200 kB/s each.
        self.assertAlmostEqual(flow["goodput_bytes_per_s"], 800e3, delta=800e3 * 0.25)

    def test_bursts_and_frozen_readers_by_their_times(self):
        flows = [
            {
                "name": "bursts", "connections": 4, "payload": {"fixed": 1000},
                # Traffic begins 200 ms before the window: bursts are due in 0..100, 200..300 and 400..500 of it.
                "pace": {"rate": "200/s", "burst": {"on": "100ms", "off": "100ms"}},
            },
            {
                "name": "frozen", "connections": 2, "payload": {"fixed": "256KiB"}, "pace": {"rate": "20/s"},
                "socket": {"sndbuf": "32KiB", "rcvbuf": "32KiB"},
                "reader": {"freeze": [{"at": "250ms", "for": "300ms"}]},
            },
        ]
        self.run_scenario(flows=flows)
        (repetition,) = harness.repetitions(harness.load(self.out))
        bursts, frozen = repetition["flows"]
        self.assertAlmostEqual(bursts["messages"], 4 * 200 * 0.3, delta=12)
        # What is due just after the readers froze waits until they read on.
        self.assertGreater(frozen["send_latency_ns"]["max"], 200e6)
        self.assertGreater(frozen["own_clock"]["total"]["count"], 0)

    def test_sizes_of_a_file_beside_the_scenario(self):
        with open(self.path("sizes.txt"), "w", encoding="utf-8") as file:
            file.write("# of a day\n1000\n3kB\n")
        self.run_scenario(
            flows=[{"name": "f", "connections": 4, "payload": {"file": "sizes.txt"}, "pace": {"rate": "100/s"}}]
        )
        (repetition,) = harness.repetitions(harness.load(self.out))
        (flow,) = repetition["flows"]
        self.assertAlmostEqual(flow["messages"], 200, delta=5)
        self.assertAlmostEqual(flow["goodput_bytes_per_s"], 400 * 2000, delta=400 * 2000 * 0.05)

    def test_sysctls_of_a_side_reach_its_sockets(self):
        self.run_scenario(
            sysctl={"server": {"net.ipv4.tcp_wmem": "4096 24576 65536"}},
            flows=[{"name": "one", "connections": 1, "sender": "server", "pace": {"rate": "10/s"}}],
        )
        (repetition,) = harness.repetitions(harness.load(self.out))
        self.assertEqual(repetition["flows"][0]["socket"]["sndbuf"]["initial"] > 0, True)
        self.assertLessEqual(repetition["flows"][0]["socket"]["sndbuf"]["final"]["max"], 65536 + 64)

    def test_repetitions_until_a_median_is_known(self):
        timing = {"ramp": "10ms", "warmup": "50ms", "measure": "100ms", "repetitions": 2}
        asked = {"flow": "slow", "metric": "goodput", "at_most": 9}
        # Any six are within 100 % of their median, nine seldom within a millionth.
        for share, most in ((1, 6), (1e-6, 9)):
            done = self.run_scenario(timing={**timing, "until": {**asked, "within": f"{100 * share:g}%"}})
            self.assertIn("at most 9 repetitions of 1 cell,", done.stderr)
            (cell,) = harness.load(self.out)["cells"]
            count = len(cell["repetitions"])
            self.assertEqual([r["index"] for r in cell["repetitions"]], list(range(count)))
            found = cell["precision"]
            self.assertEqual(found["repetitions"], count)
            values = sorted(r["flows"][0]["goodput_bytes_per_s"] for r in cell["repetitions"])
            # By hand: of six to eight the extremes, of nine those next to them.
            left_out = 0 if count < 9 else 1
            low, high = values[left_out], values[-1 - left_out]
            self.assertEqual((found["low"], found["high"]), (low, high))
            self.assertEqual(found["reached"], high - low <= 2 * share * found["median"])
            self.assertLessEqual(count, most)
            self.assertTrue(found["reached"] or count == 9)
            self.assertIn(f"after {count} repetitions", done.stdout)

    def test_stdout_report_and_quiet(self):
        path = harness.scenario(self.folder)
        done = harness.run("run", path, "-o", "-", "-q")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, "")
        self.assertTrue(done.stdout.startswith("{"))

    def test_probes_off_leaves_the_own_clock(self):
        self.run_scenario("--probes", "off")
        (repetition,) = harness.repetitions(harness.load(self.out))
        self.assertEqual(repetition["probes"]["backend"], "own_clock")
        self.assertIn("send_wait", repetition["probes"]["missing"])
        flow = repetition["flows"][0]
        self.assertEqual(flow["stalls"]["total"]["count"], flow["own_clock"]["total"]["count"])
        self.assertTrue(all(value is None for value in flow["stalls"]["by_cause"].values()))

    def test_a_missed_expectation_is_status_1(self):
        done = self.run_scenario(expect=[{"flow": "slow", "metric": "stall.max", "at_most": "1us"}], expect_status=1)
        self.assertIn("MISS", done.stdout)

    def test_a_missed_expectation_names_the_cell_and_the_command_that_runs_it_alone(self):
        cases = [{"label": "fast", "set": {"/flows/0/reader": None, "/flows/0/pace": {"rate": "50/s"}}},
                 {"label": "slow", "set": {}}]
        done = self.run_scenario(
            "--set", "/timing/measure=300ms", "--seed", "7", expect_status=1,
            sweep={"readers": cases},
            expect=[{"flow": "slow", "metric": "stall.time", "at_most": "500ms"},
                    {"flow": "slow", "metric": "goodput", "at_most": 2, "against": {"readers": "fast"}}],
        )
        report = harness.load(self.out)
        self.assertIsNone(report["selection"])
        self.assertEqual([len(cell["expectations"]) for cell in report["cells"]], [1, 2])
        (ratio,) = [e for e in report["cells"][1]["expectations"] if e["against"]]
        goodput = [cell["repetitions"][0]["flows"][0]["goodput_bytes_per_s"] for cell in report["cells"]]
        self.assertEqual((ratio["against_observed"], ratio["observed"]), tuple(goodput))
        self.assertEqual(ratio["passed"], goodput[1] <= 2 * goodput[0])
        lines = done.stdout.splitlines()
        (missed,) = [i for i, line in enumerate(lines) if line.startswith("MISS readers=slow: slow: stall.time")]
        self.assertIn("ok   readers=fast: slow: stall.time at most 500 ms", done.stdout)
        command = lines[missed + 1].split("alone: ", 1)[1]
        self.assertEqual(command.split()[-2:], ["--cell", "readers=slow"])
        # That command, as it stands, runs this cell and no other.
        again = self.path("again.json")
        with open(self.path("netstall"), "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\nexec "{harness.NETSTALL}" "$@" -o "{again}"\n')
        os.chmod(self.path("netstall"), 0o755)
        ran = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=120,
                             env={**os.environ, "PATH": self.folder + ":" + os.environ["PATH"]})
        self.assertEqual(ran.returncode, 1, ran.stderr)
        self.assertIn("Of the 2 cells of the sweep only 1 was run.", ran.stdout)
        self.assertIn("the cell with readers=fast was not run", ran.stdout)
        alone = harness.load(again)
        self.assertEqual(alone["selection"], {"cells": ["readers=slow"], "indices": [1], "of": 2})
        self.assertEqual([cell["id"] for cell in alone["cells"]], ["readers=slow"])
        self.assertEqual([r["cell"] for r in harness.repetitions(alone)], [1])
        self.assertEqual((alone["scenario_hash"], alone["seed"]), (report["scenario_hash"], 7))
        self.assertEqual(alone["command"], report["command"])

    def test_unknown_sysctl(self):
        done = self.run_scenario(sysctl={"server": {"net.ipv4.tcp_wmen": "1 2 3"}}, expect_status=2)
        self.assertIn("net.ipv4.tcp_wmen", done.stderr)
        self.assertIn("tcp_wmem", done.stderr)

    def test_a_value_that_the_kernel_refuses(self):
        done = self.run_scenario(sysctl={"server": {"net.ipv4.tcp_congestion_control": "warp"}}, expect_status=2)
        self.assertIn("net.ipv4.tcp_congestion_control", done.stderr)

    def test_host_wide_sysctl_under_a_side(self):
        done = self.run_scenario(sysctl={"server": {"net.ipv4.tcp_mem": "1 2 3"}}, expect_status=2)
        self.assertIn("--allow-host-sysctl", done.stderr)

    def test_host_sysctl_holds_and_is_put_back(self):
        path = "/proc/sys/net/core/netdev_budget_usecs"
        with open(path, encoding="utf-8") as file:
            before = int(file.read())
        self.run_scenario("--allow-host-sysctl", sysctl={"host": {"net.core.netdev_budget_usecs": before + 1}})
        with open(path, encoding="utf-8") as file:
            self.assertEqual(int(file.read()), before)

    def test_window_sysctl_holds_within_the_window_and_is_put_back(self):
        path = "/proc/sys/net/core/netdev_budget_usecs"
        with open(path, encoding="utf-8") as file:
            before = int(file.read())
        scenario = harness.scenario(
            self.folder, sysctl={"window": {"net.core.netdev_budget_usecs": before + 1}},
            timing={"ramp": "50ms", "warmup": "1s", "measure": "1s", "repetitions": 1})
        with open(self.path("said"), "wb") as said:
            running = harness.start("run", scenario, "-o", self.out, "-v", "--allow-host-sysctl", stderr=said)
        seen = []
        while running.poll() is None:
            with open(path, encoding="utf-8") as file:
                value = int(file.read())
            if not seen or seen[-1][0] != value:
                seen.append((value, time.monotonic()))
            time.sleep(0.002)
        self.assertEqual(running.returncode, 0)
        self.assertEqual([value for value, _ in seen], [before, before + 1, before])
        held = seen[2][1] - seen[1][1]
        self.assertGreater(held, 0.9)
        (repetition,) = harness.load(self.out)["cells"][0]["repetitions"]
        self.assertEqual((repetition["restored"], repetition["sysctl_left_out"]), (True, {}))

    def test_window_sysctl_needs_leave(self):
        scenario = harness.scenario(self.folder, sysctl={"window": {"net.core.netdev_budget_usecs": 1}})
        done = harness.run("run", scenario, "-o", self.out)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("net.core.netdev_budget_usecs", done.stderr)
        self.assertIn("--allow-host-sysctl", done.stderr)
        done = harness.run("plan", scenario)
        self.assertIn("in the measured window alone: net.core.netdev_budget_usecs = 1  (needs --allow-host-sysctl)",
                      done.stdout)

    def test_a_rate_limits_goodput_and_a_short_queue_drops(self):
        """8 Mbit/s are 1 MB/s, headers and all."""
        flows = [{"name": "stream", "connections": 4, "sender": "server", "io": "blocking"}]
        timing = {"ramp": "50ms", "warmup": "500ms", "measure": "1s", "repetitions": 1}
        scenario = harness.scenario(self.folder, flows=flows, timing=timing, sweep={"queue": [
            {"label": "long", "set": {"/lab/link/rate": "8mbit"}},
            {"label": "short", "set": {"/lab/link/server_qdisc": "tbf rate 8mbit burst 16kb limit 20kb"}},
        ]})
        done = harness.run("run", scenario, "-o", self.out)
        self.assertEqual(done.returncode, 0, done.stderr)
        long, short = (cell["repetitions"][0] for cell in harness.load(self.out)["cells"])
        tbf = "tbf rate 8000000bit burst 65536 latency 50ms"
        self.assertEqual(long["qdisc"], {"client": tbf, "server": tbf})
        self.assertEqual(short["qdisc"], {"server": "tbf rate 8mbit burst 16kb limit 20kb"})
        for repetition in (long, short):
            # What was queued before the window is read within it, so a little more may be.
            self.assertLess(repetition["flows"][0]["goodput_bytes_per_s"], 1.2e6)
            self.assertGreater(repetition["flows"][0]["goodput_bytes_per_s"], 0.3e6)
        self.assertGreater(short["kernel"]["server"]["counters"]["qdisc.drops"], 0)

    def test_a_qdisc_that_this_kernel_lacks_is_told_by_plan_and_skipped(self):
        scenario = harness.scenario(self.folder, sweep={"queue": [
            {"label": "has", "set": {"/lab/link/server_qdisc": "pfifo limit 100"}},
            {"label": "lacks", "set": {"/lab/link/server_qdisc": "nosuch"}},
        ]})
        why = 'The root qdisc "nosuch" cannot be had here: this kernel has no such qdisc'
        done = harness.run("plan", scenario)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("Cannot be run here, 1 of 2 cells (queue=lacks): " + why, done.stdout)
        done = harness.run("run", scenario, "-o", self.out)
        self.assertEqual(done.returncode, 0, done.stderr)
        has, lacks = (cell["repetitions"][0] for cell in harness.load(self.out)["cells"])
        self.assertEqual(has["status"], "ok")
        self.assertEqual(lacks["status"], "skipped")
        self.assertIn(why, lacks["reason"])

    def test_a_qdisc_that_tc_does_not_understand_is_bad_input(self):
        scenario = harness.scenario(self.folder, lab={"link": {"server_qdisc": "tbf rat 1mbit"}})
        for command in (["plan", scenario], ["run", scenario, "-o", self.out]):
            done = harness.run(*command)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn('unknown parameter "rat"', done.stderr)

    def test_unwritable_output(self):
        path = harness.scenario(self.folder)
        done = harness.run("run", path, "-o", self.path("no/such/folder/report.json"))
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("no/such/folder", done.stderr)
        done = harness.run("run", path, "-o", self.folder)
        self.assertEqual(done.returncode, 2, done.stderr)

        done = harness.run("run", path, "-o", os.path.join(self.mounted("ro"), "report.json"))
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("Read-only file system", done.stderr)
        self.assertIn("-o", done.stderr)

    def mounted(self, options):
        """A file system in memory, for as long as the test runs."""
        mount = self.path("mount")
        os.mkdir(mount)
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", mount], check=True)
        self.addCleanup(subprocess.run, ["umount", mount], check=True)
        return mount

    def run_on_a_full_disk(self, size, repetitions):
        out = os.path.join(self.mounted(f"size={size}"), "report.json")
        timing = {"ramp": "10ms", "warmup": "10ms", "measure": "50ms", "repetitions": repetitions}
        done = harness.run("run", harness.scenario(self.folder, timing=timing), "-o", out)
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn("No space left on device", done.stderr)
        self.assertFalse(os.path.exists(out))
        return done, out + ".journal"

    def finished_in(self, journal):
        """The repetitions of a journal; every line must be whole."""
        with open(journal, encoding="utf-8") as file:
            text = file.read()
        self.assertTrue(text.endswith("\n"))
        return [json.loads(line) for line in text.splitlines()[1:]]

    def test_a_full_disk_before_anything_is_measured(self):
        done, journal = self.run_on_a_full_disk("4k", 1)
        self.assertIn("→", done.stderr)
        self.assertFalse(os.path.exists(journal))

    def test_a_disk_that_fills_up_keeps_what_is_finished(self):
        done, journal = self.run_on_a_full_disk("64k", 50)
        self.assertIn("kept in " + journal, done.stderr)
        finished = self.finished_in(journal)
        self.assertGreater(len(finished), 0)
        self.assertLess(len(finished), 50)
        for repetition in finished:
            self.assertEqual(repetition["status"], "ok")

    def test_a_disk_too_full_for_the_report_keeps_the_journal(self):
        done, journal = self.run_on_a_full_disk("40k", 1)
        self.assertIn("every finished repetition is in " + journal, done.stderr)
        self.assertEqual(len(self.finished_in(journal)), 1)

    def test_a_report_to_a_full_device_keeps_the_journal(self):
        done = harness.run("run", harness.scenario(self.folder), "-o", "/dev/full", "-q",
                           env={"TMPDIR": self.folder})
        self.assertEqual(done.returncode, 5, done.stderr)
        self.assertIn("No space left on device", done.stderr)
        (journal,) = glob.glob(self.path("*.journal"))
        self.assertIn(journal, done.stderr)
        self.assertEqual(len(self.finished_in(journal)), 1)

    def test_a_machine_with_cgroup_v2_alone_skips_the_memory_limit_and_says_how_to_see_it(self):
        path = harness.scenario(
            self.folder,
            sweep={"case": [
                {"label": "slow-readers", "set": {}},
                {"label": "memory-limit", "set": {"/lab/tcp_memory_limit": {"server": "1MiB"}}},
            ]},
        )
        alone = ["unshare", "-m", "sh", "-c",
                 'umount -l /sys/fs/cgroup/memory 2>/dev/null; exec "$@"', "sh", harness.NETSTALL]
        done = subprocess.run([*alone, "run", path, "-o", self.out], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        slow, limit = harness.load(self.out)["cells"]
        self.assertEqual(slow["repetitions"][0]["status"], "ok")
        (skipped,) = limit["repetitions"]
        self.assertEqual(skipped["status"], "skipped")
        self.assertIsNone(skipped["stalls"])
        for text in (skipped["reason"], harness.said(done)):
            self.assertIn("no cgroup v1 memory controller is mounted", text)
            self.assertIn("net.ipv4.tcp_mem", text)
            self.assertIn("guest", text)
        # Nothing but such a cell: this machine cannot do it.
        done = subprocess.run([*alone, "run", harness.scenario(self.folder, lab={"tcp_memory_limit": {"server": "1MiB"}}),
                               "-o", self.path("none.json")], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 4, done.stderr + done.stdout)

    def test_the_report_says_whether_a_veth_polled_by_napi(self):
        path = harness.scenario(
            self.folder,
            sweep={"napi": [
                {"label": "off", "set": {"/lab/link/offload": {"gro": False, "tso": False}}},
                {"label": "idle", "set": {"/lab/link/offload": {"gro": True, "tso": True}}},
                {"label": "on", "set": {"/lab/link/offload": {"gro": True, "tso": False}}},
            ]},
        )
        done = harness.run("run", path, "-o", self.out)
        self.assertEqual(done.returncode, 0, done.stderr)
        facts = {cell["parameters"]["napi"]: cell["repetitions"][0]["devices"]["client"]
                 for cell in harness.load(self.out)["cells"]}
        for device in facts.values():
            self.assertEqual((device["name"], device["driver"]), ("netstall0", "veth"))
        self.assertEqual(facts["off"]["napi"], {"enabled": False, "polled": 0, "dropped": None})
        # Enabled, and the kernel hands it nothing while the other end has TSO.
        self.assertEqual(facts["idle"]["napi"], {"enabled": True, "polled": 0, "dropped": 0})
        self.assertTrue(facts["on"]["napi"]["enabled"])
        self.assertGreater(facts["on"]["napi"]["polled"], 100)
        self.assertGreaterEqual(facts["on"]["napi"]["dropped"], 0)

    def test_progress_is_for_a_terminal_and_options_are_told_with_v(self):
        path = harness.scenario(self.folder)
        done = harness.run("run", path, "-o", self.out, "-v")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("buffers: SO_SNDBUF 32KiB at the sender, SO_RCVBUF 32KiB at the reader", done.stderr)
        self.assertIn("messages: 16KiB each, as fast as the socket takes them", done.stderr)
        self.assertIn("reader: 4KiB a recv(), 400", done.stderr)
        self.assertNotIn("to go", done.stderr)
        self.assertNotIn("\x1b", done.stderr + done.stdout)

        ours, its = pty.openpty()
        running = subprocess.Popen([harness.NETSTALL, "run", path, "-o", self.out],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=its)
        os.close(its)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the last writer has closed it
                break
            if not piece:
                break
            shown += piece
        os.close(ours)
        self.assertEqual(running.wait(60), 0, shown)
        self.assertRegex(shown.decode(), r"\[1/1\] \d+ s to go \| measure \| base")

    def test_too_few_descriptors(self):
        path = harness.scenario(self.folder)
        done = harness.run(
            "run", path, "-o", self.out, "--set", "/flows/0/connections=5000",
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60)),
        )
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("ulimit -Hn", done.stderr)

    def test_plan_and_doctor_as_an_ordinary_user(self):
        path = harness.scenario(self.folder)
        os.chmod(self.folder, 0o755)
        done = harness.run("plan", path, user=65534, group=65534, cwd="/tmp")
        self.assertEqual(done.returncode, 0, done.stderr)
        done = harness.run("doctor", "--json", user=65534, group=65534, cwd="/tmp")
        self.assertIn(done.returncode, (0, 4), done.stderr)
        self.assertIn('"checks"', done.stdout)

    def test_two_runs_at_once_do_not_count_each_other(self):
        path = harness.scenario(self.folder)
        fast = [{"name": "fast", "connections": 2, "sender": "server", "io": "blocking", "pace": {"rate": "50/s"}}]
        other_folder = self.path("other")
        os.mkdir(other_folder)
        other = harness.scenario(other_folder, flows=fast)
        first = harness.start("run", path, "-o", self.out)
        second = harness.run("run", other, "-o", self.path("other.json"))
        self.assertEqual(first.wait(60), 0)
        self.assertEqual(second.returncode, 0, second.stderr)
        (slow,) = harness.repetitions(harness.load(self.out))
        (quick,) = harness.repetitions(harness.load(self.path("other.json")))
        self.assertGreater(slow["stalls"]["total"]["count"], 0)
        self.assertEqual(quick["stalls"]["total"]["count"], 0)

    def test_interrupts_unwind_and_keep_what_is_finished(self):
        for signal_number in (signal.SIGINT, signal.SIGTERM):
            path = harness.scenario(
                self.folder, timing={"ramp": "50ms", "warmup": "0ms", "measure": "400ms", "repetitions": 50}
            )
            running = harness.start("run", path, "-o", self.out)
            journal = self.out + ".journal"
            harness.wait_until(lambda: self.lines_of(journal) < 2, 20, "no repetition finished")
            running.send_signal(signal_number)
            self.assertEqual(running.wait(20), 130)
            repetitions = harness.repetitions(harness.load(self.out))
            self.assertIn("ok", [r["status"] for r in repetitions])
            for repetition in repetitions:
                self.assertTrue(repetition["restored"], repetition)
            self.machine.assert_clean()
            self.assertTrue(os.path.exists(journal), "what --resume goes on with")
            os.remove(journal)

    @staticmethod
    def lines_of(path):
        if not os.path.exists(path):
            return 0
        with open(path, "rb") as file:
            return file.read().count(b"\n")

    def test_connections_that_die_fail_the_repetition(self):
        path = harness.scenario(
            self.folder, timing={"ramp": "50ms", "warmup": "2s", "measure": "500ms", "repetitions": 1}
        )
        running = harness.start("run", path, "-o", self.out)
        try:
            harness.wait_until(lambda: not self.reset_connections(running.pid, 4), 20, "no connection to reset")
        finally:
            self.assertEqual(running.wait(60), 5)
        (repetition,) = harness.repetitions(harness.load(self.out))
        self.assertEqual(repetition["status"], "failed")
        self.assertIn("connections ended while traffic ran", repetition["reason"])
        connections = repetition["flows"][0]["connections"]
        self.assertLess(connections["alive"], connections["established"])

    @staticmethod
    def reset_connections(controller, count):
        """Resets the connections of a run once so many have data queued; whether it did. Before
        that its workers may still wait for some of them."""
        def shown(options):
            return [line for worker in harness.children(controller, "netstall-worker") for line in subprocess.run(
                ["nsenter", "-t", str(worker), "-n", "ss", options, "state", "established"],
                capture_output=True, text=True, check=False,
            ).stdout.splitlines()]

        if sum(int(line.split()[1]) > 0 for line in shown("-Htn")) < count:
            return False
        return bool(shown("-HKtn"))

    def test_connections_that_no_server_accepts_are_counted_and_no_hang(self):
        """With SYN cookies the kernel keeps nothing of a connection whose last ACK finds
        the accept queue full: the client has it, and the server never will. A server with a CPU
        of its own may accept as fast as they come: both sides share one."""
        cpu = {"cpus": str(min(os.sched_getaffinity(0)))}
        path = harness.scenario(
            self.folder,
            lab={"placement": {"client": cpu, "server": cpu}},
            sysctl={"server": {"net.core.somaxconn": 1, "net.ipv4.tcp_syncookies": 2}},
            flows=[{"name": "many", "connections": 500, "sender": "server", "payload": {"fixed": "1KiB"}}],
            probes=["accept_overflow"],
            timing={"ramp": "0s", "warmup": "50ms", "measure": "100ms", "repetitions": 1},
        )
        done = harness.run("run", path, "-o", self.out)
        self.assertEqual(done.returncode, 5, done.stderr + done.stdout)
        (repetition,) = harness.repetitions(harness.load(self.out))
        self.assertEqual(repetition["status"], "failed")
        self.assertRegex(repetition["reason"], r"flow many: \d+ of 500 connections were established, .*\d+ not accepted \(.*somaxconn")
        connections = repetition["flows"][0]["connections"]
        self.assertEqual(connections["established"] + sum(connections["failed"].values()), 500)
        self.assertGreater(connections["failed"]["not accepted"], 0)
        overflows = repetition["findings"]["accept_overflow"]["events"]["server"]
        self.assertGreaterEqual(overflows["overflows_before"], connections["failed"]["not accepted"])

    def test_a_journal_of_an_earlier_run_is_neither_lost_nor_mixed_in(self):
        path = harness.scenario(self.folder, timing={"ramp": "0ms", "warmup": "0ms", "measure": "100ms",
                                                     "repetitions": 50})
        running = harness.start("run", path, "-o", self.out)
        journal = self.out + ".journal"
        harness.wait_until(lambda: self.lines_of(journal) < 2, 20, "no repetition finished")
        running.kill()
        running.wait(20)
        self.machine.assert_clean()
        with open(journal, "rb") as file:
            kept = file.read()
        done = self.run_scenario(expect_status=2)
        self.assertIn("finished repetitions of an earlier run", done.stderr)
        with open(journal, "rb") as file:
            self.assertEqual(file.read(), kept)
        os.remove(journal)
        self.run_scenario()
        self.assertFalse(os.path.exists(journal))

    def test_what_fails_at_once_leaves_no_journal(self):
        self.run_scenario(sysctl={"server": {"net.ipv4.no_such": "1"}}, expect_status=2)
        self.assertFalse(os.path.exists(self.out + ".journal"))


if __name__ == "__main__":
    harness.main(needs_root=True)
