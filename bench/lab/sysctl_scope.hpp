// What a sysctl's value belongs to on this kernel: found by looking, from a namespace
// made for it, not from a list. Other kernels differ.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bench/lab/sysctl.hpp"

namespace netstall {

enum class SysctlScope {
  side,       // a namespace has its own
  host,       // the whole machine has one
  read_only,  // nobody can set it
  absent      // this kernel does not have it
};

// "per namespace", "the whole machine", "read-only", "not on this kernel".
std::string to_text(SysctlScope scope);

struct SysctlSight {
  SysctlScope scope = SysctlScope::absent;
  // What it reads: of a side, in a new namespace; of the host, here. White space
  // between fields is one space. Absent where it cannot be read.
  std::optional<std::string> value;
};

// Looks at each of these names. Needs no root where user namespaces are allowed;
// nothing where no namespace can be made. Throws Error (usage) on what is no name.
std::optional<std::map<std::string, SysctlSight>> look_at_sysctls(
    const std::vector<std::string>& keys, const SysctlTree& tree = {});

// Those of them that the whole machine has one value for; none where that cannot be told.
std::set<std::string> host_wide_sysctls(const std::vector<std::string>& keys);

}  // namespace netstall
