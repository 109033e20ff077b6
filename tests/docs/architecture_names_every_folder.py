#!/usr/bin/env python3
"""Checks that ARCHITECTURE.md names every folder that git tracks, of the top two
levels.

    architecture_names_every_folder.py SOURCE_FOLDER

A folder is named by its path from the top, with a slash behind it: "bench/lab/".
"""

import pathlib
import re
import subprocess
import sys


def tracked_folders(root):
    listing = subprocess.run(["git", "-C", root, "ls-files", "-z"], check=True,
                             stdout=subprocess.PIPE, text=True).stdout
    folders = set()
    for name in listing.split("\0"):
        parts = pathlib.PurePath(name).parts[:-1]
        folders.update("/".join(parts[:depth]) for depth in (1, 2) if len(parts) >= depth)
    return sorted(folders)


def names(text, folder):
    return re.search(rf"(?<![\w./-]){re.escape(folder)}/", text) is not None


def main():
    root = pathlib.Path(sys.argv[1])
    if not (root / ".git").exists():
        print("skipped: not a git checkout")
        return 77
    text = (root / "ARCHITECTURE.md").read_text()
    folders = tracked_folders(root)
    missing = [folder for folder in folders if not names(text, folder)]
    for folder in missing:
        print(f"ARCHITECTURE.md does not name {folder}/")
    print(f"{len(folders)} folders, {len(missing)} not named")
    return 1 if missing or not folders else 0


if __name__ == "__main__":
    sys.exit(main())
