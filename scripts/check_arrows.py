#!/usr/bin/env python3
"""Checks that includes follow the arrows between the rooms.

What a translation unit really includes is asked from the compiler, by way of
the dependencies that ninja recorded for a build folder: no macro and no
include path can hide one.

    check_arrows.py BUILD_FOLDER

Exit status: 0 all hold, 1 some do not, 2 there is nothing to check.
"""

import json
import pathlib
import re
import subprocess
import sys

BASE = {"base"}
MODEL = BASE | {"model"}
RUN = MODEL | {"lab", "observe", "bpf", "loadgen", "run"}
ALL = RUN | {"trace", "verdict", "report", "cli", "benchmarks", "tests"}

# Room → rooms whose headers may reach it, be it through other headers.
MAY_INCLUDE = {
    "base": BASE,
    "model": MODEL,
    "bpf": MODEL | {"bpf"},
    "loadgen": MODEL | {"loadgen"},
    "lab": MODEL | {"lab"},
    "observe": MODEL | {"observe"},
    "run": RUN,
    "trace": MODEL | {"bpf", "trace"},
    "verdict": MODEL | {"verdict"},
    "report": MODEL | {"verdict", "report"},
    "cli": ALL - {"benchmarks", "tests"},
    "benchmarks": ALL - {"tests"},
    "tests": ALL,
}

# Library → how its headers are recognised, and the rooms that may see it.
LIBRARIES = {
    "Asio": (r"/asio(\.hpp|/)", {"loadgen"}),
    "libbpf": (r"/include/bpf/|\.skel\.h$", {"bpf"}),
    "nlohmann/json": (r"/nlohmann/", {"model", "report", "tests"}),
    "CLI11": (r"/CLI/", {"cli"}),
}
# Tests of any room may read JSON.
TEST_SOURCE = re.compile(r"_(test|fuzz)\.cpp$")
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)


def room_of(path, root):
    """The room of a file of this project; None for all other files."""
    try:
        parts = path.relative_to(root).parts
    except ValueError:
        return None
    if parts[0] == "bench" and len(parts) > 2:
        return parts[1]
    return parts[0] if parts[0] in MAY_INCLUDE else None


def parse_listing(text, folder):
    """Output of `ninja -t deps` → list of lists of files, the source first."""
    units = []
    for line in text.splitlines():
        if re.match(r"\S.*: #deps \d+", line):
            units.append([])
        elif line.startswith("    ") and units:
            # Not resolve(): a link that leads out of the tree is still of the tree.
            path = pathlib.Path(folder, line.strip())
            units[-1].append(pathlib.Path(*normal_parts(path.parts)))
    return [unit for unit in units if unit]


def normal_parts(parts):
    kept = []
    for part in parts:
        if part == "..":
            kept.pop()
        elif part != ".":
            kept.append(part)
    return kept


def refusal(room, source, header, root):
    """The rule that `header` breaks in a source of `room`, or None."""
    other = room_of(header, root)
    if other is not None:
        if other in MAY_INCLUDE[room]:
            return None
        allowed = ", ".join(sorted(MAY_INCLUDE[room]))
        return f"{room} may include {allowed}; not {other}"
    for library, (pattern, rooms) in LIBRARIES.items():
        if not re.search(pattern, str(header)) or room in rooms:
            continue
        if library == "nlohmann/json" and TEST_SOURCE.search(source.name):
            continue
        return f"only {' and '.join(sorted(rooms))} may include {library}; not {room}"
    return None


def includer(unit, header):
    """The file of the unit whose own text includes the header, for the message."""
    for path in unit:
        if path == header or not path.is_file():
            continue
        for name in INCLUDE.findall(path.read_text(errors="replace")):
            if str(header).endswith("/" + name):
                return path
    return unit[0]


def faults_of(unit, root):
    """A sentence for each include of one translation unit that breaks a rule."""
    source = unit[0]
    room = room_of(source, root)
    if room is None:
        return
    libraries = set()
    for header in unit[1:]:
        rule = refusal(room, source, header, root)
        if rule is None:
            continue
        if room_of(header, root) is None:
            if rule in libraries:
                continue  # of a library the first header says enough
            libraries.add(rule)
        where = includer(unit, header)
        reached = "" if where == source else f" (reached from {shown(source, root)})"
        yield f"{shown(where, root)} includes {shown(header, root)}{reached}: {rule}"


def shown(path, root):
    try:
        return str(path.relative_to(root))
    except ValueError:
        return f"<{path}>"


def source_folder(folder):
    """As CMake knows it, and so as the compiler names files."""
    cache = pathlib.Path(folder, "CMakeCache.txt").read_text()
    return pathlib.Path(re.search(r"^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$", cache, re.M)[1])


def not_built(folder, units, root):
    """Sources of rooms that the build folder knows and has not compiled."""
    commands = json.loads(pathlib.Path(folder, "compile_commands.json").read_text())
    known = {pathlib.Path(command["file"]) for command in commands}
    built = {unit[0] for unit in units}
    return sorted(shown(path, root) for path in known - built if room_of(path, root))


def main(arguments):
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    folder = pathlib.Path(arguments[1]).resolve()
    root = source_folder(folder)
    listing = subprocess.run(["ninja", "-C", folder, "-t", "deps"], check=True,
                             stdout=subprocess.PIPE, text=True).stdout
    units = parse_listing(listing, folder)
    missing = not_built(folder, units, root)
    if missing or not units:
        print(f"not built in {folder}: {', '.join(missing) or 'anything'}", file=sys.stderr)
        return 2
    faults = [fault for unit in units for fault in faults_of(unit, root)]
    for fault in faults:
        print(fault)
    print(f"{len(units)} translation units, {len(faults)} includes against the arrows")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
