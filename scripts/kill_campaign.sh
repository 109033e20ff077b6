#!/usr/bin/env bash
# The long form of tests/program/test_kill_netns.py: SIGKILL of the controller at
# every step and at N random moments of a run (default 200). Run it as root.
set -euo pipefail
cd "$(dirname "$0")/.."
export NETSTALL=${NETSTALL:-$PWD/build/release/bench/cli/netstall}
export NETSTALL_SOURCE_DIR=$PWD NETSTALL_KILLS=${1:-200}
exec python3 tests/program/test_kill_netns.py
