#!/usr/bin/env python3
"""netstall run --page: the page is there from the start, is replaced as repetitions
finish, and at the end is the page of the report."""

import json
import os
import re
import unittest

from harness import Case, main, run, scenario, start, wait_until


def overview(path):
    """The page's data; None while there is no page."""
    try:
        with open(path, encoding="utf-8") as file:
            page = file.read()
    except FileNotFoundError:
        return None
    found = re.search(r'<script type="application/json" id="overview">(.*?)</script>', page, re.S)
    assert page.endswith("</html>\n") and found, "a part of a page"
    return json.loads(found[1])


class Page(Case):
    def test_page_follows_the_run(self):
        page = self.path("x.html")
        timing = {"ramp": "50ms", "warmup": "100ms", "measure": "400ms", "repetitions": 6}
        made = scenario(self.folder, timing=timing)
        running = start("run", made, "-o", self.path("x.json"), "--page", page)
        self.addCleanup(running.wait, 60)
        seen = set()

        def middle():
            data = overview(page)
            if data and data["live"]:
                seen.add(data["live"]["done"])
                self.assertEqual(data["live"]["total"], 6)
                self.assertEqual(data["cells"][0]["repetitions"][1], data["live"]["done"])
            done = len(seen) >= 3 or running.poll() is not None
            return None if done else f"seen: {sorted(seen)}"

        wait_until(middle, 60, "pages of a run that goes on")
        self.assertEqual(running.wait(60), 0)
        self.assertGreaterEqual(len(seen), 2, seen)
        done = overview(page)
        self.assertIsNone(done["live"])
        self.assertEqual(done["cells"][0]["repetitions"], [6, 6])

    def test_page_that_cannot_be_written_is_said_before_the_run(self):
        result = run("run", scenario(self.folder), "--page", self.path("no/x.html"))
        self.assertEqual(result.returncode, 2)
        self.assertIn("--page", result.stderr)
        self.assertFalse(os.path.exists(self.path("x.json")))


if __name__ == "__main__":
    main(needs_root=True)
