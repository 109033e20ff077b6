#!/usr/bin/env python3
"""What scripts/peers.sh reads from the programs it runs, and what it makes of that."""

import json
import pathlib
import sys
import unittest

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))
sys.dont_write_bytecode = True
import c1m_curve  # noqa: E402
import peers_rounds  # noqa: E402
import stage  # noqa: E402


class Answers(unittest.TestCase):
    def test_iperf3_counts_what_was_received(self):
        text = json.dumps({"end": {"sum_sent": {"bits_per_second": 9.6e9},
                                   "sum_received": {"bits_per_second": 8e9}}})
        self.assertEqual(peers_rounds.iperf3_rate(text), 1e9)

    def test_iperf_has_a_line_for_each_stream(self):
        one = "20261125215000,10.78.0.1,40002,10.78.0.2,5202,1,0.0-2.0,1000000000,4000000000\n"
        both = one + "20261125215000,10.78.0.1,40004,10.78.0.2,5202,2,0.0-2.0,1500000000,6000000000\n"
        summed = both + "20261125215000,10.78.0.1,0,10.78.0.2,5202,-1,0.0-2.0,2500000000,10000000000\n"
        self.assertEqual(peers_rounds.iperf_rate(one), 0.5e9)
        self.assertEqual(peers_rounds.iperf_rate(both), 1.25e9)
        self.assertEqual(peers_rounds.iperf_rate(summed), 1.25e9)

    def test_nuttcp(self):
        text = ("megabytes=1192.0929 real_seconds=1.00 rate_Mbps=8000.0000 tx_cpu=99 rx_cpu=80 "
                "retrans=0 cwnd=1000 rtt_ms=0.05\n")
        self.assertEqual(peers_rounds.nuttcp_rate(text), 1e9)

    def test_sockperf(self):
        text = ("sockperf: Total 1000 observations; each percentile contains 10.00 observations\n"
                "sockperf: ---> percentile 99.990 =  900.125\nsockperf: ---> percentile 99.000 =  158.000\n"
                "sockperf: ---> percentile 50.000 =   81.250\n")
        self.assertEqual(peers_rounds.sockperf_latency(text), {"p50": 81250.0, "p99": 158000.0})

    def test_ss(self):
        text = "Total: 12\nTCP:   3004 (estab 3000, closed 1, orphaned 0, timewait 0)\n\nTransport Total IP\n"
        self.assertEqual(c1m_curve.established(text), 3000)


class Targets(unittest.TestCase):
    @staticmethod
    def row(work, program, value, unit="bytes/s"):
        return {"work": work, "program": program, "unit": unit, "values": [value], "median": value}

    def test_the_better_io_counts_and_the_best_peer(self):
        rows = [self.row("1 stream", "netstall blocking", 97), self.row("1 stream", "netstall nonblocking", 90),
                self.row("1 stream", "iperf3", 90), self.row("1 stream", "iperf", 100),
                self.row("16 streams", "netstall nonblocking", 170), self.row("16 streams", "iperf3", 100),
                self.row("latency of ping-pong, p50", "netstall", 90, "ns"),
                self.row("latency of ping-pong, p50", "sockperf", 100, "ns"),
                self.row("latency of ping-pong, p99", "netstall", 101, "ns"),
                self.row("latency of ping-pong, p99", "sockperf", 100, "ns"),
                self.row("latency at one rate, p50", "netstall", 120, "ns"),
                self.row("latency at one rate, p50", "netstall spinning", 80, "ns"),
                self.row("latency at one rate, p50", "sockperf", 100, "ns")]
        targets = peers_rounds.targets_of(rows)
        self.assertEqual([(target["ratio"], target["met"]) for target in targets],
                         [(0.97, False), (1.7, True), (0.9, True), (1.01, False), (0.8, True)])
        table = peers_rounds.table_of(rows, targets)
        self.assertIn("| 1 stream, of the best of iperf3 and iperf | 0.970 | at least 0.98 | missed |", table)
        self.assertIn("| latency of ping-pong, p50 | netstall | 0.1 us |", table)

    def test_who_did_not_run_sets_no_target(self):
        rows = [self.row("1 stream", "netstall blocking", 97), self.row("16 streams", "netstall blocking", 97)]
        self.assertEqual(peers_rounds.targets_of(rows), [])

    def test_a_million_connections(self):
        row = {"connections": 10, "established_by_ss": {"client": 10, "server": 10}, "bare_connect_s": [1.0],
               "netstall_connect_s": [1.3], "connect_ratio": 1.3, "workers": 2, "user_bytes_per_end": 512.0,
               "workers_bytes": 2_000_000, "slab_bytes_per_connection": 5000.0}
        targets = c1m_curve.targets_of([row])
        self.assertEqual([target["met"] for target in targets], [False, True])
        self.assertIn("| 10 | 10, 10 | 1.00 s | 1.30 s | 1.30 | 2 | 512 B | 2.0 MB | 5000 B |",
                      c1m_curve.table_of([row], targets))

    def test_median(self):
        self.assertEqual(stage.median([3, 1, 2]), 2)
        self.assertEqual(stage.median([4, 1, 2, 3]), 2.5)


if __name__ == "__main__":
    unittest.main()
