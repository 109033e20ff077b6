// Who still holds a namespace. It lives as long as a process or a socket is in it,
// and a TCP socket can outlive its process by minutes: an orphan that waits to get
// rid of its data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/netns.hpp"

namespace netstall {

// TCP sockets that are bound, connected or on their way out ("inuse" of sockstat:
// orphans count, TIME_WAIT does not and holds nothing). Throws Error.
std::uint64_t tcp_sockets_in(const Netns& netns);

// Ends its TCP connections and listeners at once (SOCK_DESTROY); what the kernel
// will not end stays. Walks the hash of the whole machine: for the rare case.
// Throws Error.
void destroy_tcp_sockets(const Netns& netns);

struct NamespaceMember {
  std::size_t netns = 0;  // index of what was asked for
  std::string process;    // "PID COMMAND"
};

// The processes whose main thread is in one of these.
std::vector<NamespaceMember> processes_in(std::span<const Netns* const> namespaces);

}  // namespace netstall
