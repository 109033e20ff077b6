"""A machine without BPF, and one without BTF: `--probes require` refuses with a
sentence, `--probes auto` measures by the senders' own clocks."""

import json
import os
import subprocess
import unittest

import harness

# In a mount namespace of its own nothing is at the kernel's BTF.
WITHOUT_BTF = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /sys/kernel/btf && exec "$@"', "sh"]


def run_without_btf(*arguments):
    return subprocess.run(
        [*WITHOUT_BTF, harness.NETSTALL, *arguments], capture_output=True, text=True, timeout=120
    )


@unittest.skipUnless(harness.can_refuse_system_calls(), "the filter is written for x86-64")
class WithoutBpf(harness.Case):
    sentence = "the kernel refuses a BPF map"

    def run_netstall(self, *arguments):
        return harness.run(*arguments, preexec_fn=harness.refusing("bpf"))

    def test_required_probes_are_refused_with_a_sentence(self):
        machine = harness.Machine()
        out = self.path("report.json")
        done = self.run_netstall(
            "run", harness.scenario(self.folder), "-o", out, "--probes", "require"
        )
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("load the probe send_wait: " + self.sentence, done.stderr)
        self.assertIn("--probes auto", done.stderr)
        # What libbpf has to say to programmers is no sentence.
        self.assertNotIn("libbpf", done.stderr)
        self.assertNotIn("()", done.stderr)
        machine.assert_clean()

    def test_otherwise_the_own_clocks_measure(self):
        machine = harness.Machine()
        out = self.path("report.json")
        path = harness.scenario(self.folder, probes=["send_wait", "drops", "retransmits"])
        done = self.run_netstall("run", path, "-o", out)
        self.assertEqual(done.returncode, 0, done.stderr)
        machine.assert_clean()
        (repetition,) = harness.repetitions(harness.load(out))
        probes = repetition["probes"]
        self.assertEqual(probes["backend"], "own_clock")
        self.assertEqual(
            sorted(probes["missing"]), ["drops", "retransmits by tracepoint", "send_wait"]
        )
        for why in probes["missing"].values():
            self.assertIn(self.sentence, why)
        # Counters of /proc stand in for one of them, and nothing for the other.
        self.assertIsNone(repetition["findings"]["drops"])
        self.assertEqual(repetition["findings"]["retransmits"]["backend"], "counter")
        (flow,) = repetition["flows"]
        self.assertGreater(flow["stalls"]["total"]["count"], 0)
        self.assertEqual(flow["stalls"], flow["own_clock"])
        self.assertEqual(set(flow["stalls"]["by_cause"].values()), {None})
        self.assertIn(self.sentence, done.stdout)

    def test_the_doctor_says_so(self):
        done = self.run_netstall("doctor", "--json")
        self.assertIn(self.sentence, json.dumps(json.loads(done.stdout)))


@unittest.skipUnless(os.path.exists("/sys/kernel/btf/vmlinux"), "no BTF here to take away")
class WithoutBtf(WithoutBpf):
    sentence = "no /sys/kernel/btf/vmlinux"

    def run_netstall(self, *arguments):
        return run_without_btf(*arguments)


if __name__ == "__main__":
    harness.main(needs_root=True)
