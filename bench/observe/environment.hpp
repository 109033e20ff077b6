// The machine that a report comes from, as facts: what must be equal before two
// reports can be compared.
#pragma once

#include <filesystem>

#include "model/report.hpp"

namespace netstall {

// Reads kernel.* (release, version, architecture, command_line, btf), cpu.* (model,
// microcode, count, online, isolated, smt, governor, turbo, mitigation.NAME),
// numa.nodes, clock.source, memory.* (total_bytes, available_bytes, swap_bytes,
// thp), cgroup.* (version, and the limits of this process's own), load.* (1m, 5m,
// 15m: runnable tasks) and virtualised. Switches are "on" or "off". A fact that this
// machine does not show is left out. No host name, address or user is among them.
//
// `root` is for tests: a folder with proc/ and sys/ in it. Throws Error when there
// is no proc/sys/kernel/osrelease below it.
Environment read_machine(const std::filesystem::path& root = "/");

// The same, and every readable net.* sysctl of the calling thread's namespace
// (from the controller: the host's) as sysctl.host.NAME.
Environment read_environment(const std::filesystem::path& root = "/");

}  // namespace netstall
