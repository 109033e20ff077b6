// Walks through JSON text of any length in a buffer of fixed size, copying or skipping
// whole values: what is copied is for a real parser, which checks it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/fd.hpp"

namespace netstall {

// Not thread-safe. Every member throws Error (usage) where the text is not what it is
// asked for, or ends.
class JsonScanner {
 public:
  static constexpr std::size_t kBuffer = std::size_t{1} << 20;
  explicit JsonScanner(Fd file, std::size_t buffer = kBuffer);

  // The next byte that is no white space; it stays.
  char peek();
  void expect(char wanted);
  // Only white space is left.
  void expect_end();

  // A string's text between its quotes, escapes as they stand.
  std::string string();

  // One value: appended to `out` as it stands, or skipped where that is null. Skipped
  // ones are checked for quotes and brackets alone.
  void value(std::string* out);

  // Calls on_key(key) at each value of an object, which it must consume.
  template <class OnKey>
  void object(OnKey on_key) {
    expect('{');
    if (closes('}')) return;
    for (;;) {
      const auto key = string();
      expect(':');
      on_key(key);
      if (closes('}')) return;
      expect(',');
    }
  }

  // Calls on_entry(index) at each value of a list.
  template <class OnEntry>
  void list(OnEntry on_entry) {
    expect('[');
    if (closes(']')) return;
    for (std::size_t index = 0;; ++index) {
      on_entry(index);
      if (closes(']')) return;
      expect(',');
    }
  }

 private:
  bool fill();  // false at the end of the file
  bool closes(char bracket);
  void skip_value();
  void skip_string();  // from its first quote to behind its last one
  void skip_scalar();
  void skip_nested();

  Fd file_;
  std::string buffer_;
  std::size_t at_ = 0;
  std::size_t end_ = 0;
  std::string* copy_ = nullptr;  // what is consumed from copied_ on goes there
  std::size_t copied_ = 0;
};

}  // namespace netstall
