#!/bin/sh
# Installs hdr-histogram-js into the build folder, once, and compares. Exit 77 is
# "skipped": without Node.js or the package there is nothing to compare with.
# Usage: run.sh SOURCE_FOLDER BUILD_FOLDER SCRIPT ARGUMENT...
set -eu
source=$1 build=$2 script=$3
shift 3

skip() {
  echo "SKIPPED: $1"
  exit 77
}
command -v node >/dev/null || skip "node is not installed"

mkdir -p "$build"
cp "$source/$script" "$build/"
if ! { cmp -s "$source/package.json" "$build/installed.json" &&
       [ -e "$build/node_modules/hdr-histogram-js/package.json" ]; }; then
  command -v npm >/dev/null || skip "npm is not installed"
  rm -rf "$build/node_modules" "$build/installed.json"
  cp "$source/package.json" "$build/"
  if ! (cd "$build" && timeout 60 npm install --no-package-lock --no-audit --no-fund \
          --ignore-scripts --prefer-offline --loglevel error --fetch-retries 1 \
          >npm.log 2>&1 </dev/null); then
    skip "npm cannot install hdr-histogram-js: $(grep -i err "$build/npm.log" | head -n 1)"
  fi
  # Only now: a broken installation is tried again.
  cp "$source/package.json" "$build/installed.json"
fi
node "$build/$script" "$@"
