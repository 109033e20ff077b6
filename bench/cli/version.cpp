#include "bench/cli/version.hpp"

#include <fmt/format.h>

#include "bpf/libbpf_version.hpp"
#include "revision.hpp"

namespace netstall {

Tool tool_facts() {
  return {NETSTALL_VERSION, kRevision, fmt::format("g++ {}", __VERSION__), libbpf_version()};
}

std::string version_text() {
  const auto tool = tool_facts();
  return fmt::format("netstall {} (revision {}, {}, {})", tool.version, tool.revision,
                     tool.compiler, tool.libbpf);
}

}  // namespace netstall
