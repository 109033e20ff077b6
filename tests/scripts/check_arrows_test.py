#!/usr/bin/env python3
"""The checker of the arrows, on listings made up for it: what is against a rule
is caught, with the file that is at fault, and what is allowed is not."""

import pathlib
import sys
import tempfile
import unittest

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))
sys.dont_write_bytecode = True
import check_arrows  # noqa: E402

ROOT = pathlib.Path("/tree")


def faults(*unit, root=ROOT):
    """Of one unit; names without a leading slash are the project's."""
    paths = [root / name for name in unit]
    return list(check_arrows.faults_of(paths, root))


class Arrows(unittest.TestCase):
    def test_what_is_allowed(self):
        for unit in (
            ("base/a.cpp", "base/a.hpp", "/usr/include/c++/12/string"),
            ("model/a.cpp", "base/a.hpp", "model/a.hpp", "/usr/include/nlohmann/json.hpp"),
            ("bpf/a.cpp", "bpf/a.hpp", "base/a.hpp", "/usr/include/bpf/libbpf.h",
             "/tree/build/release/skeletons/a.skel.h"),
            ("loadgen/a.cpp", "model/a.hpp", "/usr/include/asio.hpp", "/usr/include/asio/x.hpp"),
            ("bench/lab/a.cpp", "bench/lab/a.hpp", "model/a.hpp", "base/a.hpp"),
            ("bench/run/a.cpp", "bench/lab/a.hpp", "bench/observe/a.hpp", "bpf/a.hpp",
             "loadgen/a.hpp"),
            ("bench/report/a.cpp", "bench/verdict/a.hpp", "model/a.hpp", "/usr/include/nlohmann/json.hpp"),
            ("bench/cli/a.cpp", "bench/run/a.hpp", "bench/report/a.hpp", "loadgen/a.hpp",
             "/usr/include/CLI/CLI.hpp"),
            ("bench/lab/a_test.cpp", "bench/lab/a.hpp", "/usr/include/nlohmann/json.hpp"),
            ("tests/end_to_end/a.cpp", "bench/run/a.hpp", "/usr/include/nlohmann/json.hpp"),
            ("/elsewhere/a.cpp", "/usr/include/asio.hpp"),
        ):
            self.assertEqual(faults(*unit), [], unit)

    def test_what_is_not(self):
        for unit, rule in (
            (("base/a.cpp", "model/a.hpp"), "base may include base; not model"),
            (("model/a.cpp", "bench/lab/a.hpp"), "model may include base, model; not lab"),
            (("bench/lab/a.cpp", "bench/observe/a.hpp"), "not observe"),
            (("bench/observe/a.cpp", "bpf/a.hpp"), "not bpf"),
            (("bpf/a.cpp", "loadgen/a.hpp"), "not loadgen"),
            (("loadgen/a.cpp", "bench/run/a.hpp"), "not run"),
            (("bench/run/a.cpp", "bench/verdict/a.hpp"), "not verdict"),
            (("bench/verdict/a.cpp", "bench/report/a.hpp"), "not report"),
            (("bench/report/a.cpp", "bench/run/a.hpp"), "not run"),
            (("bench/lab/a_test.cpp", "bench/run/a.hpp"), "not run"),
            (("bench/run/a.cpp", "/usr/include/asio.hpp"), "only loadgen may include Asio; not run"),
            (("bench/observe/a.cpp", "/usr/include/bpf/libbpf.h"), "only bpf may include libbpf"),
            (("bench/cli/a.cpp", "/tree/build/release/skeletons/a.skel.h"), "only bpf may"),
            (("bench/run/a.cpp", "/usr/include/nlohmann/json.hpp"),
             "only model and report and tests may include nlohmann/json; not run"),
            (("bench/run/a.cpp", "/usr/include/CLI/CLI.hpp"), "only cli may include CLI11"),
        ):
            found = faults(*unit)
            self.assertEqual(len(found), 1, unit)
            self.assertIn(rule, found[0])

    def test_a_library_is_named_once(self):
        found = faults("base/a.cpp", "/usr/include/asio.hpp", "/usr/include/asio/detail/x.hpp")
        self.assertEqual(found, ["base/a.cpp includes </usr/include/asio.hpp>: "
                                 "only loadgen may include Asio; not base"])

    def test_the_file_at_fault_is_named(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, text in (("bench/run/a.cpp", '#include "loadgen/a.hpp"\n'),
                               ("loadgen/a.hpp", "#pragma once\n# include <asio.hpp>\n")):
                (root / name).parent.mkdir(parents=True)
                (root / name).write_text(text)
            found = faults("bench/run/a.cpp", "loadgen/a.hpp", "/usr/include/asio.hpp", root=root)
        self.assertEqual(found, ["loadgen/a.hpp includes </usr/include/asio.hpp> (reached from "
                                 "bench/run/a.cpp): only loadgen may include Asio; not run"])


class Listing(unittest.TestCase):
    TEXT = """\
base/CMakeFiles/x.dir/a.cpp.o: #deps 3, deps mtime 1795314366418644993 (VALID)
    /tree/base/a.cpp
    /usr/include/stdc-predef.h
    ../../base/a.hpp

bench/lab/CMakeFiles/x.dir/b.cpp.o: #deps 2, deps mtime 1 (VALID)
    /tree/bench/lab/b.cpp
    /tree/bench/observe/c.hpp

"""

    def test_ninja_listing(self):
        units = check_arrows.parse_listing(self.TEXT, ROOT / "build/release")
        self.assertEqual([[str(path) for path in unit] for unit in units],
                         [["/tree/base/a.cpp", "/usr/include/stdc-predef.h", "/tree/base/a.hpp"],
                          ["/tree/bench/lab/b.cpp", "/tree/bench/observe/c.hpp"]])
        found = [fault for unit in units for fault in check_arrows.faults_of(unit, ROOT)]
        self.assertEqual(found, ["bench/lab/b.cpp includes bench/observe/c.hpp: "
                                 "lab may include base, lab, model; not observe"])


if __name__ == "__main__":
    unittest.main()
