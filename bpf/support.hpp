// What BPF on this machine can do, for `netstall doctor`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bpf/send_wait.hpp"
#include "model/probes.hpp"

namespace netstall {

// Why no probe can be loaded here at all, with what to do about it: a missing
// capability, no BTF, no bpf() system call. Nothing where one can be tried.
std::optional<std::string> why_no_bpf();

struct BackendCheck {
  SendWaitBackend backend = SendWaitBackend::fentry;
  std::optional<std::string> why_not;  // absent: it loads and attaches
};

// Loads and attaches each backend of send_wait once, for no flows of anyone, and
// removes it again. Some 30 ms each.
std::vector<BackendCheck> check_send_wait_backends();

struct ProbeCheck {
  ProbeId id = ProbeId::send_wait;
  std::optional<ProbeBackend> backend;  // that loads and attaches
  std::string why_not;                  // where none does
};

// The same for each probe that is a BPF program, but send_wait.
std::vector<ProbeCheck> check_probes();

}  // namespace netstall
