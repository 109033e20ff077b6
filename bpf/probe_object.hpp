// What the loaders of the probes share: a libbpf skeleton whose programs are chosen
// by loading them, and what can be done with any skeleton that includes
// bpf/watched.bpf.h.
#pragma once

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "bpf/client_cookies.hpp"
#include "bpf/kernel_probe.hpp"
#include "bpf/libbpf_messages.hpp"
#include "bpf/map_memory.hpp"
#include "bpf/watched.h"

namespace netstall {

// Programs that together are one way to attach a probe.
struct ProbeVariant {
  ProbeBackend backend = ProbeBackend::tracepoint;
  std::vector<std::string> programs;
  std::vector<std::string> notes;
};

// S is a skeleton class that bpftool made.
template <class S>
struct DestroySkeletonOf {
  void operator()(S* skeleton) const noexcept { S::destroy(skeleton); }
};
template <class S>
using SkeletonOf = std::unique_ptr<S, DestroySkeletonOf<S>>;

template <class S>
void watch_run(S& skeleton, const KernelProbeOptions& options) {
  watch_namespaces(skeleton, options.client_cookies, options.server_cookie);
  const auto ports = std::max<std::size_t>(options.ports.size(), 1);
  bpf_map__set_max_entries(skeleton.maps.ports, static_cast<__u32>(ports));
}

template <class S>
int fill_ports(const S& skeleton, const KernelProbeOptions& options) {
  std::map<__u32, netstall_port> values;
  for (const auto& port : options.ports) {
    auto& value = values[port.port];
    value.flow = port.flow;
    value.senders |= 1U << (port.sender == Side::client ? NETSTALL_CLIENT : NETSTALL_SERVER);
  }
  for (const auto& [key, value] : values) {
    const int error = bpf_map_update_elem(bpf_map__fd(skeleton.maps.ports), &key, &value, BPF_ANY);
    if (error != 0) return -error;
  }
  return 0;
}

// The memory of the maps of a skeleton once `prepare` has sized them.
template <class S, class Prepare>
std::uint64_t memory_before_load(const KernelProbeOptions& options, const Prepare& prepare) {
  const LibbpfMessages silence;
  const SkeletonOf<S> skeleton(S::open(nullptr));
  if (!skeleton) throw_errno("open a BPF object", errno);
  watch_run(*skeleton, options);
  prepare(*skeleton);
  return map_memory(skeleton->obj);
}

// How often the kernel did not run a program because it was running on that CPU
// already.
inline std::uint64_t missed_runs(int program) {
  bpf_prog_info info{};
  __u32 length = sizeof info;
  return bpf_obj_get_info_by_fd(program, &info, &length) == 0 ? info.recursion_misses : 0;
}

// A loaded and attached skeleton: what all its probes have in common.
template <class S>
class ProbeObject : public KernelProbe {
 public:
  ProbeObject(SkeletonOf<S> skeleton, const KernelProbeOptions& options, ProbeVariant variant)
      : skeleton_(std::move(skeleton)), options_(options), variant_(std::move(variant)) {
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, skeleton_->obj) {
      if (!bpf_program__autoload(program)) continue;
      programs_.emplace_back(bpf_program__name(program), bpf_program__fd(program));
    }
  }

  ProbeBackend backend() const noexcept override { return variant_.backend; }
  void set_window(MonoTime from, MonoTime to) override {
    if (from >= to) throw Error(ErrorKind::usage, "set the window of a probe", "it is empty");
    auto& data = *skeleton_->data;
    // The end first: until the start is set nothing lies within.
    __atomic_store_n(&data.window_to, static_cast<__u64>(to.ns), __ATOMIC_RELEASE);
    __atomic_store_n(&data.window_from, static_cast<__u64>(from.ns), __ATOMIC_RELEASE);
  }
  ProbeFinding read() const override {
    ProbeFinding finding;
    finding.backend = name_of(variant_.backend);
    finding.notes = variant_.notes;
    read_into(finding);
    finding.lost_events += __atomic_load_n(&skeleton_->bss->lost, __ATOMIC_RELAXED);
    for (const auto& [name, fd] : programs_) finding.lost_events += missed_runs(fd);
    return finding;
  }
  const std::vector<std::pair<std::string, int>>& programs() const noexcept override {
    return programs_;
  }
  std::uint64_t memory_in_use() const override { return map_memory_in_use(skeleton_->obj); }

 protected:
  virtual void read_into(ProbeFinding& finding) const = 0;
  const S& skeleton() const noexcept { return *skeleton_; }
  const KernelProbeOptions& options() const noexcept { return options_; }

 private:
  SkeletonOf<S> skeleton_;
  KernelProbeOptions options_;
  ProbeVariant variant_;
  std::vector<std::pair<std::string, int>> programs_;
};

// Tries the variants in turn; Probe is made of the first that loads and attaches. A
// failed load spoils the object, so each attempt opens its own.
template <class S, class Probe, class Prepare>
KernelProbeLoad load_probe(const KernelProbeOptions& options,
                           const std::vector<ProbeVariant>& variants, const Prepare& prepare) {
  KernelProbeLoad result;
  LibbpfMessages messages;
  for (const auto& variant : variants) {
    messages.clear();
    SkeletonOf<S> skeleton(S::open(nullptr));
    int error = skeleton ? 0 : errno;
    if (error == 0) {
      bpf_program* program = nullptr;
      bpf_object__for_each_program(program, skeleton->obj) {
        const auto& wanted = variant.programs;
        const std::string_view name = bpf_program__name(program);
        bpf_program__set_autoload(program,
                                  std::find(wanted.begin(), wanted.end(), name) != wanted.end());
      }
      watch_run(*skeleton, options);
      prepare(*skeleton);
      error = -S::load(skeleton.get());
    }
    if (error == 0) error = fill_ports(*skeleton, options);
    if (error == 0) error = -S::attach(skeleton.get());
    if (error != 0) {
      result.failed.emplace_back(variant.backend, messages.reason(error));
      continue;
    }
    try {
      result.probe = std::make_unique<Probe>(std::move(skeleton), options, variant);
      return result;
    } catch (const Error& failure) {
      result.failed.emplace_back(variant.backend, failure.what());
    }
  }
  return result;
}

}  // namespace netstall
