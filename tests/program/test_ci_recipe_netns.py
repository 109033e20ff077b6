"""The workflow of docs/ci.md does what it says: its steps are run as a runner would,
with a small scenario in the place of the shipped one."""

import os
import re
import signal
import subprocess
import sys
import textwrap

import harness

DEBIAN_PYTHON = "/usr/bin/python3"
try:
    import yaml
except ImportError:
    if os.path.exists(DEBIAN_PYTHON) and not os.path.samefile(sys.executable, DEBIAN_PYTHON):
        os.execv(DEBIAN_PYTHON, [DEBIAN_PYTHON, *sys.argv])
    print("SKIP: not installed: python3-yaml")
    sys.exit(77)

# Stands where a tree's own build would: the same program, with less to do.
WRAPPER = """#!/bin/sh
case "$1" in
  ab) exec "{netstall}" "$@" {short} --blocks 2 ;;
  run) exec "{netstall}" "$@" {short} --set /timing/repetitions=2 ;;
  *) exec "{netstall}" "$@" ;;
esac
"""
SHORT = " ".join(f"--set /timing/{key}={value}" for key, value in
                 (("ramp", "50ms"), ("warmup", "100ms"), ("measure", "300ms")))


def workflow():
    with open(os.path.join(harness.SOURCE, "docs/ci.md"), encoding="utf-8") as file:
        text = file.read()
    (block,) = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return yaml.safe_load(block)


class Recipe(harness.Case):
    def setUp(self):
        super().setUp()
        self.machine = harness.Machine()
        self.summary = self.path("summary.md")
        os.mkdir(self.path("bin"))
        self.write("bin/sudo", '#!/bin/sh\nexec "$@"\n')
        for tree, wmem in (("base", "4096 16384 4194304"), ("new", "4096 16384 32768")):
            self.write(f"{tree}/build/release/bench/cli/netstall",
                       WRAPPER.format(netstall=harness.NETSTALL, short=SHORT))
            self.write(f"{tree}/profiles/server.conf", f"net.ipv4.tcp_wmem = {wmem}\n")
            os.mkdir(self.path(f"{tree}/scenarios"))
            os.rename(harness.scenario(self.folder), self.path(f"{tree}/scenarios/slow-readers.json"))

    def tearDown(self):
        self.machine.assert_clean()

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(text))
        os.chmod(self.path(name), 0o755)

    def step(self, name):
        (step,) = [s for s in workflow()["jobs"]["stalls"]["steps"] if s.get("name") == name]
        environment = {**os.environ, "GITHUB_STEP_SUMMARY": self.summary,
                       "PATH": self.path("bin") + ":" + os.environ["PATH"]}
        running = subprocess.Popen(
            ["bash", "-e", "-c", step["run"]], cwd=self.folder, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        try:
            out, err = running.communicate(timeout=180)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGTERM)
            running.communicate()
            raise
        return subprocess.CompletedProcess(step["run"], running.returncode, out, err)

    def test_every_step(self):
        done = self.step("Can this machine measure?")
        self.assertIn(done.returncode, (0, 4), done.stderr)
        done = self.step("The base's settings against the new ones, interleaved")
        self.assertIn(done.returncode, (0, 1), done.stderr)
        self.assertTrue(os.path.exists(self.path("settings.xml")))
        done = self.step("The base's program against the new one")
        self.assertIn(done.returncode, (0, 1), done.stderr)
        self.assertEqual(set(os.listdir(self.folder)) & {"base.json", "new.json", "program.xml"},
                         {"base.json", "new.json", "program.xml"})
        done = self.step("Summary")
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.summary, encoding="utf-8") as file:
            text = file.read()
        for name in ("settings.md", "program.md"):
            with open(self.path(name), encoding="utf-8") as file:
                self.assertIn(file.read(), text)

    def test_equal_settings_are_not_compared(self):
        self.write("new/profiles/server.conf", "net.ipv4.tcp_wmem = 4096 16384 4194304\n")
        done = self.step("The base's settings against the new ones, interleaved")
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)


if __name__ == "__main__":
    harness.main(needs_root=True)
