#!/usr/bin/env bash
# Checks what scripts/vm.sh promises: exit status, output, /out, time limit and
# interruption, and that the guests have what the kernel tier needs. A boot takes
# seconds, so one boot answers many questions.
#   vm_selftest.sh [KERNEL...]   (default: 6.1 6.12)
set -euo pipefail

vm=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../../scripts" && pwd)/vm.sh
if [ $# -gt 0 ]; then kernels=("$@"); else kernels=(6.1 6.12); fi
first=${kernels[0]}
folder=$(mktemp -d)
trap 'rm -rf -- "$folder"' EXIT
cd -- "$folder"
# Every process of a run inherits this, and can be found by it.
export VM_SELFTEST=$folder

skip() {
  echo "skipped: $*"
  exit 77
}
failures=0
expect() { # expect WHAT WANTED GOT
  if [ "$3" = "$2" ]; then
    echo "ok: $1"
  else
    failures=$((failures + 1))
    printf 'FAILED: %s\n  wanted: %q\n  got:    %q\n' "$1" "$2" "$3"
  fi
}
expect_line() { # expect_line WHAT REGEX FILE
  if grep -qE -- "$2" "$3"; then
    echo "ok: $1"
  else
    failures=$((failures + 1))
    printf 'FAILED: %s: no line like %q in\n' "$1" "$2"
    sed 's/^/  /' "$3"
  fi
}
# run COMMAND...: its exit status in $status, its output in out.txt and err.txt.
run() {
  status=0
  "$@" >out.txt 2>err.txt || status=$?
}
left_processes() { env -u VM_SELFTEST grep -sl "VM_SELFTEST=$folder" /proc/[0-9]*/environ || true; }
# until_true COMMAND...: within a minute.
until_true() {
  local deadline=$((SECONDS + 60))
  until "$@"; do
    [ $SECONDS -lt $deadline ] || return 1
    sleep 0.1
  done
}
none_left() { [ -z "$(left_processes)" ]; }

# ---- fetches kernels that a new machine lacks, and says so; later runs have nothing to say
run "$vm" "${kernels[@]}" -- true
[ "$status" -ne 4 ] || skip "$(cat err.txt)"
expect "true is 0" "0 " "$status $(cat out.txt)"

# ---- what needs no guest
run "$vm" 2.4 -- true
expect "an unknown kernel is bad usage" 2 "$status"
expect_line "and those that exist are named" "unknown kernel '2.4': there are .*$first" err.txt
run "$vm" "$first"
expect "no command is bad usage" 2 "$status"
run "$vm" --no-such-option "$first" true
expect "an unknown option is bad usage" 2 "$status"
mkdir bare
for program in bash dirname realpath uname id; do ln -s "$(command -v $program)" bare/; done
run env PATH="$PWD/bare" bash "$vm" "$first" true
expect "without QEMU this machine cannot" 4 "$status"
expect_line "and the package is named" "install qemu-system-x86" err.txt

# ---- one boot of each kernel for the guest's own facts
cat >facts.sh <<'FACTS'
exec 2>&1
fact() { echo "$1: $(shift; "$@")"; }
yes_if() { if "$@" >/tmp/said 2>&1; then echo yes; else echo "no: $(tail -n 3 /tmp/said | tr '\n' ' ')"; fi; }
fact kernel uname -r
fact folder pwd
fact arguments printf '<%s>' "$@"
fact variable printf %s "$A_VARIABLE"
fact files ulimit -Hn
fact links ls /sys/class/net
fact loopback cat /sys/class/net/lo/operstate
fact clock expr $(($(date +%s) - HOST_TIME)) '<' 120
fact btf yes_if test -s /sys/kernel/btf/vmlinux
fact probes yes_if bpftrace -e 'kfunc:sk_stream_wait_memory, kretfunc:sk_stream_wait_memory,
  kprobe:sk_stream_wait_memory, kretprobe:sk_stream_wait_memory { } BEGIN { exit(); }'
ip link add left type veth peer name right
ip netns add other
fact netns yes_if ip link set right netns other
fact netem yes_if tc qdisc add dev left root netem delay 10ms
fact fq yes_if tc qdisc replace dev left root fq
fact tbf yes_if tc qdisc replace dev left root tbf rate 1gbit burst 64kb latency 20ms
fact htb yes_if tc qdisc replace dev left root htb
fact bbr yes_if sysctl -qw net.ipv4.tcp_congestion_control=bbr
fact tun yes_if test -c /dev/net/tun
fact userns yes_if unshare --user --map-root-user true
mkdir /sys/fs/cgroup/child
fact memory.max cat /sys/fs/cgroup/child/memory.max
echo changed >host_file
fact overlaid cat host_file
mkdir -p /out/deep
seq 100000 >/out/deep/numbers
seq 200000
sleep 1000 &  # keeps the output open, and must not hold up the end
printf 'no newline'
exit 7
FACTS
seq 200000 >numbers.txt
seq 100000 >fewer_numbers.txt
echo intact >host_file
for kernel in "${kernels[@]}"; do
  run "$vm" --out results --env "A_VARIABLE=a 'b' c" --env HOST_TIME="$(date +%s)" "$kernel" -- bash facts.sh 'x y' '' "it's"
  expect "$kernel: exit status comes back" 7 "$status"
  expect "$kernel: nothing else is said" "" "$(cat err.txt)"
  sed -E "s/^\[${kernel//./\\.}\] //" out.txt >plain.txt
  expect "$kernel: every line has its prefix" 0 "$(grep -cvF "[$kernel] " out.txt || true)"
  grep -E '^[0-9]+$' plain.txt >printed.txt || true
  expect "$kernel: output is whole" "" "$(cmp printed.txt numbers.txt 2>&1)"
  expect "$kernel: the last line needs no newline" "no newline" "$(tail -n 1 plain.txt)"
  expect "$kernel: /out comes back" "" "$(cmp "results/$kernel/deep/numbers" fewer_numbers.txt 2>&1)"
  expect "$kernel: the host's files stay as they are" intact "$(cat host_file)"
  grep -E '^[a-z.]+: ' plain.txt >facts.txt || true
  expect_line "$kernel: it is that kernel" "^kernel: ${kernel//./\\.}\." facts.txt
  expect_line "$kernel: the current folder is there" "^folder: $folder$" facts.txt
  expect_line "$kernel: arguments are intact" "^arguments: <x y><><it's>$" facts.txt
  expect_line "$kernel: variables are intact" "^variable: a 'b' c$" facts.txt
  expect_line "$kernel: a million open files" "^files: 1048576$" facts.txt
  expect_line "$kernel: no way to the outside" "^links: lo$" facts.txt
  expect_line "$kernel: the clock is the host's" "^clock: 1$" facts.txt
  expect_line "$kernel: cgroup v2 has memory" "^memory.max: max$" facts.txt
  expect_line "$kernel: writes stay in the guest" "^overlaid: changed$" facts.txt
  for what in btf probes netns netem fq tbf htb bbr tun userns; do
    expect_line "$kernel: $what" "^$what: yes$" facts.txt
  done
done

# ---- several kernels, one exit status; below, the first kernel stands for all
# shellcheck disable=SC2016  # the guest's shell expands it
if [ ${#kernels[@]} -gt 1 ]; then
  run "$vm" "${kernels[@]}" sh -c 'case $(uname -r) in '"$first"'.*) true ;; *) false ;; esac'
  expect "the first status that is not 0 counts" 1 "$status"
fi

# ---- cgroup v1
for kernel in "${kernels[@]}"; do
  run "$vm" --cgroup v1 "$kernel" -- cat /sys/fs/cgroup/memory/memory.kmem.tcp.limit_in_bytes
  if [ "$status" -eq 4 ]; then
    expect_line "$kernel: says that it has no cgroup v1 memory" "CONFIG_MEMCG_V1" err.txt
  else
    expect_line "$kernel: cgroup v1 limits TCP memory" "[0-9]{10}" out.txt
  fi
done

# ---- ends that are not the command's
run "$vm" --timeout 1 "$first" -- sleep 1000
expect "a timeout is 124" 124 "$status"
run "$vm" "$first" -- sh -c 'echo c >/proc/sysrq-trigger'
expect "a guest that dies is 5" 5 "$status"
expect_line "and its last words are shown" "Kernel panic" err.txt

for signal in TERM KILL; do
  "$vm" --out "$signal" "$first" -- sh -c 'echo begun >/out/begun; sleep 1000' >out.txt 2>err.txt &
  pid=$!
  until_true test -s "$signal/$first/begun" || cat err.txt
  kill -s "$signal" "$pid"
  status=0
  wait "$pid" 2>/dev/null || status=$?
  expect "SIG$signal ends it" $((128 + $(kill -l "$signal"))) "$status"
  until_true none_left || true
  expect "SIG$signal leaves no process" "" "$(left_processes)"
  expect "SIG$signal keeps what is in /out" begun "$(cat "$signal/$first/begun")"
done

echo "$failures failed, after $SECONDS s"
[ "$failures" -eq 0 ]
