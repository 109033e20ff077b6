// Keeps libbpf from printing, and keeps what it said for a reason.
#pragma once

#include <string>
#include <vector>

namespace netstall {

// While one lives, what libbpf says on this thread goes into it. From the first on
// libbpf prints nothing, on any thread. Bound to the thread that made it; do not
// nest.
class LibbpfMessages {
 public:
  LibbpfMessages();
  LibbpfMessages(const LibbpfMessages&) = delete;
  LibbpfMessages& operator=(const LibbpfMessages&) = delete;
  ~LibbpfMessages();

  // Why something failed with this errno: its text and name, and the line that
  // tells most: the verifier's last word, else libbpf's first.
  std::string reason(int error_number) const;

  // Forgets what was said.
  void clear() { lines_.clear(); }

 private:
  friend struct LibbpfPrinter;
  std::vector<std::string> lines_;
};

}  // namespace netstall
