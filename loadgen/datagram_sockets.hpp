// The sockets of a UDP task: each is bound to a port of its own and connected to the same
// port of the other side, so that no handshake is needed to know who is whose.
#pragma once

#include <cstdint>
#include <vector>

#include "loadgen/endpoint.hpp"

namespace netstall {

// Connection `index` of a task; both ends of it have the port task.port + index. Invalid
// with errno set where there is no socket or its port is taken; throws Error for addresses
// and options that make no sense.
Fd open_datagram_socket(const Configure& configure, const FlowTask& task, std::uint32_t index);

// Of multicast: the group with this number, in 239.78.0.0/16 or ff15::6e73:0/112, and the
// task's port.
Address multicast_group(const FlowTask& task, std::uint32_t group);

// The socket that sends to all groups of a task, by the link of its side's address.
Fd open_multicast_sender(const Configure& configure, const FlowTask& task);

// Socket `index` of the task's, joined to as many of its groups as the kernel grants;
// others' groups do not reach it. Invalid, with errno set, where it has no socket at all.
struct JoinedSocket {
  Fd socket;
  std::vector<std::uint32_t> groups;  // that it has joined
  ErrorCounts refused;                // errno name → memberships
};
JoinedSocket open_multicast_receiver(const Configure& configure, const FlowTask& task,
                                     std::uint32_t index);

}  // namespace netstall
