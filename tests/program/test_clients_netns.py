"""Several clients on a bridge: each has its share of the connections, from an address of its
own; what the report adds up is all of theirs; they share the server's end of the link; and
nothing of it is left.

What happens in the namespaces is looked at from there, by ss and /proc, while a run goes on."""

import collections
import os
import re
import signal
import subprocess

import harness

CLIENTS = {
    4: ["10.78.0.1", "10.78.0.3", "10.78.0.4"],
    6: ["fd00:6e73::1", "fd00:6e73::3", "fd00:6e73::4"],
}
RMEM = "4096 131073 6291457"


def inode(pid):
    return os.stat(f"/proc/{pid}/ns/net").st_ino


def inside(pid, *command):
    """What a command prints in the network namespace of a process."""
    return subprocess.run(
        ["nsenter", "-t", str(pid), "-n", *command], capture_output=True, text=True, check=True
    ).stdout


def stream(name, **changes):
    flow = {"name": name, "connections": 6, "payload": {"fixed": "4KiB"}, "pace": {"rate": "20/s"}}
    return {key: value for key, value in {**flow, **changes}.items() if value is not None}


class Clients(harness.RunCase):
    def scenario(self, *flows, clients=3, link=None, sysctl=None, **timing):
        return harness.scenario(
            self.folder,
            lab={"clients": clients, "link": link or {}},
            sysctl=sysctl or {},
            flows=list(flows),
            timing={"ramp": "50ms", "warmup": "200ms", "measure": "500ms", "repetitions": 1, **timing},
        )

    def run_scenario(self, *flows, **changes):
        done = harness.run("run", self.scenario(*flows, **changes), "-o", self.out)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        (repetition,) = harness.repetitions(harness.load(self.out))
        self.assertEqual(repetition["status"], "ok")
        self.assertTrue(repetition["restored"])
        return repetition

    def start(self, *flows, **changes):
        """A run that measures for long; returns it and the workers' numbers, by namespace."""
        path = self.scenario(*flows, measure="10min", **changes)
        running = harness.start("run", path, "-o", self.out)
        self.addCleanup(self.end, running)
        expected = sum(flow.get("connections", 1) for flow in flows)

        def missing():
            namespaces = self.workers(running)
            if len(namespaces) != changes.get("clients", 3) + 1:
                return f"{len(namespaces)} namespaces"
            found = sum(len(self.peers(pid)) for pid in namespaces.values())
            return None if found == 2 * expected else f"{found} ends of connections"

        harness.wait_until(missing, 60, "not all connected")
        return running, self.workers(running)

    @staticmethod
    def end(running):
        running.kill()
        running.wait(20)

    @staticmethod
    def workers(running):
        found = {}
        for pid in harness.children(running.pid, "netstall-worker"):
            try:
                found[inode(pid)] = pid
            except OSError:
                continue
        return found

    @staticmethod
    def peers(pid):
        """Of each connected socket in a namespace: local address, and its peer's."""
        shown = inside(pid, "ss", "-Htun", "state", "connected")
        found = []
        for line in shown.splitlines():
            local, peer = line.split()[4:6]
            found.append(tuple(end.rpartition(":")[0].strip("[]") for end in (local, peer)))
        return found

    def test_connections_come_from_every_client(self):
        flows = [
            stream(f"{pattern}-{sender}-{family}", pattern=pattern, sender=sender, family=family,
                   pace={"rate": "1/s"})
            for pattern in ("stream", "udp-stream")
            for sender in ("client", "server")
            for family in ("ipv4", "ipv6")
        ]
        running, workers = self.start(*flows, sysctl={"client": {"net.ipv4.tcp_rmem": RMEM}})
        of_client = [6 // 3 * len(flows) // 2] * 3
        met = collections.Counter()
        servers = []
        for pid in workers.values():
            ends = collections.Counter(self.peers(pid))
            addresses = {local for local, _ in ends}
            if "10.78.0.2" in addresses:
                servers.append(pid)
                for (_, peer), count in ends.items():
                    met[peer] += count
                continue
            # One of the clients: its own address of each family, and the server's alone.
            self.assertEqual(len(addresses), 2)
            self.assertEqual({peer for _, peer in ends}, {"10.78.0.2", "fd00:6e73::2"})
            rmem = inside(pid, "cat", "/proc/sys/net/ipv4/tcp_rmem").split()
            self.assertEqual(rmem, RMEM.split())
        self.assertEqual(len(servers), 1)
        for family in (4, 6):
            self.assertEqual([met[address] for address in CLIENTS[family]], of_client, met)
        rmem = inside(servers[0], "cat", "/proc/sys/net/ipv4/tcp_rmem").split()
        self.assertNotEqual(rmem, RMEM.split())
        running.send_signal(signal.SIGINT)
        running.wait(30)

    def test_every_pattern_both_ways(self):
        flows = [
            stream(f"{pattern}-{sender}-{family}", pattern=pattern, sender=sender, family=family)
            for pattern in ("stream", "request-response", "duplex", "udp-stream",
                            "udp-request-response")
            for sender in ("client", "server")
            for family in ("ipv4", "ipv6")
        ]
        flows += [stream(f"connect-{f}", pattern="connect", family=f) for f in ("ipv4", "ipv6")]
        flows += [stream("blocking", io="blocking", sender="client")]
        flows += [stream("few", connections=1), {"name": "idle", "connections": 7, "pattern": "idle"}]
        repetition = self.run_scenario(*flows, measure="1s")
        for flow, result in zip(flows, repetition["flows"]):
            name = result["name"]
            asked = flow["connections"]
            self.assertEqual(result["connections"]["established"], asked, name)
            if flow.get("pattern") == "idle":
                continue
            both = 2 if flow.get("pattern") == "duplex" else 1
            # At 20/s for a second; what is late at an edge counts in the next window.
            expected = 20 * asked * both
            self.assertAlmostEqual(result["messages"], expected, delta=expected * 0.2, msg=name)
            if result.get("datagrams"):
                self.assertEqual(result["datagrams"]["lost"], 0, name)

    def test_counters_are_the_sum_of_the_clients(self):
        repetition = self.run_scenario(
            stream("up", sender="client", pace=None, connections=9),
            stream("datagrams", sender="client", pattern="udp-stream", connections=9),
        )
        client = repetition["kernel"]["client"]["counters"]
        server = repetition["kernel"]["server"]["counters"]
        # What a bridge loses nothing of arrives: were only one client counted, it would be a third.
        for sent, received in (
            ("IpExt.OutOctets", "IpExt.InOctets"),
            ("Udp.OutDatagrams", "Udp.InDatagrams"),
        ):
            self.assertAlmostEqual(client[sent] / server[received], 1, delta=0.05, msg=sent)
        gauges = repetition["kernel"]["client"]["gauges"]
        self.assertEqual(gauges["Tcp.CurrEstab"], {"start": 9, "end": 9})
        self.assertEqual(gauges["TCP.inuse"]["end"], 9)
        self.assertEqual(gauges["Ip.DefaultTTL"]["end"], 64)

    def goodput(self, link, sender):
        flow = stream("bulk", sender=sender, pace=None, payload={"fixed": "64KiB"}, connections=6)
        repetition = self.run_scenario(flow, link=link, warmup="500ms", measure="2s")
        return repetition["flows"][0]["goodput_bytes_per_s"] * 8 / 1e6

    def test_clients_share_the_servers_end_and_have_their_own(self):
        # Goodput is less headers: 1448 of 1514 bytes.
        shared = self.goodput({"server_qdisc": "tbf rate 60mbit burst 64kb latency 20ms"}, "server")
        self.assertAlmostEqual(shared, 60 * 1448 / 1514, delta=60 * 0.08)
        own = self.goodput({"client_qdisc": "tbf rate 20mbit burst 64kb latency 20ms"}, "client")
        self.assertAlmostEqual(own, 3 * 20 * 1448 / 1514, delta=60 * 0.08)

    def test_stalls_of_every_client_are_seen(self):
        repetition = self.run_scenario(
            {
                "name": "slow", "connections": 6, "sender": "client", "io": "blocking",
                "payload": {"fixed": "16KiB"}, "reader": {"rate": "400kB/s", "chunk": "4KiB"},
                "socket": {"sndbuf": "32KiB", "rcvbuf": "32KiB"},
            },
            measure="1s",
        )
        (flow,) = repetition["flows"]
        own = flow["own_clock"]["total"]
        self.assertGreater(own["count"], 9)
        if repetition["probes"]["backend"] == "own_clock":
            self.skipTest(f"no probe: {repetition['probes']['missing']}")
        self.assertAlmostEqual(flow["stalls"]["total"]["count"], own["count"], delta=6)

    def test_drops_of_every_client_are_seen(self):
        flow = stream("burst", sender="client", pattern="udp-stream", connections=3,
                      payload={"fixed": 1200}, pace={"rate": "1k/s"})
        path = self.scenario(
            flow, link={"client_qdisc": "tbf rate 4mbit burst 3000 limit 6000"}, measure="2s"
        )
        done = harness.run("run", path, "-o", self.out, "--set", '/probes=["send_wait", "qdisc_drops"]')
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        (repetition,) = harness.repetitions(harness.load(self.out))
        counted = repetition["kernel"]["client"]["counters"]["qdisc.drops"]
        # 3,000 datagrams a second are too many for 1,250: what is lost is lost there. Counters are
        # read at the edges of the window, on a slow machine after them; one client has a third.
        lost = repetition["flows"][0]["datagrams"]["lost"]
        self.assertGreater(lost, 100)
        self.assertAlmostEqual(counted, lost, delta=lost * 0.4)
        found = repetition["findings"]["qdisc_drops"]
        if found is None:
            self.skipTest(f"no probe: {repetition['probes']['missing']}")
        self.assertAlmostEqual(found["events"]["client"]["tbf"], counted, delta=counted * 0.25)

    def test_plan_states_the_clients(self):
        shown = harness.run("plan", self.scenario(stream("f"))).stdout
        self.assertIn("Client namespaces: 3; several meet the server on a bridge", shown)
        places = re.findall(r"client (\d+) in client namespace (\d+): .* (\d+) × f on port", shown)
        self.assertEqual({(where, count) for _, where, count in places},
                         {("0", "2"), ("1", "2"), ("2", "2")})
        one = harness.run("plan", self.scenario(stream("f"), clients=1)).stdout
        self.assertIn("Client namespaces: 1\n", one)
        self.assertNotIn("in client namespace", one)
        refused = harness.run("plan", self.scenario(stream("f"), clients=33))
        self.assertEqual(refused.returncode, 2)
        self.assertIn("/lab/clients: found 33; expected a whole number from 1 to 32", refused.stderr)

    def test_a_kill_leaves_nothing(self):
        for step in ("lab", "link_made", "workers", "measure", "unwind"):
            with self.subTest(step=step):
                running = harness.start("run", self.scenario(stream("f")), "-o", self.out,
                                        env={"NETSTALL_KILL_AT": step})
                self.assertEqual(running.wait(60), -signal.SIGKILL)
                self.machine.assert_clean()


if __name__ == "__main__":
    harness.main(needs_root=True)
