"""netstall profile: what profiles say, how two differ, what one would change."""

import os

import harness


class Profile(harness.Case):
    def write(self, name, text):
        path = self.path(name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def test_show_says_the_last_entry_and_where_it_stands(self):
        path = self.write("a.conf", "# A.\nnet.ipv4.tcp_sack = 1\n-vm.swappiness = 7\nnet/ipv4/tcp_sack = 0\n")
        done = harness.run("profile", "show", path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(
            done.stdout, f"net.ipv4.tcp_sack = 0  # {path}:4\n-vm.swappiness = 7  # {path}:3\n"
        )

    def test_tuned_includes_and_other_sections(self):
        self.write("base.conf", "[sysctl]\nnet.ipv4.tcp_sack = 0\n")
        path = self.write("b.conf", "[main]\ninclude=base\n[sysctl]\nnet.core.somaxconn = 9\n[cpu]\ngovernor=x\n")
        done = harness.run("profile", "show", path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("net.ipv4.tcp_sack = 0  # ", done.stdout)
        self.assertIn("net.core.somaxconn = 9", done.stdout)
        self.assertIn("# sections of tuned that are not taken: cpu\n", done.stdout)

    def test_diff(self):
        one = self.write("one.conf", "net.ipv4.tcp_rmem = 1 2 3\nnet.core.somaxconn = 9\n")
        other = self.write("other.conf", "net.ipv4.tcp_rmem = 1\t2  3\nnet.core.somaxconn = 8\n")
        done = harness.run("profile", "diff", one, other)
        self.assertEqual(done.stdout, "- net.core.somaxconn = 9\n+ net.core.somaxconn = 8\n")
        self.assertEqual(harness.run("profile", "diff", one, one).stdout, "Both set the same.\n")

    def test_a_shipped_one_is_found_by_its_name_and_listed(self):
        done = harness.run("profile", "list", cwd=self.folder)
        self.assertIn("c1m.conf", done.stdout)
        done = harness.run("profile", "show", "c1m", cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("net.ipv4.tcp_rmem", done.stdout)

    def test_check_tells_scope_and_what_is_absent(self):
        if os.geteuid() != 0:
            self.skipTest("a new network namespace needs root")
        path = self.write("c.conf", "net.ipv4.tcp_sack = 1\nvm.swappiness = 3\nnet.ipv4.no_such_thing = 1\n")
        done = harness.run("profile", "check", path)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("net.ipv4.tcp_sack = 1\n    per namespace; ", done.stdout)
        self.assertIn("vm.swappiness = 3\n    the whole machine; ", done.stdout)
        self.assertIn("net.ipv4.no_such_thing = 1\n    not on this kernel; a run fails", done.stdout)

    def test_a_tcp_mem_that_could_cut_the_machine_off_is_refused(self):
        low = ["run", "quickstart", "--allow-host-sysctl", "--set"]
        done = harness.run(*low, "/sysctl/host/net.ipv4.tcp_mem=1 2 3")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("are below the floor of 2048\n", done.stderr)
        done = harness.run(*low, "/sysctl/host/net.ipv4.tcp_mem=4096 4096 4096", "--set", "/timing/measure=20s")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("--tcp-mem-time", done.stderr)
        # As the kernel reads it; and by its first fields alone it is as short of memory.
        done = harness.run(*low, "/sysctl/host/net.ipv4.tcp_mem=0x10 0x20 0x30")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("are below the floor of 2048\n", done.stderr)
        for command in ("run", "plan"):
            done = harness.run(command, *low[1:], "/sysctl/host/net.ipv4.tcp_mem=1 2 99999999999",
                               "--set", "/timing/measure=20s")
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("--tcp-mem-time", done.stderr)
        done = harness.run(*low, "/sysctl/host/net.ipv4.tcp_mem=99999999999")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("not three numbers of pages", done.stderr)

    def test_what_changes_others_of_the_host_is_refused(self):
        for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.disable_ipv6", "net.ipv4.conf.default.rp_filter"):
            done = harness.run("run", "quickstart", "--allow-host-sysctl", "--set", f"/sysctl/host/{key}=1")
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("could not be put back", done.stderr)

    def test_what_is_nowhere_is_bad_usage(self):
        done = harness.run("profile", "show", "nowhere")
        self.assertEqual(done.returncode, 2)
        self.assertIn("netstall profile list", done.stderr)


if __name__ == "__main__":
    harness.main()
