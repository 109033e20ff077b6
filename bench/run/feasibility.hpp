// What a cell asks for and this machine does not have: found out before anything is
// changed.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "bench/run/privileges.hpp"
#include "model/scenario.hpp"

namespace netstall {

// Remembers what it has found: cells of a sweep ask the same again and again. Not
// thread-safe.
class Feasibility {
 public:
  // A sentence why this cell cannot be run here, or nothing. Throws Error (usage) for a
  // root qdisc that tc does not understand.
  std::optional<std::string> why_not(const Scenario& scenario);

 private:
  const std::optional<std::string>& why_no_tcp_limit();
  const std::optional<std::string>& why_no_limit();
  const std::optional<std::string>& why_no_ring();
  const std::optional<std::string>& why_not_bridge();
  const std::optional<std::string>& why_not_qdisc(const std::string& qdisc);

  bool without_root_ = rootless();
  std::optional<std::optional<std::string>> tcp_memory_limit_;
  std::optional<std::optional<std::string>> memory_limit_;
  std::optional<std::optional<std::string>> ring_;
  std::optional<std::optional<std::string>> bridge_;
  std::map<std::string, std::optional<std::string>> qdiscs_;
};

}  // namespace netstall
