#include "bpf/wait_variant.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

namespace netstall {
namespace {

bool has_function(const char* name) {
  return libbpf_find_vmlinux_btf_id(name, BPF_TRACE_FENTRY) > 0;
}

}  // namespace

WaitPlaces places_here() {
  return {.throttle = has_function("__mem_cgroup_handle_over_high"),
          .throttle_old = has_function("mem_cgroup_handle_over_high"),
          .sendpage = has_function("tcp_sendpage")};
}

void add_throttle(WaitVariant& variant, const WaitPlaces& places) {
  if (variant.backend == SendWaitBackend::tracepoint || !(places.throttle || places.throttle_old)) {
    variant.cannot_tell.push_back(Cause::cgroup_throttle);
  } else if (variant.backend == SendWaitBackend::kprobe) {
    variant.programs.emplace_back(places.throttle ? "on_throttle_kprobe"
                                                  : "on_throttle_old_kprobe");
  } else {
    variant.programs.emplace_back(places.throttle ? "on_throttle" : "on_throttle_old");
    variant.programs.emplace_back(places.throttle ? "on_throttled" : "on_throttled_old");
  }
}

std::uint64_t missed_runs(int program_fd) {
  bpf_prog_info info{};
  __u32 length = sizeof info;
  return bpf_obj_get_info_by_fd(program_fd, &info, &length) == 0 ? info.recursion_misses : 0;
}

}  // namespace netstall
