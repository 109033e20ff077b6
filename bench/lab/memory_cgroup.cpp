#include "bench/lab/memory_cgroup.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <sstream>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"
#include "bench/lab/memory_controller.hpp"
#include "bench/lab/undo.hpp"

namespace netstall {
namespace {

namespace fs = std::filesystem;

constexpr const char* kV1File = "memory.kmem.tcp.limit_in_bytes";

// "WORD NUMBER" a line.
std::map<std::string, std::int64_t> numbers_in(const fs::path& file) {
  std::map<std::string, std::int64_t> numbers;
  std::istringstream text(try_read_file(file).value_or(""));
  std::string word;
  for (std::int64_t number = 0; text >> word >> number;) numbers.emplace(word, number);
  return numbers;
}

}  // namespace

std::vector<MemoryBound> bounds_of(Bytes tcp_memory_limit) {
  return {{kV1File, tcp_memory_limit}};
}

std::vector<MemoryBound> bounds_of(const MemoryLimitSpec& limit) {
  std::vector<MemoryBound> bounds;
  if (limit.max) bounds.push_back({"memory.max", *limit.max});
  if (limit.high) bounds.push_back({"memory.high", *limit.high});
  return bounds;
}

MemoryCgroup::MemoryCgroup(const fs::path& parent, std::string_view name,
                           const std::vector<MemoryBound>& bounds, UndoJournal& journal,
                           const StepHook& hook)
    : path_(parent / name), ticket_(journal.will_make_cgroup(path_)) {
  journal_ = &journal;
  try {
    if (hook) hook("cgroup_announced");
    make_memory_cgroup(path_);
    if (hook) hook("cgroup_made");
    for (const auto& bound : bounds) set(bound);
    if (hook) hook("cgroup_limited");
  } catch (...) {
    // The destructor of an object that never was does not run.
    remove(Deadline(std::chrono::seconds(1)));
    throw;
  }
}

void MemoryCgroup::set(const MemoryBound& bound) {
  const bool v1 = bound.file == kV1File;
  const auto operation =
      fmt::format("limit {} of {} to {} bytes", v1 ? std::string_view("TCP memory") : bound.file,
                  path_.string(), bound.bytes.count);
  const auto file = path_ / bound.file;
  if (const int error = write_kernel_file(file, fmt::format("{}", bound.bytes.count))) {
    throw_errno(operation, error);
  }
  const auto held = parse_bytes(trimmed(read_file(file)));
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  if (!held || (*held).count != bound.bytes.count / page * page) {
    throw Error(ErrorKind::failed, operation, "the kernel made something else of it");
  }
  description_ += description_.empty() ? (v1 ? "cgroup v1 " : "cgroup v2 ") : "; ";
  description_ +=
      fmt::format("{}, {} bytes", v1 ? std::string_view("kmem.tcp") : bound.file, (*held).count);
}

MemoryReading MemoryCgroup::read() const {
  MemoryReading reading;
  for (const auto& [name, count] : numbers_in(path_ / "memory.events")) {
    reading.events.emplace("memory_cgroup." + name, count);
  }
  const auto current = parse_bytes(trimmed(try_read_file(path_ / "memory.current").value_or("")));
  const auto stat = numbers_in(path_ / "memory.stat");
  const auto sockets = stat.find("sock");
  if (!current || sockets == stat.end()) return reading;
  reading.bytes.emplace("memory_cgroup.current", static_cast<std::int64_t>((*current).count));
  reading.bytes.emplace("memory_cgroup.sock", sockets->second);
  return reading;
}

MemoryCgroup::MemoryCgroup(MemoryCgroup&& other) noexcept
    : path_(std::move(other.path_)),
      description_(std::move(other.description_)),
      journal_(std::exchange(other.journal_, nullptr)),
      ticket_(other.ticket_) {}

MemoryCgroup& MemoryCgroup::operator=(MemoryCgroup&& other) noexcept {
  if (this != &other) {
    remove(Deadline(std::chrono::seconds(1)));
    path_ = std::move(other.path_);
    description_ = std::move(other.description_);
    journal_ = std::exchange(other.journal_, nullptr);
    ticket_ = other.ticket_;
  }
  return *this;
}

MemoryCgroup::~MemoryCgroup() {
  remove(Deadline(std::chrono::seconds(1)));
}

UndoResult MemoryCgroup::remove(const Deadline& deadline) noexcept {
  if (journal_ == nullptr) return {};
  auto* journal = std::exchange(journal_, nullptr);
  auto result = remove_cgroup(path_, deadline);
  if (result.worth_another_try) return result;
  try {
    journal->undone(ticket_);
  } catch (const Error&) {
    // The guardian finds the cgroup gone.
  }
  return result;
}

}  // namespace netstall
