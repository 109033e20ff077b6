// Quantities as people write them: bytes ("64KiB", "64kB", "65536"), durations
// ("250us", "1.5s"; a bare number is an error), rates ("200/s", "64kB/s",
// "1gbit"). Parsing returns the value or a sentence that says what is allowed.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace netstall {

using Nanoseconds = std::chrono::nanoseconds;

struct Bytes {
  std::uint64_t count = 0;
  friend auto operator<=>(const Bytes&, const Bytes&) = default;
};

// Something per second: messages or bytes.
struct Rate {
  enum class Of { events, bytes };
  double per_second = 0;
  Of of = Of::events;
  friend bool operator==(const Rate&, const Rate&) = default;
};

// A value, or why the text is none: "expected a size such as 64KiB, 64kB or 65536".
template <class T>
class Parsed {
 public:
  Parsed(T value) : result_(std::move(value)) {}  // NOLINT(google-explicit-constructor)
  static Parsed failure(std::string why) {
    Parsed parsed;
    parsed.result_ = Why{std::move(why)};
    return parsed;
  }
  explicit operator bool() const noexcept { return std::holds_alternative<T>(result_); }
  const T& operator*() const { return std::get<T>(result_); }
  const std::string& why() const { return std::get<Why>(result_).text; }

 private:
  struct Why {
    std::string text;
  };
  Parsed() = default;
  std::variant<T, Why> result_;
};

Parsed<Bytes> parse_bytes(std::string_view text);
Parsed<Nanoseconds> parse_duration(std::string_view text);
Parsed<Rate> parse_rate(std::string_view text);

// Exact where a binary unit divides the count ("64KiB"), else the plain count.
std::string to_text(Bytes bytes);
// Exact, in the largest unit that keeps it whole ("1500ms", "250us").
std::string to_text(Nanoseconds duration);
std::string to_text(Rate rate);

// For people: three digits and a unit ("1.23 GB/s", "204 ms", "9.31 GiB").
std::string human_bytes(double bytes);
std::string human_duration(double nanoseconds);
std::string human_count(double count);
// Of a difference, 0.0123 as "+1.23 %"; what is none to two places has no sign.
std::string human_change(double share);
// "1 cell", "3 cells".
std::string counted(std::uint64_t count, std::string_view what);

}  // namespace netstall
