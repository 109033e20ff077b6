#include "bench/lab/undo_journal.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"

namespace netstall {
namespace {

constexpr std::string_view kHead = "netstall-undo 1";

// Fields are separated by one space, so that an empty one can be told; within a
// field white space and control characters are written as %XX.
std::string escaped(std::string_view field) {
  std::string text;
  for (const char c : field) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7f || c == '%') {
      text += fmt::format("%{:02X}", byte);
    } else {
      text.push_back(c);
    }
  }
  return text;
}

std::optional<std::string> unescaped(std::string_view field) {
  std::string text;
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (field[i] != '%') {
      text.push_back(field[i]);
      continue;
    }
    unsigned byte = 0;
    if (i + 2 >= field.size()) return std::nullopt;
    const char* first = field.data() + i + 1;
    if (std::from_chars(first, first + 2, byte, 16).ptr != first + 2) return std::nullopt;
    text.push_back(static_cast<char>(byte));
    i += 2;
  }
  return text;
}

template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The fields of a line, unescaped; none at all where one is not as we write it.
std::vector<std::string> split(std::string_view line) {
  std::vector<std::string> fields;
  for (;;) {
    const auto space = line.find(' ');
    auto field = unescaped(line.substr(0, space));
    if (!field) return {};
    fields.push_back(std::move(*field));
    if (space == std::string_view::npos) return fields;
    line.remove_prefix(space + 1);
  }
}

std::optional<UndoEntry> parse_entry(const std::vector<std::string>& fields) {
  if (fields.size() == 2 && fields[0] == "cgroup") return CgroupEntry{fields[1]};
  if (fields.size() == 3 && fields[0] == "device") return DeviceEntry{fields[1], fields[2]};
  if (fields.size() == 5 && fields[0] == "sysctl") {
    return SysctlEntry{fields[1], fields[2], fields[3], fields[4], false};
  }
  if (fields.size() == 3 && fields[0] == "process") {
    const auto pid = number<pid_t>(fields[1]);
    const auto start_time = number<std::uint64_t>(fields[2]);
    if (pid && *pid > 0 && start_time) return ProcessEntry{*pid, *start_time};
  }
  return std::nullopt;
}

// Takes one whole line into the list; false when it is none of ours.
bool take_line(std::string_view line, std::vector<std::optional<UndoEntry>>& entries,
               UndoList& list) {
  const auto fields = split(line);
  if (fields.size() == 3 && fields[0] + " " + fields[1] == kHead) {
    list.boot_id = fields[2];
    return true;
  }
  if (fields.size() == 2 && fields[0] == "undone") {
    const auto ticket = number<UndoTicket>(fields[1]);
    if (!ticket || *ticket >= entries.size()) return false;
    entries[*ticket].reset();
    return true;
  }
  if (fields.size() == 2 && fields[0] == "confirmed") {
    const auto ticket = number<UndoTicket>(fields[1]);
    if (!ticket || *ticket >= entries.size() || !entries[*ticket]) return false;
    auto* sysctl = std::get_if<SysctlEntry>(&*entries[*ticket]);
    if (sysctl != nullptr) sysctl->confirmed = true;
    return sysctl != nullptr;
  }
  auto entry = parse_entry(fields);
  if (!entry) return false;
  entries.emplace_back(std::move(entry));
  return true;
}

}  // namespace

UndoList parse_undo_journal(std::string_view text) {
  UndoList list;
  std::vector<std::optional<UndoEntry>> entries;
  for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    const auto line = text.substr(0, end);
    if (!take_line(line, entries, list)) {
      list.faults.push_back(fmt::format("the undo journal has a line that is none: '{}'", line));
    }
    text.remove_prefix(end + 1);
  }
  for (std::size_t ticket = 0; ticket < entries.size(); ++ticket) {
    if (entries[ticket]) list.pending.push_back({ticket, std::move(*entries[ticket])});
  }
  return list;
}

UndoJournal UndoJournal::create(const std::filesystem::path& path, std::string_view boot_id) {
  UndoJournal journal(path, O_CREAT | O_EXCL);
  journal.append(fmt::format("{} {}", kHead, escaped(boot_id)), true);
  return journal;
}

UndoJournal UndoJournal::open(const std::filesystem::path& path) {
  return {path, 0};
}

UndoJournal::UndoJournal(std::filesystem::path path, int flags)
    : path_(std::move(path)),
      fd_(::open(path_.c_str(), O_RDWR | O_APPEND | O_CLOEXEC | flags, 0600)) {
  if (!fd_) throw_errno(fmt::format("open {}", path_.string()), errno);
}

UndoTicket UndoJournal::will_make_cgroup(const std::filesystem::path& path) {
  return append_entry(fmt::format("cgroup {}", escaped(path.string())), true);
}

UndoTicket UndoJournal::will_write_sysctl(const SysctlEntry& entry) {
  return append_entry(
      fmt::format("sysctl {} {} {} {}", escaped(entry.key), escaped(entry.file.string()),
                  escaped(entry.before), escaped(entry.after)),
      true);
}

UndoTicket UndoJournal::will_move_device(const DeviceEntry& entry) {
  return append_entry(fmt::format("device {} {}", escaped(entry.name), escaped(entry.state)), true);
}

void UndoJournal::confirm_sysctl(UndoTicket ticket) {
  append(fmt::format("confirmed {}", ticket), false);
}

UndoTicket UndoJournal::watch_process(const ProcessEntry& entry) {
  return append_entry(fmt::format("process {} {}", entry.pid, entry.start_time), false);
}

void UndoJournal::undone(UndoTicket ticket) {
  append(fmt::format("undone {}", ticket), false);
}

UndoTicket UndoJournal::append_entry(std::string_view line, bool sync) {
  append(line, sync);
  return next_++;
}

off_t UndoJournal::size() const {
  struct stat status {};
  if (::fstat(fd_.get(), &status) != 0) throw_errno(fmt::format("read {}", path_.string()), errno);
  return status.st_size;
}

off_t UndoJournal::drop_torn_line() {
  off_t end = size();
  char last = '\n';
  while (end > 0 && ::pread(fd_.get(), &last, 1, end - 1) == 1 && last != '\n') --end;
  if (end != size()) static_cast<void>(!::ftruncate(fd_.get(), end));
  return end;
}

void UndoJournal::append(std::string_view line, bool sync) {
  // What is torn was written by one who died of it: nobody else writes now.
  const off_t before = drop_torn_line();
  int error = write_all(fd_.get(), fmt::format("{}\n", line));
  if (error == 0 && sync && ::fdatasync(fd_.get()) != 0) error = errno;
  if (error == 0) return;
  static_cast<void>(!::ftruncate(fd_.get(), before));
  throw_errno(fmt::format("write to the undo journal {}", path_.string()), error);
}

std::optional<std::uint64_t> process_start_time(pid_t pid) {
  const auto stat = try_read_file(fmt::format("/proc/{}/stat", pid));
  if (!stat) return std::nullopt;
  // The name in parentheses may hold anything; after the last ')' comes field 3.
  const auto name_end = stat->rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::string_view left = std::string_view(*stat).substr(name_end + 1);
  for (int field = 2; field < 22; ++field) {
    const auto space = left.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    left.remove_prefix(space + 1);
  }
  return number<std::uint64_t>(left.substr(0, left.find(' ')));
}

std::string current_boot_id() {
  return std::string(trimmed(read_file("/proc/sys/kernel/random/boot_id")));
}

}  // namespace netstall
