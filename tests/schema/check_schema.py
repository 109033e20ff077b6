#!/usr/bin/env python3
"""Checks JSON files, with comments or without, against a JSON Schema.

check_schema.py SCHEMA FILE...          every file is valid
check_schema.py --whole SCHEMA FILE...  and between them the files have every field
                                        that the schema describes, and no other
"""

import argparse
import json
import pathlib
import sys

import jsonschema


def without_comments(text):
    """The same text with // and /* */ comments blanked; those in strings stay."""
    out = []
    at = 0
    while at < len(text):
        if text[at] == '"':
            end = at + 1
            while end < len(text) and text[end] != '"':
                end += 2 if text[end] == "\\" else 1
            end += 1
        elif text.startswith("//", at):
            end = text.find("\n", at)
            out.append(" ")
            at = len(text) if end < 0 else end
            continue
        elif text.startswith("/*", at):
            end = text.find("*/", at + 2)
            if end < 0:
                raise ValueError("a comment does not end")
            out.append(" ")
            at = end + 2
            continue
        else:
            end = at + 1
        out.append(text[at:end])
        at = end
    return "".join(out)


def without_second_keys(pairs):
    keys = [key for key, _ in pairs]
    if len(keys) != len(set(keys)):
        raise ValueError(f"a key is given twice among {keys}")
    return dict(pairs)


def load(path):
    text = without_comments(pathlib.Path(path).read_text(encoding="utf-8"))
    return json.loads(text, object_pairs_hook=without_second_keys)


def validator_of(schema):
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def faults(validator, document):
    for error in validator.iter_errors(document):
        pointer = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in error.absolute_path)
        yield f"{pointer or 'the document'}: {error.message}"


class Coverage:
    """Which of a schema's properties documents have, and what they have beyond."""

    def __init__(self, schema):
        self.schema = schema
        self.described = set()
        self.seen = set()
        self.unknown = set()

    def resolved(self, node):
        while "$ref" in node:
            name = node["$ref"].rsplit("/", 1)[1]
            node = self.schema["definitions"][name]
        return node

    def walk(self, node, value, name):
        node = self.resolved(node)
        for option in node.get("anyOf", []):
            if jsonschema.Draft7Validator(self.with_definitions(option)).is_valid(value):
                self.walk(option, value, name)
        if isinstance(value, list):
            for entry in value:
                self.walk(node.get("items", {}), entry, name + "/*")
        if not isinstance(value, dict) or "properties" not in node:
            inner = node.get("additionalProperties")
            if isinstance(value, dict) and isinstance(inner, dict):
                for entry in value.values():
                    self.walk(inner, entry, name + "/*")
            return
        self.described.update(f"{name}/{key}" for key in node["properties"])
        for key, entry in value.items():
            if key not in node["properties"]:
                self.unknown.add(f"{name}/{key}")
                continue
            self.seen.add(f"{name}/{key}")
            self.walk(node["properties"][key], entry, f"{name}/{key}")

    def with_definitions(self, node):
        return {**node, "definitions": self.schema["definitions"]}

    def faults(self):
        for name in sorted(self.unknown):
            yield f"{name}: is not in the schema"
        for name in sorted(self.described - self.seen):
            yield f"{name}: is in the schema and in no file"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("schema")
    parser.add_argument("files", nargs="+")
    options = parser.parse_args()
    schema = load(options.schema)
    validator = validator_of(schema)
    coverage = Coverage(schema)
    found = 0
    for path in options.files:
        document = load(path)
        for fault in faults(validator, document):
            print(f"{path}: {fault}", file=sys.stderr)
            found += 1
        coverage.walk(schema, document, "")
    if options.whole:
        for fault in coverage.faults():
            print(f"{options.schema}: {fault}", file=sys.stderr)
            found += 1
    print(f"{len(options.files)} files, {found} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
