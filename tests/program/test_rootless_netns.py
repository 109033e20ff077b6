"""Runs of an ordinary user, in a user namespace: what they measure, what their report
says is given up, that a kill leaves nothing, and what is refused with the reason.

Root starts them, to look at them from outside."""

import ctypes
import glob
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import unittest

import harness

USER = 65534
ROOT = f"/tmp/netstall-{USER}"
RMEM = "4096 16384 262144"
WMEM = "4096 32768 524288"
GIVEN_UP = [
    "busy_poll", "devices", "force_buffers", "host_sysctls", "locked_memory", "memory_limit", "probes", "softirq_cpus",
    "tcp_memory_limit", "turns", "worker_user",
]


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def in_namespace_of(pid, path):
    """A sysctl as a process's network namespace has it, read from outside."""
    shown = subprocess.run(
        ["nsenter", "-t", str(pid), "-n", "cat", path], capture_output=True, text=True, check=True
    )
    return shown.stdout.split()


def status_of(pid):
    rows = (line.split(":", 1) for line in read(f"/proc/{pid}/status").splitlines())
    return {key: value.split() for key, value in rows}


class OrdinaryUser(harness.Case):
    def setUp(self):
        super().setUp()
        self.machine = harness.Machine()
        # The user can read it, wherever the build lies.
        self.netstall = self.path("netstall")
        shutil.copy(harness.NETSTALL, self.netstall)
        os.chmod(self.netstall, 0o755)
        os.chown(self.folder, USER, USER)
        os.chmod(self.folder, 0o755)
        self.out = self.path("report.json")

    def options(self, env=None):
        kept = {key: value for key, value in os.environ.items() if key != "XDG_RUNTIME_DIR"}
        return {
            "user": USER, "group": USER, "extra_groups": [], "cwd": self.folder,
            "env": {**kept, **(env or {})},
        }

    def run_netstall(self, *arguments, env=None):
        return subprocess.run(
            [self.netstall, *arguments], capture_output=True, text=True, timeout=120,
            **self.options(env),
        )

    def start(self, *arguments, env=None):
        return subprocess.Popen(
            [self.netstall, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, **self.options(env),
        )

    def scenario(self, **changes):
        sysctl = {"server": {"net.ipv4.tcp_wmem": WMEM}, "client": {"net.ipv4.tcp_rmem": RMEM}}
        return harness.scenario(self.folder, **{"sysctl": sysctl, **changes})

    def assert_clean(self):
        self.machine.assert_clean()
        self.assertEqual(glob.glob(f"{ROOT}/*/"), [])


def why_no_user_namespaces():
    tried = subprocess.run(
        ["unshare", "-Urn", "true"], user=USER, group=USER, extra_groups=[], capture_output=True,
        text=True, cwd="/",
    )
    return None if tried.returncode == 0 else tried.stderr.strip()


WHY_NOT = why_no_user_namespaces() if os.geteuid() == 0 else "root has to start it"


@unittest.skipIf(WHY_NOT, f"no user namespace: {WHY_NOT}")
class Rootless(OrdinaryUser):
    def one_worker_in_each_namespace(self, running):
        def workers():
            return {
                os.stat(f"/proc/{pid}/ns/net").st_ino: pid
                for pid in harness.children(running.pid, "netstall-worker")
            }

        harness.wait_until(lambda: len(workers()) < 2, 30, "no two sides")
        return list(workers().values())

    def test_a_whole_run(self):
        path = self.scenario(
            probes=["send_wait", "drops", "retransmits"],
            timing={"ramp": "50ms", "warmup": "1s", "measure": "2s", "repetitions": 1},
        )
        running = self.start("run", path, "-o", self.out)
        sides = self.one_worker_in_each_namespace(running)
        # From outside: the workers have no capability, and each side has its sysctl.
        for pid in sides:
            status = status_of(pid)
            self.assertEqual(status["Uid"], [str(USER)] * 4)
            for kind in ("CapEff", "CapPrm", "CapAmb"):
                self.assertEqual(int(status[kind][0], 16), 0, kind)
            self.assertEqual(status["NoNewPrivs"], ["1"])
        for file, value in (("tcp_rmem", RMEM), ("tcp_wmem", WMEM)):
            found = [in_namespace_of(pid, f"/proc/sys/net/ipv4/{file}") for pid in sides]
            self.assertEqual(found.count(value.split()), 1, found)
        # Something to count in the namespace that the run was started in.
        with socket.create_server(("127.0.0.1", 0)) as listener:
            while running.poll() is None:
                socket.create_connection(listener.getsockname()).close()
                listener.accept()[0].close()
                time.sleep(0.05)
        self.assertEqual(running.wait(60), 0)
        self.assert_clean()
        self.assertEqual(os.stat(self.out).st_uid, USER)

        report = harness.load(self.out)
        (repetition,) = harness.repetitions(report)
        self.assertEqual(repetition["status"], "ok")
        self.assertTrue(repetition["restored"])
        self.assertEqual(repetition["sysctl_left_out"], {})
        probes = repetition["probes"]
        self.assertEqual(probes["backend"], "own_clock")
        for why in probes["missing"].values():
            self.assertIn("this is a user namespace", why)
        (flow,) = repetition["flows"]
        self.assertGreater(flow["stalls"]["total"]["count"], 0)
        self.assertEqual(flow["stalls"], flow["own_clock"])
        self.assertEqual(set(flow["stalls"]["by_cause"].values()), {None})
        self.assertEqual(repetition["findings"]["retransmits"]["backend"], "counter")
        self.assertIsNone(repetition["findings"]["drops"])
        server = repetition["kernel"]["server"]["counters"]
        self.assertGreater(server["IpExt.OutOctets"], flow["goodput_bytes_per_s"])

        environment = report["environment"]
        self.assertEqual(environment["run"]["rootless"], "in a user namespace")
        self.assertEqual(sorted(environment["run"]["given_up"]), GIVEN_UP)
        # The host's, not those of the namespace that the controller went to.
        tcp_mem = " ".join(read("/proc/sys/net/ipv4/tcp_mem").split())
        self.assertEqual(" ".join(environment["sysctl"]["host"]["net.ipv4.tcp_mem"].split()), tcp_mem)
        self.assertGreater(repetition["kernel"]["host"]["counters"].get("Tcp.ActiveOpens", 0), 10)

    def test_several_clients_on_a_bridge(self):
        for step in (None, "link_up", "measure"):
            env = {"NETSTALL_KILL_AT": step} if step else None
            running = self.start("run", self.scenario(lab={"clients": 3}), "-o", self.out, env=env)
            self.assertEqual(running.wait(60), -signal.SIGKILL if step else 0, step)
            self.assert_clean()
        (repetition,) = harness.repetitions(harness.load(self.out))
        self.assertEqual(repetition["status"], "ok")
        self.assertTrue(repetition["restored"])
        self.assertEqual(repetition["flows"][0]["connections"]["established"], 4)
        self.assertEqual(repetition["kernel"]["client"]["gauges"]["Tcp.CurrEstab"]["end"], 4)

    def test_what_is_said_on_the_terminal(self):
        done = self.run_netstall("run", self.scenario(), "-o", self.out)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("Without root, in a user namespace: no probes", done.stderr)
        self.assertIn("Stalls measured by: own_clock.", done.stdout)
        self.assert_clean()

    def test_two_settings_compared(self):
        done = self.run_netstall(
            "ab", self.scenario(), "--b", "/flows/0/reader/rate=800kB/s", "--blocks", "1", "-q",
            "--keep", self.path("arm"),
        )
        # One block tells nothing; that both arms ran does.
        self.assertNotIn(done.returncode, (4, 5), done.stderr)
        for arm in "ab":
            report = harness.load(self.path(f"arm-{arm}.json"))
            self.assertEqual(report["environment"]["run"]["rootless"], "in a user namespace")
            self.assertIn("net.ipv4.tcp_mem", report["environment"]["sysctl"]["host"])
            self.assertEqual({r["status"] for r in harness.repetitions(report)}, {"ok"})
        self.assert_clean()

    def test_killed_at_steps_of_set_up_and_unwinding(self):
        path = self.scenario()
        for step in (
            "guardian_started", "guardian_ready", "namespaces_made", "link_up", "side_sysctls_set",
            "workers", "ramp", "measure", "results", "lab_unwinding", "namespaces_released",
            "finish_sent",
        ):
            with self.subTest(step=step):
                running = self.start("run", path, "-o", self.out, env={"NETSTALL_KILL_AT": step})
                self.assertEqual(running.wait(60), -signal.SIGKILL)
                harness.wait_until(lambda: glob.glob(f"{ROOT}/*/"), 20, "left behind")
                self.assert_clean()

    def test_killed_with_its_guardian(self):
        path = self.scenario(
            timing={"ramp": "50ms", "warmup": "100ms", "measure": "30s", "repetitions": 1}
        )
        running = self.start("run", path, "-o", self.out)
        self.one_worker_in_each_namespace(running)
        harness.kill_with_guardian(running)
        (left,) = glob.glob(f"{ROOT}/*/")
        done = self.run_netstall("restore")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"run {os.path.basename(left[:-1])}, which was killed, is undone", done.stdout)
        self.assert_clean()
        done = self.run_netstall("restore")
        self.assertEqual(done.stdout, "Nothing is left of any run of this user.\n")

    def test_the_journal_is_in_the_user_s_runtime_folder(self):
        runtime = self.path("runtime")
        os.mkdir(runtime, 0o700)
        # Root's: of whoever keeps somebody else's environment.
        done = self.run_netstall("run", self.scenario(), "-o", self.out, env={"XDG_RUNTIME_DIR": runtime})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(os.listdir(runtime), [])
        os.chown(runtime, USER, USER)
        done = self.run_netstall("run", self.scenario(), "-o", self.out, env={"XDG_RUNTIME_DIR": runtime})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(os.stat(f"{runtime}/netstall").st_mode & 0o777, 0o700)
        self.assertIn("window.lock", os.listdir(f"{runtime}/netstall"))
        self.assert_clean()

    def test_a_link_that_somebody_laid_first_is_refused(self):
        runtime = self.path("runtime")
        os.mkdir(runtime, 0o700)
        os.mkdir(self.path("elsewhere"))
        os.symlink(self.path("elsewhere"), f"{runtime}/netstall")
        os.chown(runtime, USER, USER)
        done = self.run_netstall("run", self.scenario(), "-o", self.out, env={"XDG_RUNTIME_DIR": runtime})
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("it is not a folder of this user's alone", done.stderr)
        self.assertEqual(os.listdir(self.path("elsewhere")), [])

    def refused(self, why, *arguments, **changes):
        path = self.scenario(**changes)
        for command in (("plan",), ("run", "-o", self.out)):
            done = self.run_netstall(*command, path, *arguments)
            self.assertEqual(done.returncode, 4, done.stderr + done.stdout)
            self.assertIn(why, " ".join(done.stdout.split()))
        self.assert_clean()

    def test_what_needs_root_is_refused_with_the_reason(self):
        flow = {"name": "slow", "connections": 1, "sender": "server", "pace": {"rate": "50/s"}}
        self.refused(
            "net.core.wmem_max holds for the whole machine, and only root may write it.",
            "--allow-host-sysctl",
            sysctl={"host": {"net.core.wmem_max": "300000"}},
        )
        self.refused(
            "net.core.netdev_budget holds for the whole machine",
            "--allow-host-sysctl",
            sysctl={"window": {"net.core.netdev_budget": "300"}},
        )
        self.refused(
            "Flow slow has socket.force_buffers, for which the kernel wants root.",
            flows=[{**flow, "socket": {"sndbuf": "64MiB", "force_buffers": True}}],
        )
        self.refused(
            "Flow slow has socket.busy_poll, for which the kernel wants root.",
            flows=[{**flow, "socket": {"busy_poll": "50us"}}],
        )
        self.refused(
            "A TCP memory limit of one side needs cgroup v1's kmem.tcp",
            lab={"tcp_memory_limit": {"server": "4MiB"}},
        )
        self.refused(
            "lab.devices takes ports of the machine, which only root may.",
            lab={"devices": {"client": "eth2", "server": "eth3"}},
        )
        self.refused(
            "The server has lab.placement's softirq_cpus, and receive packet steering needs root.",
            lab={"placement": {"server": {"softirq_cpus": "0"}}},
        )

    def test_required_probes_are_refused(self):
        done = self.run_netstall("run", self.scenario(), "-o", self.out, "--probes", "require")
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("this is a user namespace: run as root", done.stderr)
        self.assert_clean()

    def test_the_doctor_says_so(self):
        done = self.run_netstall("doctor", "--json")
        self.assertEqual(done.returncode, 0, done.stdout)
        checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
        for name in ("user_namespace", "namespaces", "veth"):
            self.assertEqual(checks[name]["result"], "pass", checks[name])
        self.assertEqual(checks["privileges"]["result"], "warn")
        self.assertEqual(checks["cgroup_tcp_memory"]["result"], "warn")
        self.assertIn("this is a user namespace", checks["probes"]["finding"])


@unittest.skipUnless(harness.can_refuse_system_calls(), "the filter is written for x86-64")
class WhereTheKernelForbidsThem(OrdinaryUser):
    """The same error as by kernel.unprivileged_userns_clone = 0."""

    def options(self, env=None):
        refuse = harness.refusing("unshare")

        def without_new_privileges():
            ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)  # else only root may have a filter
            refuse()

        return {**super().options(env), "preexec_fn": without_new_privileges}

    def test_a_whole_run(self):
        done = self.run_netstall("run", self.scenario(), "-o", self.out)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn(
            "make a lab without root, in a user namespace: user namespaces are refused "
            "(Operation not permitted)", done.stderr,
        )
        self.assertIn("run as root: sudo netstall", done.stderr)
        self.assert_clean()

    def test_the_doctor_says_so(self):
        done = self.run_netstall("doctor", "--json")
        self.assertEqual(done.returncode, 4, done.stdout)
        checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
        self.assertEqual(checks["user_namespace"]["result"], "fail")
        self.assertIn("user namespaces are refused", checks["user_namespace"]["finding"])


if __name__ == "__main__":
    harness.main(needs_root=True)
