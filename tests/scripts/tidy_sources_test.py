#!/usr/bin/env python3
"""Which sources stand for a changed file."""

import pathlib
import sys
import unittest

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))
sys.dont_write_bytecode = True
import tidy_sources  # noqa: E402


def paths(*names):
    return [pathlib.Path("/tree", name) for name in names]


class Sources(unittest.TestCase):
    KNOWN = set(paths("base/a.cpp", "base/b.cpp", "model/c.cpp"))
    UNITS = [paths("base/a.cpp", "base/a.hpp"), paths("model/c.cpp", "base/only.hpp", "base/a.hpp")]

    def chosen(self, *names):
        found = tidy_sources.sources_of(names, self.KNOWN, self.UNITS, pathlib.Path("/tree"))
        return [str(path.relative_to("/tree")) for path in found]

    def test_a_source_is_itself(self):
        self.assertEqual(self.chosen("base/b.cpp"), ["base/b.cpp"])

    def test_a_header_is_its_source_or_an_includer(self):
        self.assertEqual(self.chosen("base/a.hpp"), ["base/a.cpp"])
        self.assertEqual(self.chosen("base/only.hpp"), ["model/c.cpp"])

    def test_each_once_and_nothing_else(self):
        self.assertEqual(self.chosen("base/a.cpp", "base/a.hpp", "README.md", "base/new.cpp"),
                         ["base/a.cpp"])


if __name__ == "__main__":
    unittest.main()
