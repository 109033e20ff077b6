#include "bpf/libbpf_version.hpp"

#include <bpf/libbpf.h>
#include <fmt/format.h>

namespace netstall {

std::string libbpf_version() {
  return fmt::format("libbpf {}.{}", libbpf_major_version(), libbpf_minor_version());
}

}  // namespace netstall
