// What a scenario's key may hold: one small type for each kind of value, with its
// bounds and the words in which a fault says them.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "base/units.hpp"
#include "model/names.hpp"

namespace netstall {

constexpr std::uint64_t kMaxPayload = std::uint64_t{1} << 30;
constexpr std::size_t kMaxSizes = 65536;  // of a list of message sizes
constexpr std::uint64_t kMaxSocketOption = std::numeric_limits<std::int32_t>::max();
constexpr double kMinMessagesPerSecond = 1e-6;
constexpr double kMaxMessagesPerSecond = 1e9;

struct Flag {
  std::string allowed() const { return "true or false"; }
};

struct Whole {
  std::uint64_t min;
  std::uint64_t max;
  std::string allowed() const;
};

struct Number {
  double min;
  double max;
  std::string allowed() const;
};

struct Size {
  std::uint64_t min;
  std::uint64_t max;
  std::string allowed() const;
};

// A list of sizes, each within the bounds.
struct SizeList {
  std::uint64_t min;
  std::uint64_t max;
  std::size_t most;  // entries
  std::string allowed() const;
};

struct Duration {
  Nanoseconds min;
  Nanoseconds max;
  std::string allowed() const;
};

// "64kB/s": per second and at least one byte in 1,000 seconds.
struct ByteRate {
  static constexpr double kMin = 1e-3;
  static constexpr double kMax = 1e15;
  std::string allowed() const {
    return R"(a rate in bytes above 0, such as "64kB/s", "1MiB/s" or "1gbit")";
  }
};

// "50/s" or "64kB/s".
struct MessageRate {
  std::string allowed() const {
    return R"(a rate above 0 in messages or bytes, such as "200/s", "64kB/s" or "1gbit")";
  }
};

// A bound of an expectation, in the metric's base unit: ns, bytes, 1/s, or a count.
struct Bound {
  std::string allowed() const {
    return R"(a number of at least 0, or a quantity such as "10ms", "64KiB" or "200/s")";
  }
};

// Which cell of the sweep: axes and a label of each.
struct Labels {
  std::string allowed() const {
    return R"(an object of axes and one label of each, such as {"readers": "fast"})";
  }
};

// A name that is fit for file names, cell ids and command lines.
struct NameText {
  static constexpr std::size_t kLongest = 64;
  static bool accepts(std::string_view text);
  std::string allowed() const { return "a name of 1 to 64 letters, digits, '_', '.' or '-'"; }
};

struct AnyText {
  std::string allowed() const { return "a text"; }
};

// What follows "root" on tc's command line.
struct QdiscText {
  static constexpr std::size_t kLongest = 1000;
  static bool accepts(std::string_view text);
  std::string allowed() const {
    return R"(a root qdisc in tc's own syntax, such as "tbf rate 1gbit burst 64kb latency 20ms")";
  }
};

// What `ip link` lists.
struct DeviceText {
  static constexpr std::size_t kLongest = 15;  // IFNAMSIZ
  static bool accepts(std::string_view text);
  std::string allowed() const { return R"(the name of a network device, such as "eth2")"; }
};

// "0-3,8".
struct CpuListText {
  static bool accepts(std::string_view text);
  std::string allowed() const { return R"(a list of CPUs, such as "0-3,8")"; }
};

// "0.1%" → 0.001.
struct Percentage {
  std::string allowed() const { return R"(a percentage from "0%" to "100%", such as "0.1%")"; }
};

struct PathText {
  std::string allowed() const {
    return R"(a path, such as "profiles/c1m.conf", or {"client": path, "server": path})";
  }
};

template <class E>
struct OneOf {
  std::string allowed() const {
    std::string text;
    for (const auto name : Names<E>::list) {
      if (!text.empty()) text += " or ";
      text += "\"" + std::string(name) + "\"";
    }
    return text;
  }
};

// Sysctl names with their values.
struct Sysctls {
  bool net_only;
  // The name's fault, or empty: in which words it is not taken.
  std::string allowed_name() const;
  bool accepts_name(std::string_view name) const;
  std::string allowed() const { return "an object of sysctl names and values"; }
};

struct SysctlNames {
  std::string allowed() const { return R"(a list of sysctl names, as ["net.ipv4.tcp_rmem"])"; }
};

// A list of names, none of them twice.
template <class E>
struct SetOf {
  std::string allowed() const { return "a list of names, each of them once"; }
};

struct Object {
  std::string allowed() const { return "an object"; }
};

struct List {
  std::size_t min;
  std::size_t max;
  std::string allowed() const;
};

// Left for the sweep's own reader (sweep.hpp).
struct Sweep {
  std::string allowed() const { return "an object of axes"; }
};

// Likewise.
struct Exclusions {
  std::string allowed() const { return "a list of {axis: value, or a list of values}"; }
};

}  // namespace netstall
