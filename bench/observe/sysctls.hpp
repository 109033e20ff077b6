// The net.* sysctls of a namespace, all of them: part of what a report must say
// about where it comes from.
#pragma once

#include <filesystem>

#include "base/netns.hpp"
#include "model/scenario.hpp"

namespace netstall {

// Every readable sysctl below net, dotted ("net.ipv4.tcp_rmem"; a dot within an
// interface's name becomes a slash, as in sysctl.d), fields joined by one space.
// Left out are what is secret (tcp_fastopen_key, stable_secret) and what cannot be
// read. Costs some 10 µs a value.
SysctlMap read_sysctls(const Netns& netns);

// The same for the calling thread's namespace, below root/proc/sys/net.
SysctlMap read_sysctls(const std::filesystem::path& root);

}  // namespace netstall
