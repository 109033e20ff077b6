"""Bad usage and bad scenarios are refused with a clear sentence and status 2,
before anything is touched; planning needs no root."""

import json
import os
import subprocess

import harness


class BadScenarios(harness.Case):
    def refused(self, text, *expected):
        path = self.path("bad.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        done = harness.run("plan", path)
        self.assertEqual(done.returncode, 2, done.stderr)
        for part in expected:
            self.assertIn(part, done.stderr)
        self.assertEqual(done.stdout, "")

    def changed(self, change):
        path = harness.scenario(self.folder)
        document = harness.load(path)
        change(document)
        return json.dumps(document)

    def test_a_command_that_is_not_there(self):
        for word, said in (("pln", 'did you mean "plan"?'), ("frobnicate", "there are run, plan,")):
            done = harness.run(word)
            self.assertEqual(done.returncode, 2)
            self.assertIn(said, done.stderr)

    def test_wrong_type(self):
        self.refused(self.changed(lambda d: d.update(flows=3)), "/flows")

    def test_negative_size(self):
        self.refused(
            self.changed(lambda d: d["flows"][0]["payload"].update(fixed=-5)), "/flows/0/payload/fixed"
        )

    def test_duration_without_unit(self):
        self.refused(self.changed(lambda d: d["timing"].update(measure=10)), "/timing/measure", "10", "unit")

    def test_two_groups_of_one_name(self):
        self.refused(self.changed(lambda d: d["flows"].append(dict(d["flows"][0]))), "/flows/1/name", "slow")

    def test_axis_over_an_unknown_key(self):
        self.refused(self.changed(lambda d: d.update(sweep={"/flows/0/sokcet": [1]})), "sokcet", "socket")

    def test_a_billion_connections(self):
        self.refused(self.changed(lambda d: d["flows"][0].update(connections=10**9)), "/flows/0/connections")

    def test_unknown_key_names_the_nearest(self):
        self.refused(self.changed(lambda d: d["flows"][0].update(conections=3)), "conections", "connections")

    def test_all_faults_at_once(self):
        def spoil(document):
            document["timing"]["measure"] = 10
            document["flows"][0]["io"] = "magic"
            document["colour"] = "red"

        self.refused(self.changed(spoil), "/timing/measure", "/flows/0/io", "/colour")

    def test_deep_nesting(self):
        self.refused("[" * 100000, "bad.json")

    def test_large_file(self):
        path = self.path("large.json")
        with open(path, "wb") as file:
            file.truncate(100 << 20)
        done = harness.run("plan", path)
        self.assertEqual(done.returncode, 2)
        self.assertIn("large.json", done.stderr)

    def test_no_such_file(self):
        done = harness.run("plan", self.path("none.json"))
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("none.json", done.stderr)

    def test_expectations_that_nobody_could_judge(self):
        fast = {"case": [{"label": "slow", "set": {}}, {"label": "fast", "set": {}}]}
        for expectation, said in (
            ({"metric": "stall.p98", "at_most": "1ms"}, "stall.p98"),
            ({"metric": "stall.p99", "at_most": 5}, "a duration such as"),
            ({"metric": "goodput", "flow": "slow", "equals": "5ms"}, "a rate such as"),
            ({"metric": "retransmits", "flow": "slow", "at_most": 5}, "leave"),
            ({"metric": "stall.p99", "at_most": "1ms", "against": {"case": "fast"}}, "how many times"),
            ({"metric": "stall.p99", "at_most": 2, "against": {"case": "fats"}}, 'did you mean "fast"?'),
            ({"metric": "stall.p99", "at_most": 2, "against": {"readers": "fast"}}, "not swept"),
        ):
            path = harness.scenario(self.folder, expect=[expectation], sweep=fast)
            for arguments in (("plan", path), ("run", path, "-o", self.path("out.json"))):
                done = harness.run(*arguments)
                self.assertEqual(done.returncode, 2, (expectation, done.stderr))
                self.assertIn("/expect/0", done.stderr)
                self.assertIn(said, done.stderr)
                self.assertFalse(os.path.exists(self.path("out.json")))


class Usage(harness.Case):
    def test_an_answer_that_nobody_gets_is_an_error(self):
        path = harness.scenario(self.folder)
        for arguments in (["plan", path], ["--help"], ["doctor", "--json"]):
            with open("/dev/full", "w", encoding="utf-8") as full:
                done = subprocess.run([harness.NETSTALL, *arguments], stdout=full, stderr=subprocess.PIPE,
                                      text=True, timeout=60)
            self.assertEqual(done.returncode, 5, arguments)
            self.assertIn("No space left on device", done.stderr)

    def test_no_command_and_unknown_option(self):
        self.assertEqual(harness.run().returncode, 2)
        self.assertEqual(harness.run("run", "--colour").returncode, 2)
        self.assertEqual(harness.run("dance").returncode, 2)

    def test_help_and_version(self):
        self.assertEqual(harness.run("--help").returncode, 0)
        self.assertIn("netstall", harness.run("--version").stdout)

    def test_set_changes_the_plan(self):
        path = harness.scenario(self.folder)
        done = harness.run("plan", path, "--set", "/flows/0/connections=77")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("77", done.stdout)

    def test_set_of_a_swept_pointer_is_an_error(self):
        path = harness.scenario(self.folder, sweep={"/flows/0/connections": [1, 2]})
        done = harness.run("plan", path, "--set", "/flows/0/connections=3")
        self.assertEqual(done.returncode, 2, done.stderr)

    def test_plan_shows_the_link(self):
        for link, shown in (
            (None, "Link: as the kernel makes it\n"),
            ({"delay": "20ms", "mtu": 1400, "offload": {"tso": False}},
             "Link: both ends: netem limit 100000 delay 20000us; mtu 1400; tso off\n"),
            ({"server_qdisc": "pfifo limit 10"}, "Link: the server's end: pfifo limit 10\n"),
        ):
            lab = None if link is None else {"link": link}
            done = harness.run("plan", harness.scenario(self.folder, lab=lab))
            self.assertIn(done.returncode, (0, 4), done.stderr)  # not every kernel has netem
            self.assertIn(shown, done.stdout)

    def test_plan_of_one_cell(self):
        path = harness.scenario(self.folder, sweep={"/flows/0/connections": [1, 77], "case": [{"label": "a", "set": {}}]})
        done = harness.run("plan", path)
        self.assertIn("  1  connections=77,case=a  × 1", done.stdout)
        for cell in ("connections=77,case=a", "1"):
            done = harness.run("plan", path, "--cell", cell)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("Cells: 1 of 2, 1 repetition in all", done.stdout)
            self.assertIn("  1  connections=77,case=a  × 1", done.stdout)
            self.assertIn("Largest cell: 77 connections", done.stdout)

    def test_plan_knows_what_probes_take(self):
        path = harness.scenario(self.folder)
        for words, memory in (([], r"[\d.]+ [KM]iB"), (["--probes", "off"], "none"), (["--probes", "require"], r"[\d.]+ [KM]iB")):
            done = harness.run("plan", path, *words)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stdout, rf"in the workers, {memory} for probes\n")
            self.assertEqual("a run fails where one does not load" in done.stdout, "require" in words)

    def test_a_cell_that_is_not_there(self):
        path = harness.scenario(self.folder, sweep={"/flows/0/connections": [1, 77]})
        for command in ("plan", "run"):
            done = harness.run(command, path, "--cell", "connections=78")
            self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
            self.assertIn("did you mean connections=77?", done.stderr)
            self.assertIn("there are connections=1, connections=77", done.stderr)

    def test_host_sysctl_needs_permission(self):
        path = harness.scenario(self.folder, sysctl={"host": {"net.ipv4.tcp_mem": "1 2 3"}})
        done = harness.run("run", path, "-o", self.path("out.json"))
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("--allow-host-sysctl", done.stderr)

    def test_plan_of_every_shipped_scenario(self):
        folder = os.path.join(harness.SOURCE, "scenarios")
        names = [n for n in os.listdir(folder) if n.endswith(".json") and not n.endswith("schema.json")]
        self.assertTrue(names)
        for name in names:
            done = harness.run("plan", os.path.join(folder, name))
            self.assertEqual(done.returncode, 0, f"{name}: {done.stderr}")


if __name__ == "__main__":
    harness.main()
