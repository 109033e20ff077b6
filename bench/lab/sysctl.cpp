#include "bench/lab/sysctl.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"
#include "bench/lab/nearest_sysctl.hpp"

namespace netstall {
namespace {

namespace fs = std::filesystem;

constexpr const char* kUseHost =
    "put it under sysctl.host and allow it with --allow-host-sysctl; it then holds for the whole "
    "machine while the lab stands";

std::vector<std::string_view> fields_of(std::string_view text) {
  std::vector<std::string_view> fields;
  for (text = trimmed(text); !text.empty(); text = trimmed(text)) {
    const auto end = std::min(text.find_first_of(" \t\n"), text.size());
    fields.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return fields;
}

// As the kernel's proc_dointvec reads it: decimal, 0x… or 0….
std::optional<long long> integer(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text.starts_with('0')) {
    base = 8;
  }
  long long value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return negative ? -value : value;
}

bool same_field(std::string_view one, std::string_view other) {
  if (one == other) return true;
  const auto value = integer(one);
  return value && value == integer(other);
}

// For people: fields joined by one space.
std::string shown(std::string_view text) {
  return fmt::format("'{}'", fmt::join(fields_of(text), " "));
}

std::string operation(std::string_view scope, std::string_view key) {
  return fmt::format("set {} in {}", key, scope);
}

[[noreturn]] void fail_unknown(const SysctlTree& tree, std::string_view scope,
                               std::string_view key) {
  const auto nearest = nearest_sysctl(tree.root, key);
  throw Error(ErrorKind::usage, operation(scope, key), "there is no such sysctl",
              nearest.empty() ? "sysctl -aN lists the ones of this machine"
                              : fmt::format("did you mean {}?", nearest));
}

// A namespace's default is held to the host's list (tcp_set_default_congestion_control).
[[noreturn]] void fail_restricted(const fs::path& file, std::string_view scope,
                                  std::string_view key, std::string_view value) {
  constexpr const char* kList = "net.ipv4.tcp_allowed_congestion_control";
  const auto allowed = try_read_file(file.parent_path() / "tcp_allowed_congestion_control");
  throw Error(ErrorKind::usage, operation(scope, key),
              fmt::format("a namespace may have only what {} of the host lists: {}", kList,
                          allowed ? shown(*allowed) : "nothing readable"),
              fmt::format("allow it on the host: sysctl -w {}='{} {}'", kList,
                          allowed ? trimmed(*allowed) : std::string_view(), trimmed(value)));
}

[[noreturn]] void fail_refused(const fs::path& file, std::string_view scope, std::string_view key,
                               std::string_view value, std::string_view before, int error) {
  if (error == EROFS) {
    throw Error(ErrorKind::incapable, operation(scope, key), "/proc/sys is mounted read-only",
                "run outside the container, or let it have a /proc/sys that can be written");
  }
  if (error == EPERM && ::geteuid() == 0 && file.filename() == "tcp_congestion_control") {
    fail_restricted(file, scope, key, value);
  }
  if (error == EPERM || error == EACCES) {
    throw_errno(operation(scope, key), error, "run as root, where the sysctl can be written");
  }
  if (error == EIO) {
    throw Error(ErrorKind::usage, operation(scope, key),
                fmt::format("the kernel takes only a part of {}", shown(value)),
                fmt::format("it holds {}", shown(before)));
  }
  throw Error(ErrorKind::usage, operation(scope, key),
              fmt::format("the kernel refuses {}: {}", shown(value), errno_text(error)),
              fmt::format("it holds {}", shown(before)));
}

// Writes and reads back. Throws Error as write_sysctl; what the kernel made of
// the value instead is then still there.
void write_checked(const fs::path& file, std::string_view scope, std::string_view key,
                   std::string_view value, std::string_view before) {
  if (const int error = write_kernel_file(file, value)) {
    fail_refused(file, scope, key, value, before, error);
  }
  const auto now = try_read_file(file);
  if (now && same_sysctl_value(*now, value)) return;
  throw Error(
      ErrorKind::usage, operation(scope, key),
      fmt::format("the kernel made {} of {}", now ? shown(*now) : "nothing readable", shown(value)),
      fmt::format("give a value that it takes as it is, with all its fields; it held {}",
                  shown(before)));
}

std::string read_before(const SysctlTree& tree, std::string_view scope, std::string_view key) {
  const auto file = tree.file_of(key);
  std::error_code ignored;
  if (!fs::is_regular_file(file, ignored)) fail_unknown(tree, scope, key);
  auto text = try_read_file(file);
  if (!text) {
    throw Error(ErrorKind::usage, operation(scope, key),
                "it cannot be read, so nobody could check it or put it back");
  }
  return std::string(trimmed(*text));
}

// Whether a key's value belongs to the namespace of the calling thread. Only net.*
// can; there the kernel hides what is the machine's or shows it read-only
// (ensure_safe_net_sysctl sees to it).
void require_own_value(const SysctlTree& tree, std::string_view scope, std::string_view key,
                       bool writable_outside) {
  const auto file = tree.file_of(key);
  struct stat status {};
  const bool exists = ::stat(file.c_str(), &status) == 0;
  if (!exists && !writable_outside) fail_unknown(tree, scope, key);
  const bool in_net = fs::path(file).lexically_relative(tree.root).begin()->string() == "net";
  const bool writable = exists && (status.st_mode & S_IWUSR) != 0;
  if (in_net && writable) return;
  if (writable_outside || !in_net) {
    throw Error(ErrorKind::usage, operation(scope, key),
                "its value is the whole machine's, a namespace has none of its own", kUseHost);
  }
  throw Error(ErrorKind::usage, operation(scope, key), "it is read-only");
}

bool writable(const fs::path& file) {
  struct stat status {};
  return ::stat(file.c_str(), &status) == 0 && (status.st_mode & S_IWUSR) != 0;
}

}  // namespace

fs::path SysctlTree::file_of(std::string_view key) const {
  // sysctl.d's rule: the first separator is the one between words; the other one
  // then stands for a dot within a word.
  const auto first = key.find_first_of("./");
  std::string relative(key);
  if (first != std::string_view::npos && key[first] == '.') {
    for (char& c : relative) c = c == '.' ? '/' : c == '/' ? '.' : c;
  }
  const fs::path path(relative);
  const bool leaves = path.empty() || path.is_absolute() ||
                      std::any_of(path.begin(), path.end(), [](const auto& part) {
                        return part == ".." || part == "." || part.empty();
                      });
  if (leaves)
    throw Error(ErrorKind::usage, fmt::format("set '{}'", key), "this is no sysctl's name");
  return root / path;
}

std::optional<std::vector<long long>> sysctl_integers(std::string_view text) {
  std::vector<long long> values;
  for (const auto field : fields_of(text)) {
    const auto value = integer(field);
    if (!value) return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

std::optional<std::string_view> changes_beside(std::string_view key) {
  constexpr std::string_view kIpv4 = "net.ipv4.conf.";
  constexpr std::string_view kIpv6 = "net.ipv6.conf.";
  const bool ipv4 = key.starts_with(kIpv4);
  const bool ipv6 = key.starts_with(kIpv6);
  if (key == "net.ipv4.ip_forward" || ((ipv4 || ipv6) && key.ends_with(".forwarding"))) {
    return "forwarding, redirects and routes of other devices";
  }
  if (ipv6 && (key.ends_with(".disable_ipv6") || key.ends_with(".addr_gen_mode"))) {
    return "IPv6 addresses of devices";
  }
  if (key.starts_with("net.ipv4.conf.default.") || key == "net.ipv6.conf.all.disable_policy" ||
      key == "net.ipv6.conf.all.ignore_routes_with_linkdown") {
    return "the same setting of other devices";
  }
  return std::nullopt;
}

bool same_sysctl_value(std::string_view one, std::string_view other) {
  const auto left = fields_of(one);
  const auto right = fields_of(other);
  return std::equal(left.begin(), left.end(), right.begin(), right.end(), same_field);
}

void write_sysctl(const SysctlTree& tree, std::string_view scope, std::string_view key,
                  std::string_view value) {
  const auto before = read_before(tree, scope, key);
  try {
    write_checked(tree.file_of(key), scope, key, value, before);
  } catch (const Error&) {
    static_cast<void>(write_kernel_file(tree.file_of(key), before));
    throw;
  }
}

void write_side_sysctls(const SysctlTree& tree, const Netns& netns, Side side,
                        const SysctlMap& values) {
  const auto scope = name_of(side);
  std::vector<bool> writable_outside;
  for (const auto& [key, value] : values) writable_outside.push_back(writable(tree.file_of(key)));
  const ScopedNetns inside(netns);
  auto outside = writable_outside.begin();
  for (const auto& [key, value] : values) {
    require_own_value(tree, scope, key, *outside++);
    write_sysctl(tree, scope, key, value);
  }
}

SysctlOverride::SysctlOverride(const SysctlTree& tree, std::string_view key, std::string_view value,
                               UndoJournal& journal, const StepHook& hook)
    : entry_{std::string(key), tree.file_of(key), read_before(tree, "host", key),
             std::string(value), false},
      ticket_(journal.will_write_sysctl(entry_)) {
  try {
    if (hook) hook("host_sysctl_announced");
    write_checked(entry_.file, "host", key, value, entry_.before);
    if (hook) hook("host_sysctl_written");
    journal.confirm_sysctl(ticket_);
    entry_.confirmed = true;
    journal_ = &journal;
  } catch (...) {
    // The destructor of an object that never was does not run.
    journal_ = &journal;
    restore();
    throw;
  }
}

SysctlOverride::SysctlOverride(SysctlOverride&& other) noexcept
    : entry_(std::move(other.entry_)),
      journal_(std::exchange(other.journal_, nullptr)),
      ticket_(other.ticket_) {}

SysctlOverride& SysctlOverride::operator=(SysctlOverride&& other) noexcept {
  if (this != &other) {
    restore();
    entry_ = std::move(other.entry_);
    journal_ = std::exchange(other.journal_, nullptr);
    ticket_ = other.ticket_;
  }
  return *this;
}

SysctlOverride::~SysctlOverride() {
  restore();
}

UndoResult SysctlOverride::restore() noexcept {
  if (journal_ == nullptr) return {};
  auto* journal = std::exchange(journal_, nullptr);
  auto result = restore_sysctl(entry_);
  if (result.worth_another_try) return result;
  try {
    journal->undone(ticket_);
  } catch (const Error&) {
    // The guardian finds the old value there and leaves it.
  }
  return result;
}

UndoResult restore_sysctl(const SysctlEntry& entry) {
  const auto now = try_read_file(entry.file);
  if (!now) return {fmt::format("{} in host cannot be read any more", entry.key), false};
  if (same_sysctl_value(*now, entry.before)) return {};
  if (entry.confirmed && !same_sysctl_value(*now, entry.after)) {
    return {fmt::format("{} in host is {}: somebody else changed it from the run's {} (before the "
                        "run it was {}); left alone",
                        entry.key, shown(*now), shown(entry.after), shown(entry.before)),
            false};
  }
  const int error = write_kernel_file(entry.file, entry.before);
  const auto after = try_read_file(entry.file);
  if (error == 0 && after && same_sysctl_value(*after, entry.before)) return {};
  return {fmt::format("put {} in host back to {}: {}", entry.key, shown(entry.before),
                      error != 0 ? errno_text(error) : "the kernel made something else of it"),
          true};
}

}  // namespace netstall
