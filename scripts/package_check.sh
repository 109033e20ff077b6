#!/usr/bin/env bash
# Makes the .deb and tries it as a user of a clean machine would: lintian, install, man
# pages, completion, the quickstart from /, remove and purge without trace. The clean
# machine is a Debian of its own in a folder, made by debootstrap; without debootstrap
# or with --here the package is tried on this machine, where it must not be installed.
#   scripts/package_check.sh [--here] [--no-run] [BUILD_FOLDER]
# --no-run leaves the quickstart out (it needs root and takes half a minute).
# Needs root, dpkg-dev, lintian. Exit status 0 when all holds, 4 where it cannot be tried.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

here=false run=true build=build/release
for argument in "$@"; do
  case "$argument" in
    --here) here=true ;;
    --no-run) run=false ;;
    -*) echo "package_check.sh: unknown option '$argument'" >&2; exit 2 ;;
    *) build=$argument ;;
  esac
done
if [ "$(id -u)" -ne 0 ]; then
  echo "package_check.sh: this needs root: it installs a package" >&2
  exit 4
fi
for program in cpack dpkg-shlibdeps lintian; do
  command -v "$program" >/dev/null || { echo "package_check.sh: there is no $program (scripts/setup.sh --package)" >&2; exit 4; }
done

work=$(mktemp -d)
root=$work/root
mounted=()
cleanup() {
  for ((i = ${#mounted[@]} - 1; i >= 0; i--)); do umount -R -- "${mounted[i]}"; done
  rm -rf --one-file-system -- "$work"
}
trap cleanup EXIT
fail() { echo "package_check.sh: $*" >&2; exit 1; }
step() { printf '== %s\n' "$*"; }

step "cpack"
cpack --config "$build/CPackConfig.cmake" -B "$work" >"$work/cpack.log" || { cat "$work/cpack.log"; fail "cpack failed"; }
package=$(echo "$work"/netstall_*.deb)
[ -e "$package" ] || fail "cpack made no .deb"
dpkg-deb --field "$package" Package Version Architecture Depends Installed-Size
depends=$(dpkg-deb --field "$package" Depends)
for library in libc6 libbpf libfmt zlib1g libstdc++6 libbenchmark; do
  case "$depends" in *"$library"*) ;; *) fail "Depends does not name $library" ;; esac
done

step "lintian"
lintian --allow-root --fail-on error "$package" || fail "lintian found errors"

# on COMMAND...: on the clean machine, from /.
if $here || ! command -v debootstrap >/dev/null; then
  here=true
  root=
  on() { (cd / && "$@"); }
  dpkg -s netstall >/dev/null 2>&1 && { echo "package_check.sh: netstall is installed on this machine" >&2; exit 4; }
  step "the machine is this one"
else
  step "a clean Debian"
  # Cached beside the build, without netstall in it.
  cache=$build/clean-debian.tar
  if [ ! -e "$cache" ]; then
    # What this machine's packages come from.
    mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | head -n 1)
    debootstrap --variant=minbase "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$root" "$mirror" >"$work/debootstrap.log" ||
      { tail -n 5 "$work/debootstrap.log"; fail "debootstrap failed"; }
    tar -C "$root" --exclude='./var/cache/apt/archives/*.deb' -cf "$cache.new" .
    mv "$cache.new" "$cache"
  else
    mkdir "$root"
    tar -C "$root" -xf "$cache"
  fi
  rm -f "$root/etc/apt/sources.list"
  cp /etc/apt/sources.list "$root/etc/apt/" 2>/dev/null || true
  cp -r /etc/apt/sources.list.d /etc/apt/apt.conf.d "$root/etc/apt/" 2>/dev/null || true
  cp -L /etc/resolv.conf "$root/etc/" 2>/dev/null || true
  for place in proc sys dev; do
    mount --rbind "/$place" "$root/$place"
    mount --make-rslave "$root/$place"
    mounted+=("$root/$place")
  done
  mount -t tmpfs none "$root/run"
  mounted+=("$root/run")
  on() { chroot "$root" /usr/bin/env -i -C / PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"; }
fi

export DEBIAN_FRONTEND=noninteractive
cp "$package" "$root/tmp/netstall.deb"
step "what it depends on"
on apt-get update -q >/dev/null
# Its dependencies first, so that the package's own traces are told from theirs.
on sh -c 'apt-get install -q -y --no-install-recommends $(dpkg-deb -f /tmp/netstall.deb Depends | sed "s/([^)]*)//g; s/,/ /g")' >/dev/null
files() { on find /etc /opt /root /srv /usr /var -xdev ! -path '/var/lib/dpkg/*' ! -path '/var/log/*' ! -path '/var/cache/*' ! -path '/var/lib/apt/*' | sort; }
files >"$work/before"

step "install"
on dpkg -i /tmp/netstall.deb >/dev/null
on netstall --version
for page in netstall netstall-run netstall-bench; do
  on test -s "/usr/share/man/man1/$page.1.gz" || fail "there is no manual page $page"
done
on test -x /usr/libexec/netstall/netstall-worker-uring || fail "there is no worker that sends by io_uring"
on netstall scenarios
on netstall plan slow-readers --profile c1m >/dev/null
on netstall completion bash >/dev/null

if $run; then
  step "quickstart, from /"
  on netstall run quickstart -o /tmp/netstall-check.json
  on netstall report /tmp/netstall-check.json -o /tmp/netstall-check.html
  on rm -f /tmp/netstall-check.json /tmp/netstall-check.html
fi

step "remove and purge"
on dpkg --purge netstall >/dev/null
files >"$work/after"
rm -f "$root/tmp/netstall.deb"
diff "$work/before" "$work/after" || fail "the package left or took something"
[ ! -e "$root/run/netstall" ] || [ -z "$(ls -A "$root/run/netstall")" ] || $here || fail "a run left something in /run/netstall"
step "ok: $(basename "$package"), $(($(stat -c %s "$package") / 1024)) KiB"
