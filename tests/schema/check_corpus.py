#!/usr/bin/env python3
"""Tries scenario.schema.json on the scenarios of corpus.json, as model's tests try
the parser: it accepts what it must, and refuses what a schema can refuse."""

import copy
import sys

sys.dont_write_bytecode = True  # of the import: the source tree stays as it is
import check_schema  # noqa: E402


def put(document, pointer, value):
    *way, last = [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]
    for token in way:
        document = document[int(token)] if isinstance(document, list) else document.setdefault(token, {})
    if isinstance(document, list):
        document[int(last)] = value
    else:
        document[last] = value


def changed(base, changes):
    document = copy.deepcopy(base)
    for pointer, value in changes.items():
        put(document, pointer, value)
    return document


def main():
    schema, corpus = (check_schema.load(path) for path in sys.argv[1:3])
    validator = check_schema.validator_of(schema)
    wrong = [f"base: {fault}" for fault in check_schema.faults(validator, corpus["base"])]
    for kind, is_valid in (("accepted", True), ("refused", False), ("refused_by_the_parser_alone", True)):
        for case in corpus[kind]:
            if validator.is_valid(changed(corpus["base"], case["set"])) != is_valid:
                wrong.append(f"{kind}: {case['what']}: the schema says otherwise")
    for line in wrong:
        print(line, file=sys.stderr)
    cases = sum(len(corpus[kind]) for kind in ("accepted", "refused", "refused_by_the_parser_alone"))
    print(f"{cases} scenarios, {len(wrong)} faults")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
