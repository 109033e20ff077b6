#!/usr/bin/env bash
# Runs clang-tidy (.clang-tidy) on what changed since the merge base with
# origin/main, or on the last commit where that is the same; uncommitted changes
# count. A changed header is checked through one source that includes it.
#   scripts/tidy.sh [--all]     --all: every source, and the static analyzer, which
#                               takes three times as long
# Needs build/release, configured and built.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

build=build/release
checks=-clang-analyzer-*
export PYTHONDONTWRITEBYTECODE=1

# The commit to compare with, or nothing in a checkout of a single commit.
base_commit() {
  local base
  base=$(git merge-base HEAD origin/main 2>/dev/null || true)
  if [ -z "$base" ] || [ "$base" = "$(git rev-parse HEAD)" ]; then
    base=$(git rev-parse --verify --quiet HEAD~1 || true)
  fi
  echo "$base"
}

changed_files() { # changed_files BASE
  git diff --name-only --diff-filter=d "$1"
  git ls-files --others --exclude-standard
}

case "${1-}" in
  --all)
    checks=
    names=$(git ls-files)
    ;;
  "")
    base=$(base_commit)
    if [ -z "$base" ]; then
      echo "tidy.sh: no earlier commit to compare with; --all checks every source"
      exit 0
    fi
    names=$(changed_files "$base")
    ;;
  *) echo "tidy.sh: unknown argument '$1' (only --all is known)" >&2; exit 2 ;;
esac
sources=$(scripts/tidy_sources.py "$build" <<<"$names")
if [ -z "$sources" ]; then
  echo "tidy.sh: no source changed"
  exit 0
fi
echo "tidy.sh: $(wc -l <<<"$sources") sources"
# clang cannot read what g++ compiled of headers.
mkdir -p "$build/tidy"
sed 's/ -Winvalid-pch -include [^ ]*cmake_pch\.hxx//' "$build/compile_commands.json" \
  >"$build/tidy/compile_commands.json"
# run-clang-tidy takes regular expressions.
sed 's/[].[^$*+?(){}|\\]/\\&/g; s/^/^/; s/$/$/' <<<"$sources" |
  xargs -d '\n' run-clang-tidy -quiet -p "$build/tidy" -checks="$checks" -j "$(nproc)"
