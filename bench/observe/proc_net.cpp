#include "bench/observe/proc_net.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace netstall {
namespace {

// Settings and states among the counters of netstat and snmp.
constexpr std::array<std::string_view, 6> kSettings{"Ip.Forwarding",    "Ip.DefaultTTL",
                                                    "Tcp.RtoAlgorithm", "Tcp.RtoMin",
                                                    "Tcp.RtoMax",       "Tcp.MaxConn"};
constexpr std::array<std::string_view, 2> kStates{"Tcp.CurrEstab", "MPTcpExt.MPCurrEstab"};

constexpr std::array<std::string_view, 4> kSnmp6Groups{"Ip6", "Icmp6", "UdpLite6", "Udp6"};

struct SoftnetColumn {
  std::size_t index;
  std::string_view name;
};
// softnet_seq_show() of net/core/net-procfs.c; column 13 (index 12) is the CPU.
constexpr std::array<SoftnetColumn, 5> kSoftnetColumns{{{0, "processed"},
                                                        {1, "dropped"},
                                                        {2, "time_squeeze"},
                                                        {9, "received_rps"},
                                                        {10, "flow_limit"}}};
constexpr std::size_t kSoftnetCpuColumn = 12;

// The lines of a kernel file, numbered for messages.
class Lines {
 public:
  Lines(std::string_view text, std::string_view file) : rest_(text), file_(file) {
    if (text.empty()) fail("empty");
    // A text cut off within a number would read as a smaller number.
    if (text.back() != '\n') fail("does not end with the end of a line");
  }

  std::optional<std::string_view> next() {
    if (rest_.empty()) return std::nullopt;
    ++number_;
    const auto end = rest_.find('\n');
    const auto line = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return line;
  }

  [[noreturn]] void fail(std::string_view cause) const {
    throw Error(ErrorKind::failed, fmt::format("read {}", file_),
                number_ == 0 ? std::string(cause) : fmt::format("line {}: {}", number_, cause));
  }

 private:
  std::string_view rest_;
  std::string_view file_;
  std::size_t number_ = 0;
};

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  words.reserve(160);  // TcpExt has 135 names
  for (;;) {
    const auto begin = line.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return words;
    line.remove_prefix(begin);
    const auto end = std::min(line.find_first_of(" \t"), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

template <class Integer>
Integer number_of(std::string_view text, const Lines& lines, int base = 10) {
  Integer value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error == std::errc::result_out_of_range) {
    lines.fail(fmt::format("'{}' is too large", text.substr(0, 40)));
  }
  if (error != std::errc() || end != text.data() + text.size()) {
    lines.fail(fmt::format("'{}' is not a number", text.substr(0, 40)));
  }
  return value;
}

void add(std::map<std::string, std::int64_t>& values, std::string name, std::int64_t value,
         const Lines& lines) {
  const auto [place, is_new] = values.emplace(std::move(name), value);
  if (!is_new) lines.fail(fmt::format("'{}' is there twice", place->first));
}

void add_counter(CounterSnapshot& snapshot, std::string name, std::string_view text,
                 const Lines& lines) {
  // The bits of the unsigned value: a difference modulo 2^64 needs no more.
  add(snapshot.counters, std::move(name),
      static_cast<std::int64_t>(number_of<std::uint64_t>(text, lines)), lines);
}

std::string dotted(std::string_view group, std::string_view name) {
  std::string whole;
  whole.reserve(group.size() + 1 + name.size());
  whole.append(group).append(1, '.').append(name);
  return whole;
}

// "Tcp:" → "Tcp".
std::string_view group_of(std::string_view word, const Lines& lines) {
  if (word.size() < 2 || word.back() != ':') {
    lines.fail(fmt::format("'{}' is no name of a group", word.substr(0, 40)));
  }
  return word.substr(0, word.size() - 1);
}

std::string snmp6_name(std::string_view word) {
  for (const auto group : kSnmp6Groups) {
    if (word.starts_with(group)) return dotted(group, word.substr(group.size()));
  }
  return std::string(word);
}

}  // namespace

bool is_setting(std::string_view gauge) {
  return std::find(kSettings.begin(), kSettings.end(), gauge) != kSettings.end();
}

void parse_netstat(std::string_view text, std::string_view file, CounterSnapshot& snapshot) {
  Lines lines(text, file);
  while (const auto name_line = lines.next()) {
    const auto names = words_of(*name_line);
    if (names.empty()) lines.fail("empty line");
    const auto group = group_of(names.front(), lines);
    const auto value_line = lines.next();
    if (!value_line) lines.fail(fmt::format("no values follow the names of {}", group));
    const auto values = words_of(*value_line);
    if (values.empty() || values.front() != names.front()) {
      lines.fail(fmt::format("expected the values of {}", group));
    }
    if (values.size() != names.size()) {
      lines.fail(
          fmt::format("{} has {} names and {} values", group, names.size() - 1, values.size() - 1));
    }
    for (std::size_t i = 1; i < names.size(); ++i) {
      auto name = dotted(group, names[i]);
      const bool gauge =
          is_setting(name) || std::find(kStates.begin(), kStates.end(), name) != kStates.end();
      if (!gauge) {
        add_counter(snapshot, std::move(name), values[i], lines);
      } else {
        const auto value = number_of<std::int64_t>(values[i], lines);
        add(snapshot.gauges, std::move(name), value, lines);
      }
    }
  }
}

void parse_snmp6(std::string_view text, std::string_view file, CounterSnapshot& snapshot) {
  Lines lines(text, file);
  while (const auto line = lines.next()) {
    const auto words = words_of(*line);
    if (words.size() != 2) lines.fail("expected a name and a value");
    add_counter(snapshot, snmp6_name(words[0]), words[1], lines);
  }
}

void parse_sockstat(std::string_view text, std::string_view file, CounterSnapshot& snapshot) {
  Lines lines(text, file);
  while (const auto line = lines.next()) {
    const auto words = words_of(*line);
    if (words.empty()) lines.fail("empty line");
    const auto group = group_of(words.front(), lines);
    if (words.size() % 2 == 0) lines.fail(fmt::format("a value of {} is missing", group));
    for (std::size_t i = 1; i < words.size(); i += 2) {
      add(snapshot.gauges, dotted(group, words[i]), number_of<std::int64_t>(words[i + 1], lines),
          lines);
    }
  }
}

void parse_softnet(std::string_view text, std::string_view file, CounterSnapshot& snapshot) {
  Lines lines(text, file);
  while (const auto line = lines.next()) {
    const auto words = words_of(*line);
    if (words.size() <= kSoftnetCpuColumn) {
      lines.fail(fmt::format("{} columns, and the CPU's number is the 13th", words.size()));
    }
    const auto cpu = number_of<std::uint32_t>(words[kSoftnetCpuColumn], lines, 16);
    for (const auto& column : kSoftnetColumns) {
      add(snapshot.counters, fmt::format("softnet.cpu{}.{}", cpu, column.name),
          number_of<std::uint32_t>(words[column.index], lines, 16), lines);
    }
  }
}

}  // namespace netstall
