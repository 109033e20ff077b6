"""What a person at a terminal sees of a run: one live line that tells how the window
goes, then a summary in 80 columns; nothing of either with -q, no colour with NO_COLOR."""

import os
import pty
import re
import select
import subprocess

import harness


def at_terminal(*arguments, env=None):
    """Runs netstall at a terminal of 80 columns; returns its status and all that it wrote there."""
    controller, terminal = pty.openpty()
    without_its_own_wish = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    running = subprocess.Popen(["sh", "-c", 'stty cols 80 rows 25 && exec "$0" "$@"', harness.NETSTALL, *arguments],
                               stdin=terminal, stdout=terminal, stderr=terminal,
                               env={**without_its_own_wish, "TERM": "xterm", **(env or {})})
    os.close(terminal)
    text = b""
    while True:
        ready, _, _ = select.select([controller], [], [], 60)
        if not ready:
            running.kill()
            raise AssertionError(f"silent for a minute after {text!r}")
        try:
            part = os.read(controller, 65536)
        except OSError:  # the other end is closed
            part = b""
        if not part:
            break
        text += part
    os.close(controller)
    return running.wait(60), text.decode()


class Terminal(harness.Case):
    timing = {"ramp": "50ms", "warmup": "100ms", "measure": "1300ms", "repetitions": 1}

    def run_it(self, *arguments, env=None):
        made = harness.scenario(self.folder, timing=self.timing)
        status, text = at_terminal("run", made, "-o", self.path("x.json"), *arguments, env=env)
        self.assertEqual(status, 0, text)
        return text

    def test_the_live_line_tells_how_it_goes(self):
        text = self.run_it()
        lines = re.findall(r"\r\x1b\[K(\[[^\r\n\x1b]*)", text)
        glances = [found for line in lines if (found := re.fullmatch(
            r"\[1/1\] \d+ s to go \| 4 connections, ([\d.]+ \w+)/s, (\d) blocked \| base #0", line))]
        self.assertTrue(glances, lines)
        self.assertTrue(any(int(found[2]) > 0 for found in glances), "its senders are blocked nearly all the time")
        self.assertTrue(all(len(line) < 80 for line in lines), lines)
        # It is gone when the summary stands there.
        self.assertIn("\r\x1b[K", text[text.rindex("to go"):])
        self.assertIn("\x1b[1mLongest stall", text)

    def test_colour_is_left_out_when_asked(self):
        text = self.run_it(env={"NO_COLOR": "1"})
        self.assertEqual(re.findall(r"\x1b\[[\d;]*m", text), [])
        summary = text[text.index("Longest stall"):]
        for line in summary.splitlines():
            if not line.startswith("Report: "):
                self.assertLessEqual(len(line), 80, line)
        self.assertRegex(summary, "[▁▂▃▄▅▆▇█]")

    def test_quiet_says_nothing(self):
        self.assertEqual(self.run_it("-q"), "")


if __name__ == "__main__":
    harness.main(needs_root=True)
