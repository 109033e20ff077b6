"""What is shipped is found by name from any folder, from a build folder and from an
installed tree alike; manual pages and completion say what the parser says."""

import glob
import gzip
import os
import re
import shutil
import subprocess
import tempfile
import unittest

import harness

BUILD = os.path.abspath(os.path.join(os.path.dirname(harness.NETSTALL), "..", ".."))
SCENARIOS = sorted(os.path.basename(path)[:-5]
                   for path in glob.glob(os.path.join(harness.SOURCE, "scenarios", "*.json"))
                   if not path.endswith(".schema.json"))
CLAIMS = sorted("claims/" + os.path.basename(path)[:-5]
                for path in glob.glob(os.path.join(harness.SOURCE, "scenarios", "claims", "*.json")))


def subcommands():
    text = harness.run("--help").stdout
    return re.findall(r"^  ([a-z]+) ", text[text.index("Subcommands:"):text.index("Exit status:")], re.MULTILINE)


def options_of(command):
    """As --help has them; without the word that they take."""
    return sorted(set(re.findall(r"(?:^  |,)(--?[a-z-]+)", harness.run(command, "--help").stdout, re.MULTILINE)))


class Names(harness.Case):
    def test_scenarios_are_listed_with_their_question(self):
        done = harness.run("scenarios", cwd="/")
        self.assertEqual(done.returncode, 0, done.stderr)
        names = re.findall(r"^(\S+)$", done.stdout, re.MULTILINE)
        self.assertEqual(names, SCENARIOS + CLAIMS)
        # Told once by this list, once by `plan` of the file itself.
        flat = " ".join(done.stdout.split())
        for name in SCENARIOS + CLAIMS:
            plan = harness.run("plan", os.path.join(harness.SOURCE, "scenarios", name + ".json"))
            if plan.returncode == 0:
                self.assertIn(plan.stdout.split("\n")[0].split(": ", 1)[1], flat)
        self.assertLessEqual(max(map(len, done.stdout.split("\n"))), 80)

    def test_one_is_shown_as_it_is(self):
        with open(os.path.join(harness.SOURCE, "scenarios", "quickstart.json"), encoding="utf-8") as file:
            self.assertEqual(harness.run("scenarios", "quickstart", cwd="/").stdout, file.read())

    def test_a_name_is_a_scenario_from_any_folder(self):
        by_name = harness.run("plan", "slow-readers", cwd="/")
        by_path = harness.run("plan", os.path.join(harness.SOURCE, "scenarios", "slow-readers.json"))
        self.assertEqual(by_name.returncode, 0, by_name.stderr)
        self.assertEqual(by_name.stdout, by_path.stdout)
        self.assertIn("send-wait: ", harness.run("plan", "claims/send-wait", cwd="/").stdout)

    def test_a_file_comes_before_a_name_and_a_folder_does_not(self):
        os.mkdir(self.path("slow-readers"))
        self.assertIn("slow-readers:", harness.run("plan", "slow-readers", cwd=self.folder).stdout)
        shutil.copy(harness.scenario(self.folder), self.path("quickstart"))
        self.assertIn("test: Made by a test.", harness.run("plan", "quickstart", cwd=self.folder).stdout)

    def test_a_profile_is_found_by_name(self):
        text = "\n".join(harness.run("plan", "quickstart", "--profile", profile, cwd="/").stdout
                         for profile in ("c1m", "profiles/c1m.conf"))
        with open(os.path.join(harness.SOURCE, "scenarios", "profiles", "c1m.conf"), encoding="utf-8") as file:
            keys = re.findall(r"^-?(net\.\S+) *=", file.read(), re.MULTILINE)
        self.assertTrue(keys)
        for key in keys:
            self.assertEqual(text.count(f"{key} in server"), 2, text)

    def test_an_unknown_name_is_told_the_nearest(self):
        for words, said in ((("plan", "slow-raeders"), "did you mean slow-readers?"),
                            (("run", "quickstrat"), "did you mean quickstart?"),
                            (("scenarios", "quikstart"), "did you mean quickstart?"),
                            (("plan", "elsewhere/slow-readers.json"), "did you mean slow-readers?"),
                            (("plan", "claims/send-wiat"), "did you mean claims/send-wait?"),
                            (("plan", "send-wait"), "did you mean claims/send-wait?"),
                            (("plan", "frobnication"), "`netstall scenarios` lists"),
                            (("plan", "quickstart", "--profile", "cm1"), 'did you mean "c1m"?')):
            done = harness.run(*words, cwd="/")
            self.assertEqual((done.returncode, done.stdout), (2, ""), words)
            self.assertIn(said, done.stderr)


class Installed(harness.Case):
    """An installed tree, away from the sources."""

    @classmethod
    def setUpClass(cls):
        cls.prefix = tempfile.mkdtemp()
        subprocess.run(["cmake", "--install", BUILD, "--prefix", cls.prefix], check=True,
                       stdout=subprocess.DEVNULL, timeout=60)
        with open(os.path.join(BUILD, "CMakeCache.txt"), encoding="utf-8") as file:
            cls.sanitized = not re.search(r"^NETSTALL_SANITIZE:\w+=$", file.read(), re.MULTILINE)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.prefix)

    def installed(self, *words, program="netstall"):
        return subprocess.run([os.path.join(self.prefix, "bin", program), *words], cwd="/",
                              capture_output=True, text=True, timeout=60)

    def test_finds_what_is_installed(self):
        listed = self.installed("scenarios")
        self.assertEqual(listed.stdout, harness.run("scenarios").stdout)
        self.assertEqual(self.installed("plan", "quickstart", "--profile", "c1m").returncode, 0)
        bench = self.installed("--benchmark_list_tests", "quickstart", program="netstall-bench")
        self.assertIn("quickstart/case=slow-readers", bench.stdout, bench.stderr)

    def test_has_every_scenario_profile_and_schema(self):
        share = os.path.join(self.prefix, "share", "netstall")
        here = os.path.join(harness.SOURCE, "scenarios")
        for folder, pattern, origin in (("scenarios", "*.json", here), ("scenarios/claims", "*.json", here + "/claims"),
                                        ("scenarios/profiles", "*.conf", here + "/profiles"),
                                        ("schemas", "*.schema.json", harness.SOURCE + "/results")):
            there = {os.path.basename(path) for path in glob.glob(os.path.join(share, folder, pattern))}
            wanted = {os.path.basename(path) for path in glob.glob(os.path.join(origin, pattern))}
            if folder == "scenarios":
                wanted -= {"scenario.schema.json"}
            if folder == "schemas":
                wanted |= {"scenario.schema.json"}
            self.assertEqual(there, wanted)

    def test_a_program_without_its_files_says_where_they_should_be(self):
        lonely = os.path.join(self.folder, "bin", "netstall")
        os.makedirs(os.path.dirname(lonely))
        shutil.copy(os.path.join(self.prefix, "bin", "netstall"), lonely)
        done = subprocess.run([lonely, "scenarios"], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 5)
        self.assertIn(os.path.join(self.folder, "share", "netstall", "scenarios"), done.stderr)

    def test_manual_pages_have_every_command_and_option(self):
        if self.sanitized:
            self.skipTest("a build with sanitizers installs no manual pages")
        pages = {}
        for path in glob.glob(os.path.join(self.prefix, "share", "man", "man1", "*.1.gz")):
            with gzip.open(path, "rt", encoding="utf-8") as file:
                pages[os.path.basename(path)[:-5]] = file.read().replace("\\-", "-")
        self.assertEqual(set(pages), {"netstall", "netstall-bench", *(f"netstall-{name}" for name in subcommands())})
        for command in subcommands():
            self.assertIn(f"\\fBnetstall-{command}\\fR(1)", pages["netstall"])
            for option in options_of(command):
                self.assertRegex(pages[f"netstall-{command}"], rf"\\fB{option}\\fR")
        for page in pages.values():
            self.assertIn(".SH EXIT STATUS", page)

    def test_completion_is_installed(self):
        if self.sanitized:
            self.skipTest("a build with sanitizers installs no completion")
        share = os.path.join(self.prefix, "share")
        for shell, place in (("bash", "bash-completion/completions/netstall"), ("zsh", "zsh/site-functions/_netstall"),
                             ("fish", "fish/vendor_completions.d/netstall.fish")):
            with open(os.path.join(share, place), encoding="utf-8") as file:
                self.assertEqual(file.read(), harness.run("completion", shell).stdout)


class BashCompletion(harness.Case):
    """bash itself runs the function, as it does on a Tab."""

    @classmethod
    def setUpClass(cls):
        cls.script = harness.run("completion", "bash").stdout

    def completions(self, *words, cwd="/"):
        """Of the last word, the others being before the cursor."""
        quoted = " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)
        done = subprocess.run(
            ["bash", "--norc", "-u", "-c", f"source /dev/stdin; COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; "
             f"_{words[0].replace('-', '_')} && printf '%s\\n' \"${{COMPREPLY[@]}}\""],
            input=self.script, capture_output=True, text=True, timeout=30, cwd=cwd)
        self.assertEqual(done.stderr, "")
        return [line for line in done.stdout.split("\n") if line]

    def test_every_subcommand(self):
        self.assertEqual(self.completions("netstall", ""), subcommands())
        self.assertEqual(self.completions("netstall", "sc"), ["scenarios"])

    def test_every_option_of_every_subcommand(self):
        for command in subcommands():
            self.assertEqual(sorted(self.completions("netstall", command, "-")), options_of(command), command)

    def test_values(self):
        self.assertEqual(self.completions("netstall", "run", "quickstart", "--probes", "re"), ["require"])
        self.assertEqual(self.completions("netstall", "run", "--probes", "=", "re"), ["require"])
        self.assertEqual(self.completions("netstall", "run", "--probes", "="), ["auto", "off", "require"])
        self.assertEqual(self.completions("netstall", "export", "--format", "g"), ["gbench", "github-action"])
        self.assertEqual(self.completions("netstall", "ab", "quickstart", "--metric", "stall.p9"),
                         ["stall.p90", "stall.p99", "stall.p999"])
        self.assertEqual(self.completions("netstall", "completion", ""), ["bash", "zsh", "fish"])
        self.assertEqual(self.completions("netstall", "run", "--seed", ""), [])

    def test_scenarios_profiles_and_files(self):
        for name in ("quick name.json", "quiet.json"):
            open(self.path(name), "w").close()
        found = self.completions("netstall", "run", "qui", cwd=self.folder)
        self.assertEqual(sorted(found), ["quick name.json", "quickstart", "quiet.json"])
        self.assertEqual(sorted(self.completions("netstall", "plan", "-v", "--set", "/a=b", "")), sorted(self.completions("netstall", "plan", "")))
        self.assertTrue(set(SCENARIOS) <= set(self.completions("netstall", "plan", "--set", "/a", "=", "b", "")))
        self.assertEqual(self.completions("netstall", "plan", "quickstart", ""), [], "it takes one scenario")
        self.assertIn("c1m", self.completions("netstall", "run", "--profile", "c"))
        self.assertEqual(self.completions("netstall", "report", "a.json", "qui", cwd=self.folder),
                         self.completions("netstall", "report", "qui", cwd=self.folder), "it takes several")

    def test_the_other_program(self):
        self.assertIn("slow-readers", self.completions("netstall-bench", "quickstart", "slow"))
        self.assertIn("--probes", self.completions("netstall-bench", "--pr"))

    def test_an_unknown_shell(self):
        done = harness.run("completion", "csh")
        self.assertEqual(done.returncode, 2)
        self.assertIn("bash, zsh, fish", done.stderr)


class OtherShells(harness.Case):
    def write(self, shell):
        path = self.path("_netstall")
        with open(path, "w", encoding="utf-8") as file:
            file.write(harness.run("completion", shell).stdout)
        return path

    @unittest.skipUnless(shutil.which("zsh"), "zsh is not installed")
    def test_zsh_takes_it(self):
        path = self.write("zsh")
        done = subprocess.run(["zsh", "-f", "-n", path], capture_output=True, text=True, timeout=30)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        done = subprocess.run(
            ["zsh", "-f", "-c", f"fpath=({self.folder} $fpath); autoload -Uz compinit; compinit -D -u; "
             "print $_comps[netstall] $_comps[netstall-bench]"], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.stdout.split(), ["_netstall", "_netstall"], done.stderr)

    @unittest.skipUnless(shutil.which("fish"), "fish is not installed")
    def test_fish_completes(self):
        path = self.write("fish")

        def completions(line):
            done = subprocess.run(["fish", "--no-config", "-c", f"source {path}; complete -C '{line}'"],
                                  capture_output=True, text=True, timeout=30, cwd=self.folder,
                                  env={**os.environ, "HOME": self.folder})
            self.assertEqual(done.stderr, "")
            return [each.split("\t")[0] for each in done.stdout.split("\n") if each]

        self.assertEqual(sorted(completions("netstall ")), sorted(subcommands()))
        self.assertEqual(completions("netstall run --probes "), ["auto", "off", "require"])
        self.assertEqual(completions("netstall run --prof"), ["--profile"])
        self.assertIn("slow-readers", completions("netstall plan slow"))
        self.assertIn("c1m", completions("netstall run quickstart --profile c"))


if __name__ == "__main__":
    harness.main()
