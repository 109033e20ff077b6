"""netstall trace on programs that are not ours: python3, iperf3, nginx; and what it
says where it cannot."""

import datetime
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import harness

HERE = os.path.dirname(os.path.abspath(__file__))
SENDER = os.path.join(HERE, "blocked_sender.py")
MANY = os.path.join(HERE, "many_stalls.py")
SCHEMA = os.path.join(harness.SOURCE, "results/trace.schema.json")
# Within 2 % times agree; on an emulated CPU, which stands still at times, within 10 %.
SHARE = 0.1 if harness.emulated() else 0.02
# A network of its own for what the tests start.
ALONE = ["unshare", "-n", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"]


def trace(*arguments, timeout=60, **options):
    return harness.run("trace", *arguments, timeout=timeout, **options)


def start_trace(*arguments, **options):
    """A trace that is attached: its first line has been read."""
    process = subprocess.Popen(
        [harness.NETSTALL, "trace", "--format", "json", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
    head = process.stdout.readline()
    if not head:
        raise AssertionError(process.stderr.read())
    process.head = json.loads(head)
    return process


def finish(process, stop=signal.SIGINT):
    """Its stalls and its summary."""
    if stop is not None:
        process.send_signal(stop)
    out, err = process.communicate(timeout=60)
    if process.returncode != 0:
        raise AssertionError(f"status {process.returncode}: {err}")
    lines = [json.loads(line) for line in out.splitlines()]
    return lines[:-1], lines[-1]


def end(process):
    if process.poll() is None:
        process.kill()
    process.communicate()


class Program:
    """A program in a network namespace of its own, stopped until go()."""

    def __init__(self, *command):
        self.process = subprocess.Popen(
            [*ALONE, "sh", "-c", 'read go && exec "$@"', "sh", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        # Until it has one: before, it is in ours.
        harness.wait_until(
            lambda: os.readlink(self.netns) == os.readlink("/proc/self/ns/net"), 10, "in our namespace"
        )

    @property
    def pid(self):
        return self.process.pid

    @property
    def netns(self):
        return f"/proc/{self.pid}/ns/net"

    def result(self, timeout=60):
        out, err = self.process.communicate("go\n", timeout=timeout)
        assert self.process.returncode == 0, err
        return json.loads(out)


class TraceTest(harness.Case):
    def program(self, *command):
        program = Program(*command)
        self.addCleanup(end, program.process)
        return program

    def tracing(self, *arguments, **options):
        process = start_trace(*arguments, **options)
        self.addCleanup(end, process)
        return process

    def assert_keeps_schema(self, *documents):
        path = self.path("lines.json")
        for document in documents:
            with open(path, "w", encoding="utf-8") as file:
                json.dump(document, file)
            checker = os.path.join(harness.SOURCE, "tests/schema/check_schema.py")
            done = subprocess.run([sys.executable, checker, SCHEMA, path], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def assert_agrees(self, summary, own):
        """Counts to the unit, time within that share: what the sender queued for a CPU without having slept
        before is in its own time alone."""
        self.assertEqual(summary["stalls"], own["stalls"])
        self.assertEqual(summary["waits"], own["waits"])
        preempted = max(own["queued_ns"] - (summary["run_queue_ns"] or 0), 0)
        self.assertAlmostEqual(
            summary["time_ns"], own["time_ns"], delta=SHARE * own["time_ns"] + preempted
        )


class Python(TraceTest):
    def test_a_blocking_sender(self):
        program = self.program("python3", SENDER, "120")
        tracer = self.tracing("--pid", str(program.pid))
        own = program.result()
        # The only process that was asked for is gone.
        stalls, summary = finish(tracer, stop=None)
        print(f"  own clock {own}; trace {summary['stalls']} stalls, {summary['time_ns']} ns")
        self.assertGreater(own["stalls"], 20)
        self.assert_agrees(summary, own)
        self.assertEqual(len(stalls), own["stalls"])
        self.assertEqual(sum(s["duration_ns"] for s in stalls), summary["time_ns"])
        for stall in stalls:
            self.assertEqual(stall["comm"], "python3")
            self.assertEqual(stall["pid"], program.pid)
            self.assertEqual(stall["peer"], {"address": "127.0.0.1", "port": own["port"]})
            self.assertEqual((stall["cause"], stall["io"]), ("sndbuf_full", "blocking"))
            self.assertEqual(stall["sndbuf_bytes"], 131072)
        self.assert_keeps_schema(tracer.head, stalls[0], stalls[-1], summary)

    def test_two_tracers_side_by_side(self):
        program = self.program("python3", SENDER, "60")
        tracers = [self.tracing("--netns", program.netns) for _ in range(2)]
        own = program.result()
        for tracer in tracers:
            _, summary = finish(tracer)
            self.assert_agrees(summary, own)

    def test_beyond_the_highest_rate_totals_are_exact(self):
        program = self.program("python3", MANY, "1.5")
        tracer = self.tracing("--netns", program.netns, "--max-events-per-s", "50")
        began = time.monotonic()
        own = program.result()
        seconds = time.monotonic() - began
        stalls, summary = finish(tracer)
        lines = summary["lines"]
        print(f"  {own['stalls']} stalls, {lines}")
        self.assertGreater(own["stalls"], 500)
        # The one that is open ends with its program, before the trace does.
        self.assertEqual(summary["stalls"], own["stalls"] + own["open"])
        self.assertEqual(lines["shown"], len(stalls))
        self.assertEqual(lines["shown"] + lines["over_rate"], summary["stalls"] - summary["open"])
        self.assertLessEqual(len(stalls), 50 * seconds + 10)
        self.assertEqual(sum(c["stalls"] for c in summary["by_process"]), summary["stalls"])

    def test_a_reader_of_the_lines_that_is_too_slow_costs_lines_only(self):
        program = self.program("python3", MANY, "3")
        tracer = self.tracing("--netns", program.netns, "--max-events-per-s", "1000")
        own = program.result()  # and nobody reads
        stalls, summary = finish(tracer)
        lines = summary["lines"]
        print(f"  {own['stalls']} stalls, {lines}")
        self.assertEqual(summary["stalls"], own["stalls"] + own["open"])
        self.assertEqual(lines["shown"], len(stalls))
        self.assertEqual(
            lines["shown"] + lines["over_rate"] + lines["dropped"], summary["stalls"] - summary["open"]
        )
        self.assertGreater(lines["dropped"], 0)


class Stap(TraceTest):
    def test_is_systemtaps_to_the_line(self):
        began = time.time_ns() // 1000
        done = trace("--format", "stap", "--", *ALONE, "sh", "-c", f"python3 {SENDER} 80 >{self.path('own')}")
        ended = time.time_ns() // 1000
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.path("own"), encoding="utf-8") as file:
            own = json.load(file)
        lines = done.stdout.splitlines()
        self.assertGreaterEqual(len(lines), 2 * own["waits"])
        time_us = 0
        open_since = {}
        for line in lines:
            match = re.fullmatch(r"(\d+): (.+)\((\d+)\) (blocked on|recovered from) full send buffer", line)
            self.assertIsNotNone(match, line)
            at, name, pid, what = int(match[1]), match[2], match[3], match[4]
            self.assertEqual(name, "python3")
            self.assertTrue(began <= at <= ended, line)
            if what == "blocked on":
                self.assertNotIn(pid, open_since)
                open_since[pid] = at
            else:
                time_us += at - open_since.pop(pid)
        self.assertEqual(open_since, {})
        self.assertAlmostEqual(
            time_us * 1000, own["time_ns"], delta=0.02 * own["time_ns"] + own["queued_ns"] + 2000 * len(lines)
        )
        self.assertIn("stalls in", done.stderr)


class Namespaces(TraceTest):
    """The tracer itself may be in one."""

    def test_pids_are_those_of_the_tracers_namespace(self):
        script = f'ip link set lo up; "$0" trace --format json -o {self.path("lines")} -- python3 {SENDER} 30'
        done = subprocess.run(
            ["unshare", "-pfn", "--mount-proc", "sh", "-c", script, harness.NETSTALL],
            capture_output=True, text=True, timeout=60,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.path("lines"), encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        self.assert_agrees(lines[-1], json.loads(done.stdout))
        for stall in lines[1:-1]:
            self.assertLess(stall["pid"], 100)

    def test_a_time_namespace_does_not_shift_the_wall_clock(self):
        began = time.time_ns() // 1000
        done = subprocess.run(
            ["unshare", "-T", "--monotonic", "86400", "--fork", harness.NETSTALL, "trace", "--format", "stap",
             "-o", self.path("lines"), "--", *ALONE, "python3", SENDER, "20"],
            capture_output=True, text=True, timeout=60,
        )
        ended = time.time_ns() // 1000
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.path("lines"), encoding="utf-8") as file:
            times = [int(line.split(":")[0]) for line in file]
        self.assertGreater(len(times), 4)
        self.assertTrue(began <= min(times) and max(times) <= ended)

    @unittest.skipUnless(os.environ.get("NETSTALL_TEST_OWNS_MACHINE"), "sets the clock: for a guest")
    def test_times_follow_a_clock_that_is_set(self):
        program = self.program("python3", SENDER, "60")
        tracer = self.tracing("--netns", program.netns)
        program.process.stdin.write("go\n")
        program.process.stdin.flush()
        tracer.stdout.readline()
        before = time.time()
        time.clock_settime(time.CLOCK_REALTIME, before + 3600)
        self.addCleanup(lambda: time.clock_settime(time.CLOCK_REALTIME, time.time() - 3600))
        program.process.communicate(timeout=60)
        stalls, _ = finish(tracer)
        after = datetime.datetime.fromtimestamp(before + 3600, datetime.timezone.utc).isoformat()
        self.assertGreater(len([s for s in stalls if s["began_at"] >= after]), 3)


class Command(TraceTest):
    def test_its_exit_status_is_passed_on(self):
        self.assertEqual(trace("--", "true").returncode, 0)
        self.assertEqual(trace("--", "sh", "-c", "exit 7").returncode, 7)
        done = trace("--", "sh", "-c", "kill -9 $$")
        self.assertEqual(done.returncode, 128 + 9)
        self.assertIn("The command ended: signal 9", done.stdout)

    def test_what_it_starts_is_traced_and_nobody_else(self):
        other = self.program("python3", SENDER, "100")
        other.process.stdin.write("go\n")
        other.process.stdin.flush()
        out = self.path("own")
        done = trace("--format", "json", "--", *ALONE, "sh", "-c", f"(python3 {SENDER} 60 >{out}); true")
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(out, encoding="utf-8") as file:
            own = json.load(file)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assert_agrees(lines[-1], own)
        self.assertEqual(lines[-1]["command_status"], "exit status 0")

    def test_one_that_cannot_run_is_bad_input(self):
        done = trace("--", "no-such-command")
        self.assertEqual(done.returncode, 2)
        self.assertIn("run no-such-command: No such file or directory", done.stderr)

    def test_a_signal_is_handed_to_it(self):
        process = self.tracing("--", "sleep", "60")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
        self.assertEqual(process.returncode, 128 + 15)

    def test_a_second_signal_leaves_it_to_itself(self):
        marks = self.path("marks")
        script = f"trap '' TERM HUP; echo begun >>{marks}; sleep 1; sleep 1; sleep 1; echo ended >>{marks}"
        process = self.tracing("--", "sh", "-c", script)
        harness.wait_until(lambda: not os.path.exists(marks), 20, "the command has not begun")

        # Of two kinds: two of one kind can become one on the way.
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=20)
        self.assertEqual(process.returncode, 130)
        harness.wait_until(lambda: subprocess.run(["grep", "-q", "ended", marks]).returncode, 20, "cut short")


@unittest.skipUnless(shutil.which("iperf3"), "iperf3 is not installed")
class Iperf3(TraceTest):
    def test_its_sends(self):
        out = self.path("out")
        listens = "grep -q ':1451 0*:0000 0A' /proc/net/tcp6"
        script = (
            f"iperf3 -s -1 -p 5201 >/dev/null & until {listens}; do sleep 0.01; done; "
            f"iperf3 -c 127.0.0.1 -p 5201 -t 1 -w 64K -J >{out}; wait"
        )
        done = trace(
            "--format", "json", "--comm", "iperf3", "--port", "5201", "--", *ALONE, "sh", "-c", script
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        stalls, summary = lines[1:-1], lines[-1]
        print(f"  {summary['stalls']} stalls, {summary['time_ns'] / 1e9:.3f} s, {summary['lines']}")
        self.assertGreater(summary["stalls"], 10)
        for stall in stalls:
            self.assertEqual(stall["process"], "iperf3")
            self.assertEqual(stall["peer"]["port"], 5201)
        with open(out, encoding="utf-8") as file:
            sender = json.load(file)["end"]["sum_sent"]
        # Its one connection was stalled for no longer than it lasted.
        self.assertLess(summary["time_ns"], (sender["seconds"] + 0.2) * 1e9)


NGINX = """
daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log {folder}/error;
events {{ }}
http {{
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  log_format times '$request_time $bytes_sent'; access_log {folder}/access times;
  sendfile {sendfile}; tcp_nopush off; output_buffers 2 256k;
  server {{ listen 127.0.0.1:8080 sndbuf=64k; root {folder}; }}
}}
"""

SLOW_CLIENT = """
import socket, time
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
for _ in range(1000):
    try: s.connect(("127.0.0.1", 8080)); break
    except ConnectionRefusedError: time.sleep(0.01)
s.sendall(b"GET /file HTTP/1.0\\r\\n\\r\\n")
while s.recv(32768): time.sleep(0.01)
"""


@unittest.skipUnless(shutil.which("nginx"), "nginx is not installed")
class Nginx(TraceTest):
    def serve(self, sendfile):
        with open(self.path("file"), "wb") as file:
            file.write(b"x" * (4 << 20))
        with open(self.path("conf"), "w", encoding="utf-8") as file:
            file.write("user root;" + NGINX.format(folder=self.folder, sendfile=sendfile))
        with open(self.path("client.py"), "w", encoding="utf-8") as file:
            file.write(SLOW_CLIENT)
        script = (
            f"nginx -c {self.path('conf')} 2>/dev/null & server=$!; "
            f"python3 {self.path('client.py')}; kill -QUIT $server; wait $server"
        )
        done = trace("--format", "json", "--comm", "nginx", "--", *ALONE, "sh", "-c", script)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.path("access"), encoding="utf-8") as file:
            seconds, sent = file.readlines()[-1].split()
        self.assertGreater(int(sent), 4 << 20)
        return [json.loads(line) for line in done.stdout.splitlines()], float(seconds)

    def test_serving_a_slow_client(self):
        for sendfile in ("on", "off"):
            with self.subTest(sendfile=sendfile):
                lines, seconds = self.serve(sendfile)
                stalls, summary = lines[1:-1], lines[-1]
                print(f"  sendfile {sendfile}: {summary['stalls']} stalls, {summary['time_ns'] / 1e9:.3f} s of {seconds} s")
                self.assertGreater(summary["stalls"], 10)
                for stall in stalls:
                    self.assertEqual((stall["process"], stall["io"]), ("nginx", "nonblocking"))
                    self.assertEqual(stall["local"]["port"], 8080)
                # Of the request's time by nginx's own log, all but its start is waiting.
                self.assertAlmostEqual(summary["time_ns"] / 1e9, seconds, delta=SHARE * seconds + 0.02)


class Ends(TraceTest):
    def test_a_duration_and_a_signal_end_it_with_a_summary(self):
        done = trace("--duration", "200ms", "--netns", "/proc/self/ns/net", "--port", "1")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("No stall in 2", done.stdout)
        process = self.tracing("--port", "1")
        stalls, summary = finish(process, signal.SIGTERM)
        self.assertEqual((stalls, summary["stalls"]), ([], 0))

    def test_what_is_open_is_said(self):
        program = self.program("python3", "-c", STOPPED)
        tracer = self.tracing("--pid", str(program.pid))
        program.process.stdin.write("go\n")
        program.process.stdin.flush()
        wait_until_stuck(program.pid)
        stalls, summary = finish(tracer)
        self.assertEqual(summary["open"], 1)
        self.assertEqual([s["open"] for s in stalls], [True])
        later = self.tracing("--pid", str(program.pid))
        stalls, summary = finish(later)
        self.assertEqual((summary["open"], summary["began_before_trace"]), (1, 1))
        self.assertTrue(stalls[0]["open"] and stalls[0]["began_before_trace"])

    def test_a_reader_that_takes_nothing_holds_it_no_longer_than_its_user(self):
        program = self.program("python3", MANY, "2")
        process = self.tracing("--netns", program.netns)
        ids = program_ids(process.pid)
        self.assertTrue(attached(ids))
        program.result()
        # At the end its programs are gone, whatever is still to be written.
        process.send_signal(signal.SIGINT)
        harness.wait_until(lambda: attached(ids), 20, "still attached")
        self.assertIsNone(process.poll(), "its lines found room")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(20), 130)
        self.assertIn("its reader took nothing", process.communicate()[1])

    def test_killed_it_leaves_no_program(self):
        process = self.tracing()
        ids = program_ids(process.pid)
        self.assertGreater(len(ids), 3)
        self.assertTrue(all(is_loaded(i) for i in ids))
        process.kill()
        process.communicate()
        harness.wait_until(lambda: [i for i in ids if is_loaded(i)], 20, "still loaded")


STOPPED = """
import socket
l = socket.create_server(("127.0.0.1", 0)); s = socket.create_connection(l.getsockname()); r, _ = l.accept()
while True: s.send(b"x" * 65536)
"""


def wait_until_stuck(pid, still=0.5):
    """Until the process has been blocked in one and the same send() for a while: as
    long as its peer's buffer grows, it is let go on."""
    seen = [None, 0.0]

    def not_yet():
        with open(f"/proc/{pid}/stack", encoding="ascii") as file:
            stack = file.read()
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            slept = re.search(r"^voluntary_ctxt_switches:.*", file.read(), re.M)[0]
        if "sk_stream_wait_memory" not in stack or slept != seen[0]:
            seen[:] = slept, time.monotonic()
        return f"it was at {stack!r}" if time.monotonic() < seen[1] + still else None

    harness.wait_until(not_yet, 30, "not blocked")


def program_ids(pid):
    ids = []
    for name in os.listdir(f"/proc/{pid}/fdinfo"):
        with open(f"/proc/{pid}/fdinfo/{name}", encoding="ascii") as file:
            match = re.search(r"^prog_id:\s*(\d+)", file.read(), re.M)
        if match:
            ids.append(int(match[1]))
    return sorted(set(ids))


def is_loaded(program):
    shown = subprocess.run(["/usr/sbin/bpftool", "prog", "show", "id", str(program)], capture_output=True)
    return shown.returncode == 0


def attached(programs):
    """Those of them that a link holds to something."""
    shown = subprocess.run(["/usr/sbin/bpftool", "-j", "link", "show"], capture_output=True, check=True)
    linked = {link.get("prog_id") for link in json.loads(shown.stdout)}
    return [i for i in programs if i in linked]


class BadInput(TraceTest):
    def assert_refused(self, status, sentence, *arguments, **options):
        done = trace(*arguments, **options)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertIn(sentence, done.stderr)
        self.assertEqual(done.stdout, "")

    def test_what_is_not_there(self):
        gone = subprocess.Popen(["true"])
        gone.wait()
        self.assert_refused(2, f"trace process {gone.pid}: there is no such process", "--pid", str(gone.pid))
        self.assert_refused(2, "there is no such cgroup", "--cgroup", "/no/such")
        self.assert_refused(2, "there is none of that name", "--netns", "no-such")
        self.assert_refused(2, "expected 1 to 65535", "--port", "70000")
        self.assert_refused(2, "--pid", "--pid", "twelve")

    def test_what_does_not_go_together(self):
        self.assert_refused(2, "--min with --format stap", "--format", "stap", "--min", "1ms")
        self.assert_refused(2, "--pid with a command", "--pid", str(os.getpid()), "--", "true")
        self.assert_refused(2, "--duration 0s", "--duration", "0s")
        self.assert_refused(2, "--duration 5", "--duration", "5")
        self.assert_refused(2, "--format", "--format", "xml")
        self.assert_refused(2, "write /no/such/file", "-o", "/no/such/file")

    def test_without_privilege(self):
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            shutil.copy(harness.NETSTALL, folder)
            done = subprocess.run(
                [os.path.join(folder, os.path.basename(harness.NETSTALL)), "trace", "--duration", "1s"],
                capture_output=True, text=True, user="nobody", group="nogroup", extra_groups=[], timeout=60,
            )
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("CAP_BPF", done.stderr)

    def test_a_kernel_without_btf(self):
        hide = 'mount -t tmpfs none /sys/kernel/btf && exec "$@"'
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", hide, "sh", harness.NETSTALL, "trace", "--duration", "1s"],
            capture_output=True, text=True, timeout=60,
        )
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("CONFIG_DEBUG_INFO_BTF", done.stderr)

    @unittest.skipUnless(harness.can_refuse_system_calls(), "the filter is written for x86-64")
    def test_a_kernel_that_refuses_bpf(self):
        self.assert_refused(4, "the kernel refuses a BPF map", "--duration", "1s", preexec_fn=harness.refusing("bpf"))


class Cgroups(TraceTest):
    def test_a_cgroup_and_those_below(self):
        root = own_cgroup()
        if root is None:
            self.skipTest("no cgroup of this process can be written")
        group = os.path.join(root, f"netstall-trace-test-{os.getpid()}")
        inner = os.path.join(group, "inner")
        os.mkdir(group)
        self.addCleanup(remove_cgroup, group)
        os.mkdir(inner)
        self.addCleanup(remove_cgroup, inner)
        inside, outside = (self.program("python3", SENDER, "40") for _ in range(2))
        with open(os.path.join(inner, "cgroup.procs"), "w", encoding="ascii") as file:
            file.write(str(inside.pid))
        tracer = self.tracing("--cgroup", group)
        outside.result()
        own = inside.result()
        _, summary = finish(tracer)
        self.assert_agrees(summary, own)


def own_cgroup():
    """The folder of this process's cgroup, of the memory controller or of version 2."""
    with open("/proc/self/cgroup", encoding="ascii") as file:
        groups = [line.strip().split(":", 2) for line in file]
    for _, controllers, path in groups:
        root = {"memory": "/sys/fs/cgroup/memory", "": "/sys/fs/cgroup"}.get(controllers)
        if root and os.path.exists(f"{root}{path}/cgroup.procs"):
            return root + path.rstrip("/")
    return None


def remove_cgroup(path):
    def failure():
        try:
            os.rmdir(path)
        except OSError as error:
            return error
        return None

    harness.wait_until(failure, 20, "not removed")


if __name__ == "__main__":
    harness.main(needs_root=True)
