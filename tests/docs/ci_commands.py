#!/usr/bin/env python3
"""Checks every netstall command in the code blocks of a document against the
program itself: its subcommands, options, the values that they take, and the files
that they name.

    ci_commands.py DOCUMENT SOURCE_FOLDER NETSTALL NETSTALL_BENCH
"""

import pathlib
import re
import shlex
import subprocess
import sys

# What the commands of one document make for each other.
MADE = re.compile(r"^(?:base|new|\$tree|noise)\.json$|^(?:base|new)-gbench\.json$")


def blocks(text):
    return re.findall(r"^[ ]*```(?:sh|yaml)\n(.*?)^[ ]*```", text, re.MULTILINE | re.DOTALL)


def commands(text):
    """Lists of words that begin with netstall or netstall-bench."""
    found = []
    for block in blocks(text):
        for line in block.replace("\\\n", " ").splitlines():
            line = re.sub(r"^\s*(- )?run: ", "", line)
            for part in re.split(r"&&|\|\||[|;]", line):
                try:
                    words = shlex.split(part, comments=True)
                except ValueError:
                    continue  # not a line of shell
                for at, word in enumerate(words):
                    if pathlib.PurePath(word).name in ("netstall", "netstall-bench") and (
                            at == 0 or words[at - 1] in ("sudo", "do")):
                        found.append([pathlib.PurePath(word).name, *words[at + 1:]])
    return found


class Checker:
    def __init__(self, root, programs):
        self.root = root
        self.programs = programs
        self.helps = {}

    def help_of(self, words):
        key = tuple(words)
        if key not in self.helps:
            done = subprocess.run([self.programs[words[0]], *words[1:], "--help"],
                                  capture_output=True, text=True, timeout=60)
            self.helps[key] = done.stdout if done.returncode == 0 else None
        return self.helps[key]

    def faults(self, words):
        program, arguments = words[0], words[1:]
        if program == "netstall":
            known = re.findall(r"^  ([a-z]+) ", self.help_of(words[:1]), re.MULTILINE)
            if not arguments or arguments[0] not in known:
                return ["there is no such subcommand"]
            text = self.help_of(words[:2])
            arguments = arguments[1:]
        else:
            text = self.help_of(words[:1])
        found = []
        for at, word in enumerate(arguments):
            option = word.split("=")[0]
            if re.match(r"--?[a-z]", word) and not re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", text):
                found.append(f"{option} is not in its --help")
            if word == "--format":
                names = re.search(r"--format\s+(\S+)(.*(?:\n +\S.*)?)", text)
                if not re.search(rf"(?<![\w-]){re.escape(arguments[at + 1])}(?![\w-])", names[0]):
                    found.append(f"{arguments[at + 1]} is not one of its formats")
            found += self.file_faults(word, arguments[at - 1] if at else "")
        return found

    def file_faults(self, word, before):
        if before in ("-o", "--output", "--write") or word.startswith("-") or MADE.match(word):
            return []
        path = re.sub(r"^(new|base)/", "", word)
        if path.startswith("scenarios") and not (self.root / path).exists():
            return [f"there is no {path}"]
        return []


def main():
    document, root, netstall, bench = sys.argv[1:]
    checker = Checker(pathlib.Path(root), {"netstall": netstall, "netstall-bench": bench})
    found = commands(pathlib.Path(document).read_text(encoding="utf-8"))
    bad = 0
    for words in found:
        faults = checker.faults(words)
        bad += len(faults)
        print("bad:" if faults else "ok: ", shlex.join(words), *faults, sep="\n     " if faults else " ")
    used = {tuple(words[:2]) if words[0] == "netstall" else (words[0],) for words in found}
    print(f"{len(found)} commands, {len(used)} different ones, {bad} faults")
    return 1 if bad or len(found) < 10 else 0


if __name__ == "__main__":
    sys.exit(main())
