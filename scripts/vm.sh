#!/usr/bin/env bash
# Runs a command in Debian's kernels, each booted under QEMU's software
# emulation: for what the machine's own kernel lacks (fentry, kprobes, netem,
# fq, a cgroup v2 memory controller). It is slow: for correctness, not speed.
#
# The guest sees the host's files at the same paths, so a command, its libraries
# and a build folder need no copying. It cannot write to them: what it writes
# goes into its own memory, and only /out comes back.
set -euo pipefail

usage() {
  cat <<'USAGE'
Usage: scripts/vm.sh [OPTION]... KERNEL... [--] COMMAND [ARGUMENT]...

Runs COMMAND as root in each KERNEL in turn, and shows its output with the
kernel's name before each line. KERNEL is the start of a version that apt
offers as linux-image-VERSION-cloud-amd64, such as 6.1 or 6.12.

  --memory MiB       memory of the guest (2048)
  --cpus N           processors of the guest (2)
  --timeout SECONDS  ends the guest after that time, boot included (600)
  --copy PATH        shows a file or folder below /tmp or /run, which else are
                     the guest's own; repeatable. The current folder and
                     COMMAND are always there
  --out DIR          what COMMAND writes to /out lands in DIR/KERNEL/
  --env NAME=VALUE   sets a variable for COMMAND; repeatable. No other is
                     passed on
  --cgroup MODE      v2, v1 or hybrid hierarchy in the guest (v2)
  -v, --verbose      shows the kernel's console, boot time and memory used
  -h, --help         this text

Exit status: COMMAND's, the first that is not 0 where several kernels ran;
2 bad usage or unknown kernel, 4 this machine cannot do it, 5 the guest died,
124 timeout, 130 or 143 interrupted. Kernels are kept, unpacked, in
${NETSTALL_KERNEL_CACHE:-${XDG_CACHE_HOME:-~/.cache}/netstall/kernels}.
USAGE
}

readonly bad_usage=2 cannot=4
die() {
  local status=$1
  shift
  echo "vm.sh: $*" >&2
  exit "$status"
}

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# Without symbolic links, which would lead elsewhere in the guest.
cache=$(realpath -m -- "${NETSTALL_KERNEL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/netstall/kernels}")

boot_options=()
while [ $# -gt 0 ]; do
  case "$1" in
    --memory | --cpus | --timeout | --copy | --out | --env | --cgroup)
      [ $# -ge 2 ] || die $bad_usage "$1 needs a value"
      boot_options+=("$1=$2")
      shift 2
      ;;
    --*=*) boot_options+=("$1"); shift ;;
    -v | --verbose) boot_options+=(--verbose); shift ;;
    -h | --help) usage; exit 0 ;;
    --) break ;;
    -*) die $bad_usage "unknown option '$1' (see --help)" ;;
    *) break ;;
  esac
done

# Before a "--" all are kernels; without one, the first that is no version is COMMAND.
kernels=()
separator=false
for argument in "$@"; do [ "$argument" != -- ] || separator=true; done
while [ $# -gt 0 ] && [ "$1" != -- ]; do
  [[ $separator = true || $1 =~ ^[0-9]+\.[0-9] ]] || break
  kernels+=("$1")
  shift
done
[ "${1-}" != -- ] || shift
[ ${#kernels[@]} -gt 0 ] || die $bad_usage "no kernel given, such as 6.1 or 6.12 (see --help)"
[ $# -gt 0 ] || die $bad_usage "no command given (see --help)"

[ "$(uname -m)" = x86_64 ] || die $cannot "the guests are x86_64, and share the host's programs: $(uname -m) cannot"
[ "$(id -u)" -eq 0 ] || die $cannot "must run as root, to share the host's files read-only"
# program:package
for need in qemu-system-x86_64:qemu-system-x86 busybox:busybox-static python3:python3 xz:xz-utils zstd:zstd lz4:lz4; do
  command -v "${need%%:*}" >/dev/null || die $cannot "${need%%:*} is missing: install ${need##*:} (scripts/setup.sh --tests does)"
done

# Versions apt can fetch, and those in the cache, one a line.
apt_versions() {
  apt-cache pkgnames linux-image- 2>/dev/null |
    sed -nE 's/^linux-image-([0-9]+\.[0-9]+\.[0-9].*)-cloud-amd64$/\1/p' || true
}
cached_versions() {
  local folder
  for folder in "$cache"/*-cloud-amd64; do
    [ -d "$folder" ] && basename -- "$folder" -cloud-amd64
  done
  return 0
}
series() { cut -d. -f1,2 | sort -Vu | paste -sd ' ' -; }

# newest KERNEL: of the versions on stdin, the newest that starts with KERNEL.
newest() {
  local version
  while read -r version; do
    case "$version" in "$1" | "$1"[.+-]*) echo "$version" ;; esac
  done | sort -V | tail -n 1
}

staging=
trap discard_staging EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

discard_staging() {
  [ -z "$staging" ] || rm -rf -- "$staging"
  staging=
}

# download VERSION: the package into a new staging folder, or a failure.
download() {
  local package=linux-image-$1-cloud-amd64
  discard_staging
  mkdir -p -- "$cache"
  staging=$(mktemp -d -- "$cache/.fetch.XXXXXX")
  echo "vm.sh: fetching $package" >&2
  # Unsandboxed, because apt's own user cannot write to a private cache.
  (cd -- "$staging" && apt-get download -qq -o APT::Sandbox::User=root "$package") >&2
}

# unpack VERSION: kernel, config and modules from staging into the cache, whole or not at all.
unpack() {
  local release=$1-cloud-amd64
  mkdir -p -- "$staging/package" "$staging/new/lib/modules"
  dpkg-deb -x "$staging"/*.deb "$staging/package"
  mv -- "$staging/package/boot/config-$release" "$staging/new/config"
  # The packed image boots as well, but unpacks itself under emulation.
  python3 "$here/vm/vmlinux.py" "$staging/package/boot/vmlinuz-$release" "$staging/new/kernel" ||
    cp -- "$staging/package/boot/vmlinuz-$release" "$staging/new/kernel"
  mv -- "$staging/package/lib/modules/$release" "$staging/new/lib/modules/"
  find "$staging/new/lib" -name '*.ko.xz' -exec xz -d -- {} +
  busybox depmod -b "$staging/new" "$release"
  # Another run may have been faster; its copy is as good.
  mv -T -- "$staging/new" "$cache/$release" 2>/dev/null || [ -d "$cache/$release" ]
}

offered=$(apt_versions)
refresh() {
  apt-get update -qq >&2 || true
  offered=$(apt_versions)
}
[ -n "$offered$(cached_versions)" ] || refresh

guests=()
for kernel in "${kernels[@]}"; do
  version=$({ echo "$offered"; cached_versions; } | newest "$kernel")
  if [ -z "$version" ]; then
    known=$({ echo "$offered"; cached_versions; } | sed '/^$/d' | series)
    [ -n "$known" ] || die $cannot "apt offers no linux-image-*-cloud-amd64, and none is in $cache"
    die $bad_usage "unknown kernel '$kernel': there are $known"
  fi
  if [ ! -d "$cache/$version-cloud-amd64" ]; then
    # Lists of yesterday name packages that are gone today.
    if download "$version" || { refresh; version=$(newest "$kernel" <<<"$offered"); download "$version"; }; then
      unpack "$version"
    else
      wanted=$version
      version=$(cached_versions | newest "$kernel")
      [ -n "$version" ] || die $cannot "apt cannot fetch linux-image-$wanted-cloud-amd64"
      echo "vm.sh: apt cannot fetch $wanted: $version is used instead" >&2
    fi
    discard_staging
  fi
  guests+=("--guest=$kernel=$cache/$version-cloud-amd64")
done

exec python3 "$here/vm/boot.py" "${boot_options[@]}" "${guests[@]}" -- "$@"
