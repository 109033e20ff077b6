#!/bin/sh
# Installs playwright-core into the build folder, once, and tests the page in
# headless Chromium. Exit 77 is "skipped": without Node.js, the package or a
# Chromium there is nothing to test it in.
# Usage: run.sh SOURCE_FOLDER BUILD_FOLDER NETSTALL TEST.mjs
set -eu
source=$1 build=$2 netstall=$3 test=$4

skip() {
  echo "SKIPPED: $1"
  exit 77
}
command -v node >/dev/null || skip "node is not installed"
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
  skip "chromium is not installed"

mkdir -p "$build"
if ! { cmp -s "$source/package.json" "$build/installed.json" &&
       [ -e "$build/node_modules/playwright-core/package.json" ]; }; then
  command -v npm >/dev/null || skip "npm is not installed"
  rm -rf "$build/node_modules" "$build/installed.json"
  cp "$source/package.json" "$build/"
  if ! (cd "$build" && timeout 90 npm install --no-package-lock --no-audit --no-fund \
          --ignore-scripts --prefer-offline --loglevel error --fetch-retries 1 \
          >npm.log 2>&1 </dev/null); then
    skip "npm cannot install playwright-core: $(grep -i err "$build/npm.log" | head -n 1)"
  fi
  # Only now: a broken installation is tried again.
  cp "$source/package.json" "$build/installed.json"
fi
# Modules are looked for beside the test.
cp "$source"/*.mjs "$build/"
NETSTALL=$netstall NETSTALL_PAGE_TESTS=$source CHROMIUM=$chromium exec node --test "$build/$test"
