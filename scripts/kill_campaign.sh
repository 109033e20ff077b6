#!/usr/bin/env bash
# The long forms of the tests that kill. Run it as root.
#   scripts/kill_campaign.sh [N]
#     tests/program/test_kill_netns.py here: SIGKILL of the controller at every step and
#     at N random moments of a run (200)
#   scripts/kill_campaign.sh --guest KERNEL [N]
#     tests/program/test_kill_host_kernel.py in a guest (scripts/vm.sh), as 6.12: of
#     controller, guardian or worker, with settings of the whole machine in play
# NETSTALL names the program (build/release/bench/cli/netstall), NETSTALL_KILL_SEED the
# guest's random moments (21).
set -euo pipefail
cd "$(dirname "$0")/.."

netstall=$(realpath "${NETSTALL:-build/release/bench/cli/netstall}")
guest=
case "${1-}" in
  -h | --help) sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit 0 ;;
  --guest)
    [ $# -ge 2 ] || { echo "kill_campaign.sh: --guest needs a kernel, as 6.12" >&2; exit 2; }
    guest=$2
    shift 2
    ;;
esac
kills=${1:-200}
[[ $kills =~ ^[0-9]+$ ]] || { echo "kill_campaign.sh: expected a number, not '$kills' (see --help)" >&2; exit 2; }

if [ -z "$guest" ]; then
  NETSTALL=$netstall NETSTALL_SOURCE_DIR=$PWD NETSTALL_KILLS=$kills exec python3 tests/program/test_kill_netns.py
fi
exec scripts/vm.sh --timeout $((900 + 30 * kills)) --copy "$netstall" \
  --env NETSTALL="$netstall" --env NETSTALL_SOURCE_DIR="$PWD" --env NETSTALL_KILLS="$kills" \
  --env NETSTALL_KILL_SEED="${NETSTALL_KILL_SEED:-21}" --env NETSTALL_TEST_OWNS_MACHINE=1 \
  "$guest" -- python3 tests/program/test_kill_host_kernel.py
