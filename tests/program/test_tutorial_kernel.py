"""docs/reproduce-a-stall.md does what it says: every command of it is run, in its order,
in a shell that has nothing but netstall, and what it calls for is there afterwards. Only
the times are shorter than a reader's."""

import os
import re
import subprocess
import sys

import harness

DOCUMENT = os.path.join(harness.SOURCE, "docs", "reproduce-a-stall.md")
QUICK = {"ramp": "100ms", "warmup": "200ms", "measure": "500ms", "repetitions": 1}


def parts():
    """The scenario that the document has the reader write, and its commands."""
    with open(DOCUMENT, encoding="utf-8") as file:
        text = file.read()
    scenarios = re.findall(r"^```jsonc\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    shell = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return scenarios, shell


class Tutorial(harness.Case):
    def setUp(self):
        super().setUp()
        self.machine = harness.Machine()
        self.addCleanup(self.machine.assert_clean)
        scenarios, self.shell = parts()
        self.assertEqual(len(scenarios), 1)
        timing = ", ".join(f'"{key}": {value if isinstance(value, int) else chr(34) + value + chr(34)}' for key, value in QUICK.items())
        text, replaced = re.subn(r'"timing": \{[^}]*\}', f'"timing": {{ {timing} }}', scenarios[0])
        self.assertEqual(replaced, 1)
        with open(self.path("stall.json"), "w", encoding="utf-8") as file:
            file.write(text)
        # `sudo` is no part of the tutorial: the test is root.
        os.mkdir(self.path("bin"))
        with open(self.path("bin/sudo"), "w", encoding="utf-8") as file:
            file.write('#!/bin/sh\nexec "$@"\n')
        os.chmod(self.path("bin/sudo"), 0o755)

    def run_line(self, line):
        environment = {**os.environ, "PATH": f"{self.path('bin')}:{os.path.dirname(harness.NETSTALL)}:/usr/sbin:/usr/bin:/sbin:/bin", "NO_COLOR": "1"}
        return subprocess.run(["bash", "-c", line], cwd=self.folder, env=environment, capture_output=True,
                              text=True, timeout=170, stdin=subprocess.DEVNULL)

    def main_cause(self, name):
        """What took most of the blocked time, by eBPF."""
        report = harness.load(self.path(name))
        times = {}
        for repetition in harness.repetitions(report):
            for cause, count in repetition["flows"][0]["stalls"]["by_cause"].items():
                times[cause] = times.get(cause, 0) + (count["time_ns"] if count else 0)
        return max(times, key=times.get)

    def test_every_command(self):
        lines = [line for block in self.shell for line in block.replace("\\\n", " ").split("\n") if line.strip()]
        self.assertGreaterEqual(len(lines), 8)
        for line in lines:
            # What the document says of a command's end stands behind it.
            command, _, comment = line.partition("  # ")
            allowed = {int(status) for status in re.findall(r"exit status (\d)", comment)} or {0}
            done = self.run_line(command)
            self.assertIn(done.returncode, allowed, f"{command}\n{done.stdout}\n{done.stderr}")
        # The tutorial's own sentences, at any speed of the machine.
        self.assertEqual(self.main_cause("before.json"), "mem_shortage")
        self.assertEqual(self.main_cause("more-memory.json"), "mem_shortage")
        self.assertEqual(self.main_cause("after.json"), "sndbuf_full")
        for name in ("evidence.html", "evidence.md"):
            with open(self.path(name), encoding="utf-8") as file:
                self.assertIn("stall", file.read())


if __name__ == "__main__":
    if harness.emulated():
        print("SKIP: an emulated machine is too slow for a tutorial")
        sys.exit(77)
    harness.main(needs_root=True)
