// Where a trace's lines go, without ever waiting for a slow reader.
#pragma once

#include <string>
#include <string_view>

#include "base/fd.hpp"

namespace netstall {

// Keeps what its reader has not taken yet. Not thread-safe.
class TraceOutput {
 public:
  // Standard output, or a file that is made anew. Throws Error (usage) where it
  // cannot be written.
  explicit TraceOutput(const std::string& file);

  int fd() const noexcept { return file_ ? file_.get() : 1; }
  void add(std::string_view text) { pending_ += text; }
  bool empty() const noexcept { return pending_.empty(); }

  // Writes what the reader takes now. Throws Error where it cannot be written.
  void write_some();
  // Writes all, and waits for the reader; gives up once `stop` is readable, false. Throws Error.
  bool write_all(int stop);

 private:
  Fd file_;
  std::string name_;
  std::string pending_;
};

}  // namespace netstall
