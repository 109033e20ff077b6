#include "loadgen/switch_log.hpp"

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <utility>

#include "base/clock.hpp"

namespace netstall {
namespace {

constexpr std::size_t kPage = 4096;

struct Record {
  perf_event_header header;
  std::uint64_t time;
};
static_assert(sizeof(Record) == 16 && kPage % sizeof(Record) == 0);

// Counts nothing: it is there for the records of context switches, which the kernel
// gives to everybody about his own threads.
perf_event_attr switches_alone() noexcept {
  perf_event_attr attr{};
  attr.size = sizeof attr;
  attr.type = PERF_TYPE_SOFTWARE;
  attr.config = PERF_COUNT_SW_DUMMY;
  attr.sample_type = PERF_SAMPLE_TIME;
  attr.exclude_kernel = 1;
  attr.exclude_hv = 1;
  attr.context_switch = 1;
  attr.sample_id_all = 1;
  attr.use_clockid = 1;
  attr.clockid = CLOCK_MONOTONIC;
  return attr;
}

SwitchKind kind_of(const perf_event_header& header) noexcept {
  if ((header.misc & PERF_RECORD_MISC_SWITCH_OUT) == 0) return SwitchKind::ran;
  return (header.misc & PERF_RECORD_MISC_SWITCH_OUT_PREEMPT) == 0 ? SwitchKind::slept
                                                                  : SwitchKind::preempted;
}

}  // namespace

std::optional<std::vector<Switch>> parse_switches(std::span<const std::byte> ring,
                                                  std::uint64_t written) {
  std::vector<Switch> switches;
  const auto kept = std::min<std::uint64_t>(written, ring.size());
  switches.reserve(kept / sizeof(Record));
  for (std::uint64_t at = written - kept; at < written; at += sizeof(Record)) {
    Record record;
    std::memcpy(&record, ring.data() + at % ring.size(), sizeof record);
    if (record.header.type != PERF_RECORD_SWITCH || record.header.size != sizeof record) {
      return std::nullopt;
    }
    switches.push_back({static_cast<std::int64_t>(record.time), kind_of(record.header)});
  }
  return switches;
}

std::optional<SwitchLog> SwitchLog::of(pid_t tid) noexcept {
  if (::sysconf(_SC_PAGESIZE) != static_cast<long>(kPage)) return std::nullopt;
  auto attr = switches_alone();
  Fd event(
      static_cast<int>(::syscall(SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC)));
  if (!event) return std::nullopt;
  // Not writable: the kernel then overwrites the oldest record, and drops none.
  void* pages = ::mmap(nullptr, 2 * kPage, PROT_READ, MAP_SHARED, event.get(), 0);
  if (pages == MAP_FAILED) return std::nullopt;
  return SwitchLog(std::move(event), pages);
}

SwitchLog::SwitchLog(Fd event, void* pages) noexcept
    : event_(std::move(event)), pages_(pages), from_ns_(mono_now().ns) {}

SwitchLog::SwitchLog(SwitchLog&& other) noexcept
    : event_(std::move(other.event_)),
      pages_(std::exchange(other.pages_, nullptr)),
      from_ns_(other.from_ns_) {}

SwitchLog& SwitchLog::operator=(SwitchLog&& other) noexcept {
  if (this == &other) return *this;
  unmap();
  event_ = std::move(other.event_);
  pages_ = std::exchange(other.pages_, nullptr);
  from_ns_ = other.from_ns_;
  return *this;
}

SwitchLog::~SwitchLog() {
  unmap();
}

void SwitchLog::unmap() noexcept {
  if (pages_ != nullptr) ::munmap(pages_, 2 * kPage);
  pages_ = nullptr;
}

SwitchHistory SwitchLog::take() {
  SwitchHistory history{from_ns_, mono_now().ns, {}};
  // Nothing is written while we read.
  ::ioctl(event_.get(), PERF_EVENT_IOC_DISABLE, 0);
  const auto* page = static_cast<const perf_event_mmap_page*>(pages_);
  const auto written = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
  const std::span ring(static_cast<const std::byte*>(pages_) + kPage, kPage);
  auto switches = parse_switches(ring, written);
  unmap();
  event_.reset();
  if (!switches) {
    history.from_ns = history.to_ns;
    return history;
  }
  history.switches = std::move(*switches);
  if (written > ring.size()) history.from_ns = history.switches.front().at_ns;
  // Those between the opening of the log and the look at the clock, and the other way round.
  std::erase_if(history.switches, [&history](const Switch& one) {
    return one.at_ns < history.from_ns || one.at_ns > history.to_ns;
  });
  return history;
}

}  // namespace netstall
