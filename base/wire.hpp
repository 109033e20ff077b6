// Turns plain structs into bytes and back. A struct lists its members once,
//   template <class Visitor> void fields(Visitor& v) { v(index, bytes, name); }
// and both directions follow that list. Integers are LEB128 varints, signed ones
// zig-zag; strings and vectors carry their length. No pointers, no padding.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/error.hpp"
#include "base/histogram.hpp"
#include "base/units.hpp"

namespace netstall {

class WireWriter {
 public:
  template <class... Members>
  void operator()(const Members&... members) {
    (put(members), ...);
  }
  std::string take() { return std::move(bytes_); }

 private:
  void put_varint(std::uint64_t value);
  void put_bytes(std::string_view bytes);

  template <class T>
  void put(const T& value) {
    if constexpr (std::is_enum_v<T>) {
      put_varint(static_cast<std::uint64_t>(value));
    } else if constexpr (std::is_same_v<T, bool> || std::unsigned_integral<T>) {
      put_varint(value);
    } else if constexpr (std::signed_integral<T>) {
      const auto wide = static_cast<std::int64_t>(value);
      put_varint((static_cast<std::uint64_t>(wide) << 1) ^ static_cast<std::uint64_t>(wide >> 63));
    } else if constexpr (std::is_same_v<T, double>) {
      put_varint(std::bit_cast<std::uint64_t>(value));
    } else {
      // fields() is written once for both directions and so is not const.
      const_cast<T&>(value).fields(*this);
    }
  }
  void put(const std::string& text) { put_bytes(text); }
  void put(const Nanoseconds& duration) { put(static_cast<std::int64_t>(duration.count())); }
  void put(const Bytes& bytes) { put(bytes.count); }
  void put(const Histogram& histogram);
  template <class T>
  void put(const std::optional<T>& value) {
    put(value.has_value());
    if (value) put(*value);
  }
  template <class T>
  void put(const std::vector<T>& values) {
    put_varint(values.size());
    for (const auto& value : values) put(value);
  }
  template <class K, class V>
  void put(const std::map<K, V>& values) {
    put_varint(values.size());
    for (const auto& [key, value] : values) {
      put(key);
      put(value);
    }
  }

  std::string bytes_;
};

// Reads what a WireWriter wrote; throws Error on anything else: truncation,
// overlong numbers, lengths beyond the input.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : bytes_(bytes) {}
  template <class... Members>
  void operator()(Members&... members) {
    (get(members), ...);
  }
  void expect_end() const;

 private:
  std::uint64_t get_varint();
  std::string_view get_bytes();
  // A length that the rest of the input can hold at one byte an element.
  std::size_t get_length();
  [[noreturn]] static void fail(std::string_view cause);

  template <class T>
  void get(T& value) {
    if constexpr (std::is_enum_v<T>) {
      std::underlying_type_t<T> raw{};
      get(raw);
      value = static_cast<T>(raw);
    } else if constexpr (std::is_same_v<T, bool>) {
      value = get_varint() != 0;
    } else if constexpr (std::unsigned_integral<T>) {
      const auto wide = get_varint();
      value = static_cast<T>(wide);
      if (value != wide) fail("a number does not fit");
    } else if constexpr (std::signed_integral<T>) {
      const auto raw = get_varint();
      const auto wide = static_cast<std::int64_t>((raw >> 1) ^ (~(raw & 1) + 1));
      value = static_cast<T>(wide);
      if (value != wide) fail("a number does not fit");
    } else if constexpr (std::is_same_v<T, double>) {
      value = std::bit_cast<double>(get_varint());
    } else {
      value.fields(*this);
    }
  }
  void get(std::string& text) { text = get_bytes(); }
  void get(Nanoseconds& duration) {
    std::int64_t count = 0;
    get(count);
    duration = Nanoseconds(count);
  }
  void get(Bytes& bytes) { get(bytes.count); }
  void get(Histogram& histogram);
  template <class T>
  void get(std::optional<T>& value) {
    bool present = false;
    get(present);
    value.reset();
    if (present) get(value.emplace());
  }
  template <class T>
  void get(std::vector<T>& values) {
    const auto length = get_length();
    values.clear();
    for (std::size_t i = 0; i < length; ++i) get(values.emplace_back());
  }
  template <class K, class V>
  void get(std::map<K, V>& values) {
    const auto length = get_length();
    values.clear();
    for (std::size_t i = 0; i < length; ++i) {
      K key{};
      get(key);
      get(values[key]);
    }
  }

  std::string_view bytes_;
};

template <class T>
std::string to_wire(const T& message) {
  WireWriter writer;
  writer(message);
  return writer.take();
}

template <class T>
T from_wire(std::string_view bytes) {
  WireReader reader(bytes);
  T message{};
  reader(message);
  reader.expect_end();
  return message;
}

}  // namespace netstall
