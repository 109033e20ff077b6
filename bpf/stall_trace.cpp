#include "bpf/stall_trace.hpp"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/types.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <exception>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "bpf/libbpf_messages.hpp"
#include "bpf/map_entries.hpp"
#include "bpf/mapped_array.hpp"
#include "bpf/stall_trace.h"
#include "bpf/stall_trace_variant.hpp"
#include "bpf/traced_stalls.hpp"
#include "stall_trace.skel.h"

namespace netstall {
namespace {

// Values in `pids`; in the other maps of a filter the key says all.
constexpr std::uint32_t kFollowed = 1;  // NETSTALL_FOLLOWED
constexpr std::uint32_t kAlone = 0;
constexpr std::uint32_t kListed = 1;
// Processes that a command may have at once.
constexpr std::uint32_t kFamily = 32768;
// Connections with refused charges or lost segments that are remembered.
constexpr std::uint32_t kRemembered = 4096;
// Events that are handed over in one go.
constexpr std::uint32_t kTakenAtOnce = 10'000;

// Without one of these every attempt would load all programs in vain first.
bool has_kprobes() {
  for (const auto* path :
       {"/sys/bus/event_source/devices/kprobe", "/sys/kernel/tracing/kprobe_events",
        "/sys/kernel/debug/tracing/kprobe_events"}) {
    if (::access(path, F_OK) == 0) return true;
  }
  return false;
}

struct DestroyBtf {
  void operator()(btf* types) const noexcept { btf__free(types); }
};

// The kernel's number of a cgroup controller, by the name that /proc and /sys use.
int controller_number(const std::string& name) {
  const auto constant = (name == "blkio" ? "io" : name) + "_cgrp_id";
  const std::unique_ptr<btf, DestroyBtf> types(btf__load_vmlinux_btf());
  const auto refuse = [&](const std::string& why) {
    throw Error(ErrorKind::incapable, fmt::format("trace a cgroup of the controller {}", name), why,
                "name one of the memory controller, or of the second version");
  };
  if (!types) refuse("the kernel has no BTF");
  const int id = btf__find_by_name_kind(types.get(), "cgroup_subsys_id", BTF_KIND_ENUM);
  const btf_type* const type =
      id > 0 ? btf__type_by_id(types.get(), static_cast<__u32>(id)) : nullptr;
  if (type == nullptr) refuse("the kernel has no cgroup controllers");
  const struct btf_enum* const values = btf_enum(type);
  for (int i = 0; i < btf_vlen(type); ++i) {
    const char* const text = btf__name_by_offset(types.get(), values[i].name_off);
    if (text != nullptr && constant == text) return values[i].val;
  }
  refuse("the kernel has no such controller");
  return -1;
}

struct DestroySkeleton {
  void operator()(stall_trace_bpf* skeleton) const noexcept { stall_trace_bpf__destroy(skeleton); }
};
using Skeleton = std::unique_ptr<stall_trace_bpf, DestroySkeleton>;

constexpr std::array<std::string_view, 3> kOwnPrograms{"read_self", "find_blocked", "look_at_open"};

// In bytes: half a second's events at least, a power of two.
std::uint32_t ring_bytes(const StallTraceOptions& options) {
  constexpr std::uint64_t kFewest = 256 << 10;
  constexpr std::uint64_t kMost = 64 << 20;
  const auto wanted = options.max_events_per_s / 2 * (sizeof(netstall_stall_event) + 8);
  return static_cast<std::uint32_t>(std::bit_ceil(std::clamp(wanted, kFewest, kMost)));
}

std::uint32_t room_for(std::size_t count) {
  return static_cast<std::uint32_t>(std::max<std::size_t>(count, 1));
}

void size_maps(stall_trace_bpf& skeleton, const StallTraceOptions& options) {
  const auto& filter = options.filter;
  auto& maps = skeleton.maps;
  bpf_map__set_max_entries(maps.pids,
                           filter.families.empty() ? room_for(filter.pids.size()) : kFamily);
  bpf_map__set_max_entries(maps.comms, room_for(filter.comms.size()));
  bpf_map__set_max_entries(maps.cgroups, room_for(filter.cgroups.size()));
  bpf_map__set_max_entries(maps.namespaces, room_for(filter.netns_inodes.size()));
  bpf_map__set_max_entries(maps.ports, room_for(filter.ports.size()));
  bpf_map__set_max_entries(maps.sends, options.max_open);
  bpf_map__set_max_entries(maps.eagains, options.max_open);
  bpf_map__set_max_entries(maps.totals, options.max_processes);
  bpf_map__set_max_entries(maps.refusals, kRemembered);
  bpf_map__set_max_entries(maps.losses, kRemembered);
  bpf_map__set_max_entries(maps.events, ring_bytes(options));
}

void set_constants(stall_trace_bpf& skeleton, const StallTraceOptions& options,
                   const WaitVariant& variant) {
  const auto& filter = options.filter;
  auto& constants = *skeleton.rodata;
  constants.by_pid = !filter.pids.empty() || !filter.families.empty();
  constants.by_comm = !filter.comms.empty();
  constants.by_cgroup = !filter.cgroups.empty();
  constants.by_netns = !filter.netns_inodes.empty();
  constants.by_port = !filter.ports.empty();
  if (!filter.cgroups.empty() && !filter.cgroups.front().controller.empty()) {
    constants.cgroup_controller = controller_number(filter.cgroups.front().controller);
  }
  constants.report_edges = options.edges;
  constants.least_ns = options.least_ns;
  if (options.max_events_per_s > 0) {
    constants.event_ns = std::max<std::uint64_t>(1'000'000'000 / options.max_events_per_s, 1);
    constants.burst_ns = std::max<std::uint64_t>(100'000'000, 2 * constants.event_ns);
  }
  constants.sees_entry = variant.backend != SendWaitBackend::tracepoint;
  constants.sees_return = variant.backend == SendWaitBackend::fentry;
}

void prepare(stall_trace_bpf& skeleton, const StallTraceOptions& options,
             const WaitVariant& variant) {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton.obj) {
    const auto in = [&](const auto& list) {
      return std::find(list.begin(), list.end(), std::string_view(bpf_program__name(program))) !=
             list.end();
    };
    bpf_program__set_autoload(program, in(kOwnPrograms) || in(variant.programs));
  }
  size_maps(skeleton, options);
  set_constants(skeleton, options, variant);
}

void run(const bpf_program* program, const char* what) {
  bpf_test_run_opts options{};
  options.sz = sizeof options;
  const int error = bpf_prog_test_run_opts(bpf_program__fd(program), &options);
  if (error != 0) throw_errno(what, -error);
}

template <class Key>
void insert(const bpf_map* map, const Key& key, std::uint32_t value) {
  const int error = bpf_map__update_elem(map, &key, sizeof key, &value, sizeof value, BPF_ANY);
  if (error != 0) throw_errno(fmt::format("fill the BPF map {}", bpf_map__name(map)), -error);
}

void fill_filter(const stall_trace_bpf& skeleton, const TraceFilter& filter) {
  const auto& maps = skeleton.maps;
  for (const auto pid : filter.pids) insert(maps.pids, pid, kAlone);
  for (const auto pid : filter.families) insert(maps.pids, pid, kFollowed);
  for (const auto& comm : filter.comms) {
    std::array<char, NETSTALL_COMM> name{};
    comm.copy(name.data(), name.size() - 1);
    insert(maps.comms, name, kListed);
  }
  for (const auto& cgroup : filter.cgroups) insert(maps.cgroups, __u64{cgroup.id}, kListed);
  for (const auto inode : filter.netns_inodes) insert(maps.namespaces, inode, kListed);
  for (const auto port : filter.ports) insert(maps.ports, __u16{port}, kListed);
}

// Runs the iterator over all tasks.
void find_blocked(const stall_trace_bpf& skeleton) {
  const Fd iterator(bpf_iter_create(bpf_link__fd(skeleton.links.find_blocked)));
  if (!iterator) throw_errno("look for blocked threads", errno);
  std::array<char, 64> nothing{};
  while (true) {
    const auto got = ::read(iterator.get(), nothing.data(), nothing.size());
    if (got == 0) return;
    if (got < 0 && errno != EINTR) throw_errno("look for blocked threads", errno);
  }
}

// What sees the ends of those alone costs each system call of the machine something.
void drop_early_sent(stall_trace_bpf& skeleton) noexcept {
  if (skeleton.links.on_early_sent == nullptr || load_shared(skeleton.bss->early_open) != 0) return;
  bpf_link__destroy(std::exchange(skeleton.links.on_early_sent, nullptr));
}

// The programs of one variant, loaded and attached; else why not. A failed load
// spoils the object, so each attempt opens its own.
Skeleton attach(const StallTraceOptions& options, const WaitVariant& variant,
                LibbpfMessages& messages, std::string& why) {
  messages.clear();
  Skeleton skeleton(stall_trace_bpf__open());
  if (!skeleton) {
    why = messages.reason(errno);
    return nullptr;
  }
  prepare(*skeleton, options, variant);
  int error = -stall_trace_bpf__load(skeleton.get());
  if (error == 0) {
    fill_filter(*skeleton, options.filter);
    // Before anything is attached: the programs compare with what it finds.
    run(skeleton->progs.read_self, "read the kernel's clock");
    error = -stall_trace_bpf__attach(skeleton.get());
  }
  if (error != 0) {
    why = messages.reason(error);
    return nullptr;
  }
  // From here on it counts.
  run(skeleton->progs.read_self, "read the kernel's clock");
  find_blocked(*skeleton);
  drop_early_sent(*skeleton);
  return skeleton;
}

std::int64_t signed_ns(std::uint64_t ns) {
  return static_cast<std::int64_t>(ns);
}

// What the kernel says of a map's memory; 0 where it says nothing.
std::uint64_t memory_of(const bpf_map* map) {
  const auto text =
      try_read_file(fmt::format("/proc/self/fdinfo/{}", bpf_map__fd(map))).value_or("");
  constexpr std::string_view kKey = "memlock:";
  const auto at = text.find(kKey);
  return at == std::string::npos ? 0 : std::strtoull(text.c_str() + at + kKey.size(), nullptr, 10);
}

// Of programs that tell causes alone it does not matter how often they were missed.
bool tells_causes_alone(const std::string& name) {
  return name == "on_refused" || name == "on_drop" || name == "on_retransmit";
}

}  // namespace

struct StallTrace::Loaded {
  // Throws Error.
  Loaded(Skeleton attached, const StallTraceOptions& wanted, WaitVariant taken)
      : skeleton(std::move(attached)), options(wanted), variant(std::move(taken)) {
    slots = MappedArray<std::uint64_t>(skeleton->maps.slots,
                                       std::size_t{NETSTALL_KINDS} * NETSTALL_HDR_SLOTS);
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, skeleton->obj) {
      const std::string name = bpf_program__name(program);
      const bool own =
          std::find(kOwnPrograms.begin(), kOwnPrograms.end(), name) != kOwnPrograms.end();
      if (bpf_program__autoload(program) && !own) {
        programs.emplace_back(name, bpf_program__fd(program));
      }
    }
    from = load_shared(skeleton->bss->kernel_clock);
    ring = ring_buffer__new(bpf_map__fd(skeleton->maps.events), &Loaded::on_event, this, nullptr);
    if (ring == nullptr) throw_errno("read events of the kernel", errno);
  }
  Loaded(const Loaded&) = delete;
  Loaded& operator=(const Loaded&) = delete;
  ~Loaded() { ring_buffer__free(ring); }

  static int on_event(void* self, void* data, std::size_t size) {
    return static_cast<Loaded*>(self)->hand_over(data, size);
  }

  // An exception must not pass through libbpf.
  int hand_over(const void* data, std::size_t size) {
    try {
      std::uint32_t kind = 0;
      std::memcpy(&kind, data, sizeof kind);
      if (kind == NETSTALL_EVENT_STALL && size >= sizeof(netstall_stall_event)) {
        const auto& event = *static_cast<const netstall_stall_event*>(data);
        take->stall(traced_stall(event, run_queue_known(), *to_wall));
      } else if (size >= sizeof(netstall_edge_event)) {
        const auto& event = *static_cast<const netstall_edge_event*>(data);
        take->edge({(*to_wall)(signed_ns(event.at)), kind == NETSTALL_EVENT_RECOVERED,
                    traced_thread(event.who)});
      }
      // Without an end where events come faster than they are taken.
      return ++handed_over == kTakenAtOnce ? -ECANCELED : 0;
    } catch (...) {
      failure = std::current_exception();
      return -ECANCELED;
    }
  }

  bool run_queue_known() const { return load_shared(skeleton->bss->queue_known) != 0; }

  Skeleton skeleton;
  StallTraceOptions options;
  WaitVariant variant;
  MappedArray<std::uint64_t> slots;
  std::vector<std::pair<std::string, int>> programs;
  ring_buffer* ring = nullptr;
  std::uint64_t from = 0;  // by the kernel's clock
  // While take_events() runs.
  std::uint32_t handed_over = 0;
  const Take* take = nullptr;
  const KernelToWall* to_wall = nullptr;
  std::exception_ptr failure;
};

StallTraceLoad StallTrace::load(const StallTraceOptions& options) {
  check_stall_trace_options(options);
  StallTraceLoad result;
  LibbpfMessages messages;
  std::optional<SendWaitBackend> hopeless;
  const bool kprobes = has_kprobes();
  for (auto& variant : stall_trace_variants(options, places_here())) {
    if (hopeless == variant.backend) continue;
    std::string why;
    if (variant.backend == SendWaitBackend::kprobe && !kprobes) {
      hopeless = variant.backend;
      result.failed.push_back({variant.backend, "the kernel has no kprobes (CONFIG_KPROBES)"});
      continue;
    }
    if (auto skeleton = attach(options, variant, messages, why)) {
      result.trace.emplace(
          StallTrace(std::make_unique<Loaded>(std::move(skeleton), options, std::move(variant))));
      return result;
    }
    // All variants of a backend have their first program in common.
    if (why.find(fmt::format("'{}'", variant.programs.front())) != std::string::npos) {
      hopeless = variant.backend;
    }
    result.failed.push_back({variant.backend, std::move(why)});
  }
  return result;
}

StallTrace::StallTrace(std::unique_ptr<Loaded> loaded) noexcept : loaded_(std::move(loaded)) {}
StallTrace::StallTrace(StallTrace&&) noexcept = default;
StallTrace& StallTrace::operator=(StallTrace&&) noexcept = default;
StallTrace::~StallTrace() = default;

SendWaitBackend StallTrace::backend() const noexcept {
  return loaded_->variant.backend;
}

const std::vector<Cause>& StallTrace::cannot_tell() const noexcept {
  return loaded_->variant.cannot_tell;
}

const std::vector<std::string>& StallTrace::notes() const noexcept {
  return loaded_->variant.notes;
}

const std::vector<std::pair<std::string, int>>& StallTrace::programs() const noexcept {
  return loaded_->programs;
}

std::int64_t StallTrace::kernel_clock_ns() const {
  run(loaded_->skeleton->progs.read_self, "read the kernel's clock");
  return signed_ns(load_shared(loaded_->skeleton->bss->kernel_clock));
}

bool StallTrace::take_events(const Take& take, const KernelToWall& to_wall) {
  auto& loaded = *loaded_;
  loaded.handed_over = 0;
  drop_early_sent(*loaded.skeleton);
  loaded.take = &take;
  loaded.to_wall = &to_wall;
  const int error = ring_buffer__consume(loaded.ring);
  loaded.take = nullptr;
  loaded.to_wall = nullptr;
  if (loaded.failure) std::rethrow_exception(std::exchange(loaded.failure, nullptr));
  if (loaded.handed_over == kTakenAtOnce) return true;
  if (error < 0) throw_errno("read events of the kernel", -error);
  return false;
}

void StallTrace::stop() {
  const auto now = static_cast<std::uint64_t>(kernel_clock_ns());
  __atomic_store_n(&loaded_->skeleton->data->until, now, __ATOMIC_RELEASE);
  // However long its reader takes over what is left, no send() of the machine pays for that.
  stall_trace_bpf__detach(loaded_->skeleton.get());
}

TraceSummary StallTrace::read(const std::function<void(const TracedStall&)>& open,
                              const KernelToWall& to_wall) {
  const auto& skeleton = *loaded_->skeleton;
  const auto until = load_shared(skeleton.data->until);
  if (until == ~0ULL) throw Error(ErrorKind::usage, "read a trace", "it is not over");
  // A program that looked at the clock just before the end is done long before.
  constexpr std::uint64_t kSettled = 1'000'000;
  const auto now = static_cast<std::uint64_t>(kernel_clock_ns());
  if (now < until + kSettled) {
    const timespec rest{0, static_cast<long>(until + kSettled - now)};
    ::nanosleep(&rest, nullptr);
  }
  run(skeleton.progs.look_at_open, "look at open stalls");

  TraceTotals totals;
  for_each_entry<netstall_totals_key, netstall_totals>(
      skeleton.maps.totals,
      [&](const auto& key, const auto& counted) { totals.add_process(key, counted); });
  for (std::uint32_t kind = 0; kind < NETSTALL_KINDS; ++kind) {
    netstall_totals counted{};
    bpf_map__lookup_elem(skeleton.maps.others, &kind, sizeof kind, &counted, sizeof counted, 0);
    totals.add_others(kind, counted);
  }
  totals.add_durations(loaded_->slots.values());
  const auto add_open = [&](const auto& record, const auto& stall) {
    totals.add_open(record, until);
    if (stall) open(*stall);
  };
  const bool known = loaded_->run_queue_known();
  for_each_entry<__u32, netstall_traced_send>(
      skeleton.maps.sends, [&](__u32, const netstall_traced_send& send) {
        add_open(send, traced_stall(send, until, known, to_wall));
      });
  for_each_entry<__u64, netstall_traced_eagain>(
      skeleton.maps.eagains, [&](__u64, const netstall_traced_eagain& stalled) {
        add_open(stalled, traced_stall(stalled, until, to_wall));
      });

  auto summary = totals.take();
  summary.duration_ns = until - loaded_->from;
  // Of no wait at all, nothing was in the run queue.
  summary.run_queue_known = known || summary.by_cause.empty();
  const auto& counters = *skeleton.bss;
  summary.lines = {load_shared(counters.reported), load_shared(counters.too_short),
                   load_shared(counters.over_rate), load_shared(counters.ring_full)};
  summary.lost = load_shared(counters.lost);
  summary.processes_lost = load_shared(counters.processes_lost);
  for (const auto& [name, fd] : loaded_->programs) {
    if (!tells_causes_alone(name)) summary.lost += missed_runs(fd);
  }
  return summary;
}

std::uint64_t StallTrace::memory_bytes() const noexcept {
  std::uint64_t bytes = 0;
  const bpf_map* map = nullptr;
  bpf_object__for_each_map(map, loaded_->skeleton->obj) bytes += memory_of(map);
  return bytes;
}

}  // namespace netstall
