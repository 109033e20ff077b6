"""Ports of the machine in place of the veth pair: moved into the sides' namespaces and
back as they were, whatever ends the run; and those that are refused.

Ends of a veth pair stand in for ports, in a namespace that stands in for the machine's."""

import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import threading
import time

import harness

# What a port has before and must have after.
SET_UP = """
ip link set lo up
ip link add port0 mtu 9000 type veth peer name port1 mtu 9000
ip link set port0 txqueuelen 77 up
ip link set port1 up
ip addr add 192.0.2.1/24 dev port0
ip addr add 192.0.2.9/32 dev port0 label port0:x
ip addr add 2001:db8::1/64 dev port0 nodad
echo 2 > /proc/sys/net/ipv4/conf/port0/rp_filter
echo 1 > /proc/sys/net/ipv4/conf/port1/arp_ignore
echo 0 > /proc/sys/net/ipv6/conf/port1/accept_ra
echo 77 > /proc/sys/net/ipv4/neigh/port1/gc_stale_time
ip addr add 2001:db8:2::1/64 dev port1
ip addr add 192.0.2.2/24 dev port1
ip route add 198.51.100.0/24 via 192.0.2.2 dev port0 metric 50
ip route add 2001:db8:1::/48 via 2001:db8::2 dev port0 metric 7
"""
VOLATILE = ("ifindex", "link_index", "operstate", "link", "qdisc", "valid_life_time",
            "preferred_life_time")


class Devices(harness.Case):
    def setUp(self):
        super().setUp()
        self.machine = harness.Machine()
        self.namespace = f"ports-{os.getpid()}"
        self.ip("netns", "add", self.namespace)
        self.addCleanup(self.ip, "netns", "del", self.namespace)
        self.inside("sh", "-ec", SET_UP)
        harness.wait_until(self.not_ready, 10, "not ready")
        self.out = self.path("report.json")
        self.before = self.ports()

    @staticmethod
    def ip(*arguments):
        return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=True).stdout

    def inside(self, *command, check=True, timeout=120, **options):
        return subprocess.run(
            ["ip", "netns", "exec", self.namespace, *command], capture_output=True, text=True,
            check=check, timeout=timeout, **options,
        )

    def start_inside(self, *arguments, env=None):
        # nsenter becomes the program: its number is the controller's.
        return subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{self.namespace}", harness.NETSTALL, *arguments],
            env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )

    def shown(self, *what):
        return json.loads(self.ip("-n", self.namespace, "-j", *what) or "[]")

    def not_ready(self):
        """Ports without a carrier, and addresses that are still being tried."""
        shown = self.shown("addr", "show", "type", "veth")
        tried = [a["local"] for link in shown for a in link["addr_info"] if a.get("tentative")]
        return tried + [link["ifname"] for link in shown if link["operstate"] != "UP"]

    def ports(self):
        """All of both ports that iproute2 shows and that does not change by itself."""
        found = {}
        for link in self.shown("-d", "addr", "show"):
            if not link.get("ifname", "").startswith("port"):
                continue
            addresses = [
                {key: value for key, value in address.items() if key not in VOLATILE}
                for address in link.pop("addr_info")
                if not address["local"].startswith("fe80:") and not address.pop("tentative", False)
            ]
            flags = sorted(set(link.pop("flags")) - {"LOWER_UP", "M-DOWN", "NO-CARRIER"})
            found[link["ifname"]] = {
                "flags": flags,
                "addresses": sorted(addresses, key=lambda one: one["local"]),
                **{key: link[key] for key in ("mtu", "txqlen", "address")},
                "offloads": self.offloads(link["ifname"]),
                "sysctls": self.inside(
                    "sh", "-c", "cd /proc/sys/net && grep -s . "
                    f"ipv[46]/conf/{link['ifname']}/* ipv[46]/neigh/{link['ifname']}/*",
                    check=False,
                ).stdout.splitlines(),
            }
        for family in ("-4", "-6"):
            found[family] = sorted(
                json.dumps(route, sort_keys=True)
                for route in self.shown(family, "route", "show")
                if not route["dst"].startswith("fe80:")
            )
        return found

    def offloads(self, port):
        """By ioctl, in a thread that goes there: ethtool may not be installed."""
        found = {}

        def read():
            libc = ctypes.CDLL(None, use_errno=True)
            with open(f"/run/netns/{self.namespace}", "rb") as file:
                if libc.setns(file.fileno(), 0x40000000) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
                for name, command in (("tso", 0x1E), ("gso", 0x23), ("gro", 0x2B)):
                    value = ctypes.create_string_buffer(struct.pack("II", command, 0))
                    request = struct.pack("16sP16x", port.encode(), ctypes.addressof(value))
                    fcntl.ioctl(asked, 0x8946, request)
                    found[name] = struct.unpack("II", value.raw[:8])[1]

        thread = threading.Thread(target=read)
        thread.start()
        thread.join()
        return found

    def differences(self):
        def facts(value, name=""):
            if isinstance(value, dict):
                return {fact for key in value for fact in facts(value[key], f"{name}{key} ")}
            if isinstance(value, list):
                return {f"{name}{one}" for one in value}
            return {f"{name}{value}"}

        return sorted(facts(self.ports()) ^ facts(self.before))

    def assert_as_before(self):
        # A carrier comes a moment after its ports, and IPv6 addresses are tried first.
        harness.wait_until(self.differences, 10, "not as before")
        self.machine.assert_clean()

    def scenario(self, client="port0", server="port1", link=None, **changes):
        lab = {"devices": {"client": client, "server": server}, "link": link or {}}
        return harness.scenario(self.folder, lab=lab, **changes)

    def run_inside(self, *arguments):
        return self.inside(harness.NETSTALL, *arguments, check=False)

    def test_a_run_over_ports(self):
        path = self.scenario(
            link={
                "mtu": 1400, "txqueuelen": 55, "offload": {"tso": False, "gso": False},
                "server_qdisc": "pfifo limit 1000",
            },
        )
        self.assertIn("taken, and put back after each repetition: port0 (client), port1 (server)",
                      self.run_inside("plan", path).stdout)
        done = self.run_inside("run", path, "-o", self.out)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        self.assert_as_before()
        (repetition,) = harness.repetitions(harness.load(self.out))
        self.assertEqual(repetition["status"], "ok")
        self.assertTrue(repetition["restored"])
        self.assertEqual(repetition["qdisc"], {"server": "pfifo limit 1000"})
        self.assertGreater(repetition["flows"][0]["stalls"]["total"]["count"], 0)
        devices = repetition["devices"]
        self.assertEqual({side: devices[side]["name"] for side in devices},
                         {"client": "port0", "server": "port1"})
        for device in devices.values():
            self.assertEqual((device["driver"], device["mtu"]), ("veth", 1400))
            # A veth pair has none of these, which is not 0.
            for name in ("ring", "coalescing", "interrupts"):
                self.assertIsNone(device[name], name)
            self.assertEqual(set(device["drops"]), {
                "rx_dropped", "rx_missed", "rx_overrun", "rx_errors", "tx_dropped", "tx_errors",
            })

    def test_drops_are_those_of_the_window(self):
        path = self.scenario(
            link={"offload": {"tso": False, "gso": False}},
            timing={"ramp": "20ms", "warmup": "20ms", "measure": "3s", "repetitions": 1},
        )
        running = self.start_inside("run", path, "-o", self.out)
        sides = self.sides(running)
        by_port = {self.port_at(pid): pid for pid in sides}

        def counted(port, way):
            link = json.loads(self.at(by_port[port], "ip", "-s", "-j", "link", "show", port))[0]
            return link["stats64"][way]

        # Buffers take half a megabyte at once; what comes after it takes readers a third of a
        # second, and ramp and warm-up but 40 ms.
        harness.wait_until(lambda: counted("port0", "rx")["bytes"] < 1_000_000, 20, "no traffic")
        self.assertEqual(counted("port1", "tx")["dropped"], 0)
        # The client's end takes no full segment any more: the server's drops them.
        self.at(by_port["port0"], "ip", "link", "set", "port0", "mtu", "1280")
        # Whoever looks is in the namespace, and must be gone before the run wants to take the
        # port back: for half a second at most, of a window of three.
        until = time.monotonic() + 0.5
        seen = 0
        while time.monotonic() < until:
            seen = counted("port1", "tx")["dropped"]
        self.assertGreater(seen, 0)
        self.assertEqual(running.wait(60), 0)
        self.assert_as_before()
        (repetition,) = harness.repetitions(harness.load(self.out))
        drops = repetition["devices"]["server"]["drops"]
        self.assertGreater(drops["tx_dropped"], 0)
        # What the last look saw, and what was sent again before the window's end: each
        # connection's, at times twice as far apart as the last.
        self.assertGreaterEqual(drops["tx_dropped"], seen)
        self.assertLessEqual(drops["tx_dropped"], seen + 64)
        self.assertEqual(repetition["devices"]["client"]["mtu"], 1280)

    @staticmethod
    def at(pid, *command):
        return subprocess.run(
            ["nsenter", "-t", str(pid), "-n", *command], capture_output=True, text=True, check=True,
        ).stdout

    def port_at(self, pid):
        names = (link["ifname"] for link in json.loads(self.at(pid, "ip", "-j", "link", "show")))
        return next(name for name in names if name.startswith("port"))

    def sides(self, running):
        """A worker of each side."""
        found = lambda: {
            os.stat(f"/proc/{pid}/ns/net").st_ino: pid
            for pid in harness.children(running.pid, "netstall-worker")
        }
        harness.wait_until(lambda: len(found()) < 2, 30, "no two sides")
        return list(found().values())

    def test_several_repetitions_take_them_again(self):
        path = self.scenario(timing={
            "ramp": "20ms", "warmup": "20ms", "measure": "100ms", "repetitions": 3,
        })
        done = self.run_inside("run", path, "-o", self.out)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        self.assertEqual([r["status"] for r in harness.repetitions(harness.load(self.out))], ["ok"] * 3)
        self.assert_as_before()

    def test_killed_at_steps(self):
        path = self.scenario(link={"mtu": 1400, "offload": {"tso": False}})
        for step in (
            "namespaces_made", "device_announced", "device_moved", "link_made", "link_up",
            "link_shaped", "addresses_set", "lab_up", "workers", "measure", "lab_unwinding",
            "devices_returned", "namespaces_released",
        ):
            with self.subTest(step=step):
                running = self.start_inside("run", path, "-o", self.out, env={"NETSTALL_KILL_AT": step})
                self.assertEqual(running.wait(60), -signal.SIGKILL)
                self.assert_as_before()

    def start_and_kill_with_guardian(self, hold):
        path = self.scenario(timing={
            "ramp": "20ms", "warmup": "20ms", "measure": "60s", "repetitions": 1,
        })
        running = self.start_inside("run", path, "-o", self.out)
        sides = self.sides(running)
        held = [os.open(f"/proc/{pid}/ns/net", os.O_RDONLY) for pid in sides] if hold else []
        harness.kill_with_guardian(running)
        return held

    def test_the_next_start_completes_what_the_kernel_brought_back(self):
        held = self.start_and_kill_with_guardian(hold=True)
        # What the kernel does for a port with hardware when its namespace ends: back it is,
        # and bare.
        for fd in held:
            self.ip_in(fd)
            os.close(fd)
        self.assertNotEqual(self.differences(), [])
        done = self.run_inside("restore")
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        self.assertIn("which was killed, is undone\n", done.stdout)
        self.assert_as_before()

    def ip_in(self, fd):
        shown = subprocess.run(
            ["nsenter", f"--net=/proc/self/fd/{fd}", "ip", "-j", "link", "show", "type", "veth"],
            capture_output=True, text=True, check=True, pass_fds=[fd],
        )
        for link in json.loads(shown.stdout):
            subprocess.run(
                ["nsenter", f"--net=/proc/self/fd/{fd}", "ip", "link", "set", link["ifname"],
                 "netns", self.namespace],
                check=True, pass_fds=[fd],
            )

    def test_a_virtual_one_that_went_with_its_namespace_is_said(self):
        self.start_and_kill_with_guardian(hold=False)
        harness.wait_until(lambda: self.shown("link", "show", "type", "veth"), 10, "still there")
        done = self.run_inside("restore")
        self.assertEqual(done.returncode, 5, done.stderr + done.stdout)
        self.assertIn("the port port0 is not there any more", done.stdout)
        self.machine.assert_clean()

    def refused(self, why, **names):
        path = self.scenario(**names)
        for command in (("plan",), ("run", "-o", self.out)):
            done = self.run_inside(*command, path)
            self.assertEqual(done.returncode, 4, done.stderr + done.stdout)
            self.assertIn(why, " ".join(done.stdout.split()))
        self.machine.assert_clean()

    def test_a_port_that_the_machine_needs_is_refused(self):
        self.refused("The port nosuch cannot be taken for a lab: there is no such device",
                     client="nosuch")
        self.refused("The port lo cannot be taken for a lab: it is the loopback", server="lo")
        for family, gateway in (("-4", "192.0.2.2"), ("-6", "2001:db8::2")):
            route = ("-n", self.namespace, family, "route")
            self.ip(*route, "add", "default", "via", gateway, "dev", "port0")
            self.refused("The port port0 cannot be taken for a lab: it carries the default route")
            self.ip(*route, "del", "default")
        self.ip("-n", self.namespace, "link", "add", "br0", "type", "bridge")
        self.ip("-n", self.namespace, "link", "set", "port1", "master", "br0")
        self.refused("The port port1 cannot be taken for a lab: it is part of a bridge")
        self.ip("-n", self.namespace, "link", "set", "port1", "nomaster")
        self.ip("-n", self.namespace, "link", "del", "br0")
        stacked = ("link", "port1", "name", "stacked", "type", "macvlan")
        self.ip("-n", self.namespace, "link", "add", *stacked)
        self.refused("The port port1 cannot be taken for a lab: stacked stands on it, and would be")
        self.ip("-n", self.namespace, "link", "del", "stacked")
        ways = ("nexthop", "via", "192.0.2.2", "dev", "port0", "nexthop", "via", "192.0.2.1", "dev",
                "port1")
        self.ip("-n", self.namespace, "route", "add", "203.0.113.0/24", *ways)
        self.refused("The port port0 cannot be taken for a lab: it is one way of a route that has")

    def test_a_port_with_an_open_connection_is_refused(self):
        talk = subprocess.Popen(
            ["ip", "netns", "exec", self.namespace, "python3", "-c",
             "import socket, sys\n"
             "listener = socket.create_server(('192.0.2.1', 0))\n"
             "one = socket.create_connection(listener.getsockname(), source_address=('192.0.2.1', 0))\n"
             "print('open', flush=True)\n"
             "sys.stdin.read()"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        self.assertEqual(talk.stdout.readline(), "open\n")
        self.refused("The port port0 cannot be taken for a lab: it has an address of a TCP connection")
        talk.communicate("")
        self.assert_as_before()

    def test_one_port_for_both_sides_is_bad_input(self):
        done = self.run_inside("plan", self.scenario(server="port0"))
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("/lab/devices/server: found the client's device", done.stderr)


if __name__ == "__main__":
    harness.main(needs_root=True)
