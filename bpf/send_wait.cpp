#include "bpf/send_wait.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/types.h>
#include <time.h>

#include <algorithm>
#include <cerrno>

#include "base/error.hpp"
#include "bpf/client_cookies.hpp"
#include "bpf/libbpf_messages.hpp"
#include "bpf/map_entries.hpp"
#include "bpf/mapped_array.hpp"
#include "bpf/offenders.hpp"
#include "bpf/send_wait.h"
#include "bpf/send_wait_variant.hpp"
#include "bpf/stall_counts.hpp"
#include "send_wait.skel.h"

namespace netstall {
namespace {

static_assert(kCauses == NETSTALL_CAUSES && kCauses <= NETSTALL_CAUSE_ROOM);
static_assert(kSubCauses + 1 == NETSTALL_SUBS && NETSTALL_SUBS <= NETSTALL_SUB_ROOM);

// Not attached: read() runs it.
constexpr std::string_view kLook = "look_at_open";

// Looks at what lasts, as its wait's end would.
void look_at_open(int program) {
  bpf_test_run_opts options{};
  options.sz = sizeof options;
  const int error = bpf_prog_test_run_opts(program, &options);
  if (error != 0) throw_errno("look at open stalls", -error);
}

struct DestroySkeleton {
  void operator()(send_wait_bpf* skeleton) const noexcept { send_wait_bpf__destroy(skeleton); }
};
using Skeleton = std::unique_ptr<send_wait_bpf, DestroySkeleton>;

void prepare(send_wait_bpf& skeleton, const SendWaitOptions& options,
             const SendWaitVariant& variant) {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton.obj) {
    const auto& wanted = variant.programs;
    const std::string_view name = bpf_program__name(program);
    bpf_program__set_autoload(
        program, name == kLook || std::find(wanted.begin(), wanted.end(), name) != wanted.end());
  }
  const auto sizes = send_wait_sizes(options);
  bpf_map__set_max_entries(skeleton.maps.sends, sizes.sends);
  bpf_map__set_max_entries(skeleton.maps.eagains, sizes.eagains);
  bpf_map__set_max_entries(skeleton.maps.sums, sizes.sums);
  bpf_map__set_max_entries(skeleton.maps.sub_sums, sizes.sub_sums);
  bpf_map__set_max_entries(skeleton.maps.slots, sizes.slots);
  bpf_map__set_max_entries(skeleton.maps.refusals, sizes.refusals);
  bpf_map__set_max_entries(skeleton.maps.losses, sizes.losses);
  bpf_map__set_max_entries(skeleton.maps.stacks, sizes.stacks);
  watch_namespaces(skeleton, options.client_cookies, options.server_cookie);
  skeleton.rodata->keep_worst = options.keep_worst;
  skeleton.rodata->watch_eagain = options.nonblocking_senders > 0;
  skeleton.rodata->sees_entry = variant.backend != SendWaitBackend::tracepoint;
  skeleton.rodata->sees_return = variant.backend == SendWaitBackend::fentry;
  skeleton.rodata->ends_in_user_mode = variant.ends_in_user_mode;
  for (const auto& port : options.ports) {
    skeleton.bss->flow_of_port[port.sender == Side::client ? 0 : 1][port.port] =
        static_cast<__u16>(port.flow + 1);
  }
}

// The programs of one variant, loaded and attached; else why not. A failed load
// spoils the object, so each attempt opens its own.
Skeleton attach(const SendWaitOptions& options, const SendWaitVariant& variant,
                LibbpfMessages& messages, std::string& why) {
  messages.clear();
  Skeleton skeleton(send_wait_bpf__open());
  if (!skeleton) {
    why = messages.reason(errno);
    return nullptr;
  }
  prepare(*skeleton, options, variant);
  int error = -send_wait_bpf__load(skeleton.get());
  if (error == 0) error = -send_wait_bpf__attach(skeleton.get());
  if (error == 0) return skeleton;
  why = messages.reason(error);
  return nullptr;
}

}  // namespace

struct SendWait::Loaded {
  // Throws Error.
  Loaded(Skeleton attached, const SendWaitOptions& wanted, const SendWaitVariant& taken)
      : skeleton(std::move(attached)), options(wanted), variant(taken) {
    const auto sizes = send_wait_sizes(options);
    sums = MappedArray<netstall_sums>(skeleton->maps.sums, sizes.sums);
    sub_sums = MappedArray<netstall_sub_sums>(skeleton->maps.sub_sums, sizes.sub_sums);
    slots = MappedArray<std::uint64_t>(skeleton->maps.slots, sizes.slots);
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, skeleton->obj) {
      if (!bpf_program__autoload(program) || bpf_program__name(program) == kLook) continue;
      programs.emplace_back(bpf_program__name(program), bpf_program__fd(program));
    }
  }

  Skeleton skeleton;
  SendWaitOptions options;
  SendWaitVariant variant;
  MappedArray<netstall_sums> sums;
  MappedArray<netstall_sub_sums> sub_sums;
  MappedArray<std::uint64_t> slots;
  bool looked = false;  // at what lasts at the window's end
  std::vector<std::pair<std::string, int>> programs;
};

SendWaitLoad SendWait::load(const SendWaitOptions& options) {
  check_send_wait_options(options);
  SendWaitLoad result;
  LibbpfMessages messages;
  std::optional<SendWaitBackend> hopeless;
  for (const auto& variant : send_wait_variants(options, places_here())) {
    if (hopeless == variant.backend) continue;
    std::string why;
    try {
      if (auto skeleton = attach(options, variant, messages, why)) {
        result.probe.emplace(
            SendWait(std::make_unique<Loaded>(std::move(skeleton), options, variant)));
        return result;
      }
    } catch (const Error& error) {
      why = error.what();
    }
    // All variants of a backend have their first program in common.
    if (why.find(fmt::format("'{}'", variant.programs.front())) != std::string::npos) {
      hopeless = variant.backend;
    }
    result.failed.push_back({variant.backend, std::move(why)});
  }
  return result;
}

SendWait::SendWait(std::unique_ptr<Loaded> loaded) noexcept : loaded_(std::move(loaded)) {}
SendWait::SendWait(SendWait&&) noexcept = default;
SendWait& SendWait::operator=(SendWait&&) noexcept = default;
SendWait::~SendWait() = default;

SendWaitBackend SendWait::backend() const noexcept {
  return loaded_->variant.backend;
}

const std::vector<Cause>& SendWait::cannot_tell() const noexcept {
  return loaded_->variant.cannot_tell;
}

const std::vector<std::string>& SendWait::notes() const noexcept {
  return loaded_->variant.notes;
}

const std::vector<std::pair<std::string, int>>& SendWait::programs() const noexcept {
  return loaded_->programs;
}

std::uint64_t SendWait::memory_bytes(const SendWaitOptions& options) noexcept {
  return send_wait_sizes(options).bytes;
}

std::uint64_t SendWait::memory_bytes() const noexcept {
  return memory_bytes(loaded_->options);
}

void SendWait::set_window(MonoTime from, MonoTime to) {
  if (from >= to) throw Error(ErrorKind::usage, "set the window of a probe", "it is empty");
  auto& data = *loaded_->skeleton->data;
  // The end first: until the start is set nothing lies within.
  __atomic_store_n(&data.window_to, static_cast<__u64>(to.ns), __ATOMIC_RELEASE);
  __atomic_store_n(&data.window_from, static_cast<__u64>(from.ns), __ATOMIC_RELEASE);
}

std::int64_t SendWait::blocked_now() const noexcept {
  return static_cast<std::int64_t>(load_shared(loaded_->skeleton->bss->blocked));
}

SendWait::Reading SendWait::read() const {
  const auto& skeleton = *loaded_->skeleton;
  const BpfWindow window{load_shared(skeleton.data->window_from),
                         load_shared(skeleton.data->window_to)};
  // A program that looked at the clock just before the end is done long before.
  constexpr std::uint64_t kSettled = 1'000'000;
  const auto now = static_cast<std::uint64_t>(mono_now().ns);
  if (now <= window.to) throw Error(ErrorKind::usage, "read a probe", "its window is not over");
  if (now < window.to + kSettled) {
    const timespec rest{0, static_cast<long>(window.to + kSettled - now)};
    ::nanosleep(&rest, nullptr);
  }

  // Once: a stall that has ended since is no longer there to be looked at.
  if (!loaded_->looked) look_at_open(bpf_program__fd(skeleton.progs.look_at_open));
  loaded_->looked = true;

  std::vector<StallCounts> flows(loaded_->options.flows);
  for (std::uint32_t flow = 0; flow < flows.size(); ++flow) {
    flows[flow].add_counted(flow, loaded_->sums.values(), loaded_->sub_sums.values(),
                            loaded_->slots.values());
  }
  for_each_entry<__u32, netstall_send>(skeleton.maps.sends, [&](__u32, const netstall_send& send) {
    flows.at(send.flow).add_open(send, window);
  });
  for_each_entry<__u64, netstall_eagain>(
      skeleton.maps.eagains,
      [&](__u64, const netstall_eagain& open) { flows.at(open.flow).add_open(open, window); });

  Reading reading;
  for (auto& flow : flows) {
    auto stalls = flow.take(false, cannot_tell());
    // Of no wait at all, nothing was in the run queue.
    stalls.run_queue_known = stalls.total.waits == 0 || load_shared(skeleton.bss->queue_known) != 0;
    reading.per_flow.push_back(std::move(stalls));
  }
  auto offenders = read_offenders(skeleton.maps.worst, skeleton.maps.stacks, window);
  reading.worst = std::move(offenders.list);
  reading.worst_flows = std::move(offenders.flows);
  reading.lost_offenders = load_shared(skeleton.bss->offenders_lost);
  reading.lost_events = load_shared(skeleton.bss->lost);
  for (const auto& [name, fd] : loaded_->programs) {
    // It interrupts itself only for charges that no send() makes.
    if (name != "on_refused") reading.lost_events += missed_runs(fd);
  }
  return reading;
}

}  // namespace netstall
