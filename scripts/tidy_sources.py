#!/usr/bin/env python3
"""Names of files on standard input → the sources through which a build folder
compiles them: a source stands for itself, a header for the source of its name,
or else for any source that includes it. Files that are not compiled are left out.

    tidy_sources.py BUILD_FOLDER < NAMES
"""

import json
import pathlib
import subprocess
import sys

import check_arrows


def sources_of(names, known, units, root):
    chosen = set()
    for name in names:
        path = pathlib.Path(root, name)
        includers = [unit[0] for unit in units if path in unit[1:]]
        for candidate in [path, path.with_suffix(".cpp"), *includers]:
            if candidate in known:
                chosen.add(candidate)
                break
    return sorted(chosen)


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    commands = json.loads((folder / "compile_commands.json").read_text())
    listing = subprocess.run(["ninja", "-C", folder, "-t", "deps"], check=True,
                             stdout=subprocess.PIPE, text=True).stdout
    for source in sources_of(sys.stdin.read().splitlines(),
                             {pathlib.Path(command["file"]) for command in commands},
                             check_arrows.parse_listing(listing, folder),
                             check_arrows.source_folder(folder)):
        print(source)


if __name__ == "__main__":
    main()
