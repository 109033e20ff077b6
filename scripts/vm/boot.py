#!/usr/bin/env python3
"""Boots guests one after another and runs a command in each; vm.sh is the way in.

What crosses the border: the root file system by virtiofs (share.py), output,
errors and exit status each by a virtio port, the kernel's console by a serial
port. All of it goes through inherited descriptors, so nothing is left in the
file system, and QEMU dies with this process.
"""
import argparse
import collections
import contextlib
import ctypes
import os
import resource
import secrets
import selectors
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CANNOT, GUEST_DIED, TIMED_OUT = 4, 5, 124
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
APPLETS = ("sh", "cat", "chroot", "cp", "dirname", "insmod", "ln", "mkdir", "mount", "rmdir", "sed", "switch_root", "uname")
# To see the host's files the guest needs these; most are built into newer kernels.
ROOT_MODULES = ("virtio_pci", "virtio_console", "virtiofs", "overlay")
# Loaded before the command, because what lists them does not load them.
PRELOADED = ("veth", "tun", "tcp_bbr", "tcp_diag", "sch_fq", "sch_netem")
PR_SET_PDEATHSIG = 1
CONSOLE_LINES = 200

libc = ctypes.CDLL(None)


class Failure(Exception):
    """The guest gave no exit status. Carries ours, and the reason."""

    def __init__(self, status, reason):
        super().__init__(reason)
        self.status = status


def parse_arguments():
    parser = argparse.ArgumentParser(prog="vm.sh", usage="see scripts/vm.sh --help", add_help=False, allow_abbrev=False)
    parser.add_argument("--memory", type=int, default=2048)
    parser.add_argument("--cpus", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=600)
    parser.add_argument("--copy", action="append", default=[])
    parser.add_argument("--out")
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("--cgroup", choices=("v1", "v2", "hybrid"), default="v2")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--guest", action="append", default=[], required=True, help="NAME=FOLDER of the kernel")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    for setting in options.env:
        if "=" not in setting or setting.startswith("="):
            parser.error(f"--env wants NAME=VALUE, not '{setting}'")
    for path in options.copy:
        if not os.path.exists(path):
            parser.error(f"--copy: there is no {path}")
    if options.memory < 256 or options.cpus < 1 or options.timeout <= 0:
        parser.error("--memory must be at least 256, --cpus 1, and --timeout above 0")
    options.guest = [guest.split("=", 1) for guest in options.guest]
    return options


# ---------------------------------------------------------------- what the guest starts from

def cpio(entries):
    """A newc archive of (name, mode, content)."""
    archive = bytearray()
    for inode, (name, mode, content) in enumerate([*entries, ("TRAILER!!!", 0, b"")], start=1):
        name = name.encode() + b"\0"
        fields = (inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0)
        archive += b"070701" + b"".join(b"%08X" % field for field in fields) + name
        archive += bytes(-len(archive) % 4) + content
        archive += bytes(-len(archive) % 4)
    return bytes(archive)


def with_dependencies(modules_folder, wanted):
    """Paths of the wanted modules and all they need, in the order of loading."""
    dependencies = {}
    with open(f"{modules_folder}/modules.dep", encoding="utf-8") as file:
        for line in file:
            module, _, needs = line.partition(":")
            dependencies[module] = needs.split()
    by_name = {os.path.basename(path)[:-len(".ko")].replace("-", "_"): path for path in dependencies}
    ordered = []

    def add(path):
        if path not in ordered:
            for need in dependencies[path]:
                add(need)
            ordered.append(path)

    for name in wanted:
        if name in by_name:  # else it is built in
            add(by_name[name])
    return [f"{modules_folder}/{path}" for path in ordered]


def read(path):
    with open(path, "rb") as file:
        return file.read()


def initramfs(options, modules_folder, v1_memory, out, token):
    config = {
        "cgroup": options.cgroup, "v1_memory": "yes" if v1_memory else "no", "out": out, "modules": modules_folder,
        "preload": " ".join(PRELOADED), "token": token,
    }
    settings = [f"PATH={PATH}", "HOME=/root", "USER=root", "LOGNAME=root", "LANG=C.UTF-8", "TERM=dumb", *options.env]
    # The host's env, because busybox's would run its own applets instead of the host's programs.
    command = (f"echo 0 >/proc/self/oom_score_adj\ncd {shlex.quote(os.getcwd())} || exit 125\n"
               f"exec /usr/bin/env -i {shlex.join(settings)} {shlex.join(options.command)}\n")
    shown = [os.getcwd(), *map(os.path.abspath, options.copy)]
    if os.path.isabs(options.command[0]) and os.path.exists(options.command[0]):
        shown.append(os.path.abspath(options.command[0]))

    folder, script, plain, link = 0o040755, 0o100755, 0o100644, 0o120777
    entries = [(name, folder, b"") for name in ("bin", "vm", "vm/modules")]
    entries += [
        ("init", script, read(f"{HERE}/init")),
        ("bin/busybox", script, read(shutil.which("busybox"))),
        ("vm/main", plain, read(f"{HERE}/main")),
        ("vm/config", plain, "".join(f"{name}={shlex.quote(value)}\n" for name, value in config.items()).encode()),
        ("vm/command", plain, os.fsencode(command)),
        ("vm/shown", plain, os.fsencode("".join(path + "\n" for path in shown))),
    ]
    entries += [(f"bin/{applet}", link, b"busybox") for applet in APPLETS]
    for index, module in enumerate(with_dependencies(modules_folder, ROOT_MODULES)):
        entries.append((f"vm/modules/{index:02}-{os.path.basename(module)}", plain, read(module)))
    return cpio(entries)


def memory_file(name, content):
    fd = os.memfd_create(name)
    with os.fdopen(os.dup(fd), "wb") as file:
        file.write(content)
    return fd


# ---------------------------------------------------------------- what comes back

class Lines:
    """Passes a stream on line by line, each with a prefix, until the token."""

    def __init__(self, target, prefix, token):
        self.target, self.prefix, self.token = target, prefix, token
        self.rest, self.ended = b"", False

    def feed(self, data):
        *lines, self.rest = (self.rest + data).split(b"\n")
        self.write(lines)
        if self.token and self.rest.endswith(self.token):
            self.rest = self.rest[:-len(self.token)]
            self.ended = True
            self.flush()

    def flush(self):
        if self.rest:
            self.write([self.rest])
        self.rest = b""

    def write(self, lines):
        if lines:
            self.target.write(b"".join(self.prefix + line + b"\n" for line in lines))
            self.target.flush()


class Guest:
    """One boot of one kernel. run() gives the command's exit status or raises Failure."""

    def __init__(self, options, name, folder):
        self.options, self.name = options, name
        self.prefix = f"[{name}] ".encode()
        self.kernel = f"{folder}/kernel"
        (release,) = os.listdir(f"{folder}/lib/modules")
        self.modules = f"{folder}/lib/modules/{release}"
        with open(f"{folder}/config", encoding="utf-8") as file:
            self.v1_memory = "# CONFIG_MEMCG_V1 is not set\n" not in file
        self.processes, self.streams, self.ports, self.log = [], {}, {}, None
        self.console = collections.deque(maxlen=CONSOLE_LINES)
        self.exit_status = None

    def say(self, text):
        sys.stderr.buffer.write(b"".join(self.prefix + b"vm.sh: " + line.encode() + b"\n" for line in text.splitlines()))
        sys.stderr.buffer.flush()

    def run(self):
        if self.options.cgroup == "v1" and not self.v1_memory:
            raise Failure(CANNOT, "this kernel has no memory controller for cgroup v1 (CONFIG_MEMCG_V1)")
        out = ""
        if self.options.out:
            out = os.path.realpath(f"{self.options.out}/{self.name}")
            os.makedirs(out, exist_ok=True)
        try:
            self.start(out)
            return self.attend()
        finally:
            self.end()

    def spawn(self, arguments, fds, **streams):
        parent = os.getpid()

        def die_with_parent():
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)

        # A session of its own: Ctrl-C is ours to handle.
        process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, pass_fds=fds, preexec_fn=die_with_parent,
                                   start_new_session=True, **streams)
        self.processes.append(process)
        return process

    def start(self, out):
        token = secrets.token_hex(16)
        self.streams = {"output": Lines(sys.stdout.buffer, self.prefix, token.encode()),
                        "errors": Lines(sys.stderr.buffer, self.prefix, token.encode())}

        # An abstract address, chosen by the kernel: nothing in the file system.
        listener = socket.socket(socket.AF_UNIX)
        listener.bind("")
        listener.listen(1)
        root = socket.socket(socket.AF_UNIX)
        root.connect(listener.getsockname())
        self.log, log = socket.socketpair()
        share = [sys.executable, f"{HERE}/share.py", f"--fd={listener.fileno()}"]
        self.share = self.spawn(share + ([f"--writable={out}"] if out else []), [listener.fileno()], stdout=log, stderr=log)

        archive = memory_file("initramfs", initramfs(self.options, self.modules, self.v1_memory, out, token))
        memory = self.options.memory
        # One thread for all processors: with one each, QEMU's emulation now and then runs code that another
        # processor is changing (kprobes, fentry) half changed, and the guest dies or hangs.
        arguments = [
            "qemu-system-x86_64", "-accel", "tcg,thread=single", "-machine", "q35,memory-backend=memory", "-cpu", "max,la57=off,avx=off,avx2=off",
            "-smp", str(self.options.cpus), "-m", str(memory),
            "-object", f"memory-backend-memfd,id=memory,size={memory}M,share=on",
            "-nodefaults", "-no-user-config", "-nic", "none", "-display", "none", "-no-reboot",
            "-kernel", self.kernel, "-initrd", f"/proc/self/fd/{archive}",
            "-append", "console=ttyS0 quiet panic=-1 oops=panic mitigations=off tsc=reliable",
            "-chardev", f"socket,id=root,fd={root.fileno()}", "-device", "vhost-user-fs-pci,chardev=root,tag=host",
            "-device", "virtio-serial-pci",
        ]
        fds, theirs = [archive, root.fileno()], [log, root]
        for name in ("console", "output", "errors", "status"):
            self.ports[name], other = socket.socketpair()
            theirs.append(other)
            fds.append(other.fileno())
            arguments += ["-chardev", f"socket,id={name},fd={other.fileno()}"]
            arguments += ["-serial", f"chardev:{name}"] if name == "console" else \
                         ["-device", f"virtserialport,chardev={name},name={name}"]
        self.started = time.monotonic()
        self.qemu = self.spawn(arguments, fds, stdout=log, stderr=log)
        listener.close()
        os.close(archive)
        for other in theirs:
            other.close()

    def attend(self):
        """Passes on what the guest says until it has an exit status, dies or is out of time."""
        deadline = self.started + self.options.timeout
        with selectors.DefaultSelector() as selector:
            for name, port in [*self.ports.items(), ("log", self.log)]:
                selector.register(port, selectors.EVENT_READ, name)
            while self.exit_status is None or not all(stream.ended for stream in self.streams.values()):
                if "console" not in {key.data for key in selector.get_map().values()}:
                    if self.share.wait():  # the file server ends with QEMU, else QEMU ended for want of it
                        raise Failure(CANNOT, "cannot serve the host's files to the guest:")
                    raise Failure(GUEST_DIED, "the guest died; its kernel's last words, and QEMU's:")
                ready = selector.select(max(0, deadline - time.monotonic()))
                if not ready:
                    raise Failure(TIMED_OUT, f"not done after {self.options.timeout:g} s: ended; the kernel's last words:")
                for key, _ in ready:
                    try:
                        data = key.fileobj.recv(1 << 16)
                    except ConnectionResetError:
                        data = b""
                    if data:
                        self.take(key.data, data)
                    else:
                        selector.unregister(key.fileobj)
        return self.exit_status

    def take(self, name, data):
        if name in self.streams:
            self.streams[name].feed(data)
        elif name == "status":
            for word, value in (line.split() for line in data.decode().splitlines()):
                if word == "exit":
                    self.exit_status = int(value)
                elif self.options.verbose:
                    self.say(f"command started {time.monotonic() - self.started:.1f} s after QEMU did (guest clock: {value} s)")
        else:
            lines = data.decode(errors="replace").replace("\r", "").splitlines(keepends=True)
            for line in lines:
                if self.console and not self.console[-1].endswith("\n"):
                    self.console[-1] += line
                else:
                    self.console.append(line)
            if self.options.verbose:
                self.say("".join(lines))

    def end(self):
        for process in reversed(self.processes):  # QEMU first, or it would complain of the loss
            process.kill()
        for process in self.processes:
            process.wait()
        if self.log:
            self.log.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while data := self.log.recv(1 << 16):
                    self.take("log", data)
        for stream in self.streams.values():
            stream.flush()
        for port in [*self.ports.values(), self.log]:
            if port:
                port.close()


def run_all(options):
    first_failure = 0
    for name, folder in options.guest:
        guest = Guest(options, name, folder)
        try:
            status = guest.run()
        except Failure as failure:
            status = failure.status
            guest.say("".join([f"{failure}\n", *guest.console]))
        if options.verbose:
            guest.say(f"exit status {status}; memory of the largest process so far "
                      f"{resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024} MiB")
        first_failure = first_failure or status
    return first_failure


def interrupted(number, _frame):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(128 + number)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # as "vm.sh … | head" expects
    sys.exit(run_all(parse_arguments()))
