#!/usr/bin/env bash
# Makes docs/confusion.md: planted causes against those that the probe send_wait tells, here and
# in guest kernels, by every backend that loads there (bpf/confusion_kernel_test.cpp).
#   scripts/confusion.sh [--short] [BUILD [KERNEL...]]   (default: build/release 6.1 6.12)
# --short: the form that the kernel tier runs. Exit status 0 when all held.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

long=(NETSTALL_CONFUSION_LONG=1)
if [ "${1-}" = --short ]; then
  long=()
  shift
fi
build=$(realpath -- "${1-build/release}")
[ $# -eq 0 ] || shift
if [ $# -gt 0 ]; then kernels=("$@"); else kernels=(6.1 6.12); fi
[ -x "$build/bpf/bpf_kernel_test" ] || {
  echo "confusion.sh: build bpf_kernel_test first ($build has none)" >&2
  exit 2
}

folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
tests=("$build/bpf/bpf_kernel_test" '--gtest_filter=Confusion.*')
failed=0
env "${long[@]}" NETSTALL_CONFUSION_CELLS="$folder/here.tsv" "${tests[@]}" || failed=1
for kernel in "${kernels[@]}"; do
  # In an emulated machine only the long form runs at all.
  scripts/vm.sh --timeout 3600 --env NETSTALL_TEST_OWNS_MACHINE=1 --env NETSTALL_CONFUSION_LONG=1 \
    --env NETSTALL_CONFUSION_CELLS=/out/cells.tsv --out "$folder" "$kernel" -- "${tests[@]}" || failed=1
done
cat "$folder"/here.tsv "$folder"/*/cells.tsv 2>/dev/null | scripts/confusion_table.py >"$folder/table.md"
mv -- "$folder/table.md" docs/confusion.md
exit $failed
