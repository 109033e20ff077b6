// Tells a skeleton that includes bpf/clients.bpf.h whose namespaces are watched.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/error.hpp"
#include "bpf/clients.h"
#include "model/scenario.hpp"

namespace netstall {

static_assert(NETSTALL_MORE_CLIENTS == kMaxClients - 1);

// Before it is loaded. Throws Error (usage) for more clients than a run may have.
template <class S>
void watch_namespaces(S& skeleton, const std::vector<std::uint64_t>& clients,
                      std::uint64_t server) {
  if (clients.size() > kMaxClients) {
    throw Error(ErrorKind::usage, "watch the clients",
                fmt::format("{} namespaces; at most {} fit", clients.size(), kMaxClients));
  }
  auto& rodata = *skeleton.rodata;
  rodata.server_cookie = server;
  if (clients.empty()) return;
  rodata.client_cookie = clients.front();
  std::copy(clients.begin() + 1, clients.end(), rodata.more_client_cookies);
  rodata.more_clients = static_cast<std::uint32_t>(clients.size() - 1);
}

}  // namespace netstall
