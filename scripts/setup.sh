#!/usr/bin/env bash
# Installs with apt what is missing on a Debian 12 machine: to build and run
# netstall, with --tests also what its tests need, with --package what trying the
# Debian package needs. Quick when all is there.
set -euo pipefail

build_packages=(
  g++ cmake ninja-build ccache clang llvm bpftool pkg-config
  libasio-dev libcli11-dev nlohmann-json3-dev libbenchmark-dev libbpf-dev liburing-dev
  libgtest-dev libgmock-dev libfmt-dev zlib1g-dev iproute2 dpkg-dev
)
test_packages=(
  clang-format clang-tidy nodejs npm python3 python3-jsonschema
  bpftrace iperf3 nginx-light # traced, and to compare with
  python3-prometheus-client python3-junitparser libbenchmark-tools python3-scipy # read exports
  chromium fonts-dejavu-core # tests/page
  python3-yaml # reads docs/ci.md
  zsh fish # take the completion scripts
  qemu-system-x86 busybox-static xz-utils zstd lz4 # scripts/vm.sh
)
package_packages=(lintian debootstrap) # scripts/package_check.sh

wanted=("${build_packages[@]}")
for argument in "$@"; do
  case "$argument" in
    --tests) wanted+=("${test_packages[@]}") ;;
    --package) wanted+=("${package_packages[@]}") ;;
    *) echo "setup.sh: unknown argument '$argument' (known are --tests and --package)" >&2; exit 2 ;;
  esac
done

installed() { [ "$(dpkg-query -W -f='${db:Status-Abbrev}' "$1" 2>/dev/null)" = "ii " ]; }

missing=()
for package in "${wanted[@]}"; do
  # A Node.js from another source brings its own npm.
  if [ "$package" = npm ] && command -v npm >/dev/null; then continue; fi
  installed "$package" || missing+=("$package")
done
[ "${#missing[@]}" -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "setup.sh: missing packages: ${missing[*]}" >&2
  echo "setup.sh: run it as root once, or install them with apt" >&2
  exit 4
fi
echo "setup.sh: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q >/dev/null
apt-get install -q -y --no-install-recommends "${missing[@]}" >/dev/null
