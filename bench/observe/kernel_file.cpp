#include "bench/observe/kernel_file.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>

#include "base/error.hpp"

namespace netstall {

void read_again(const Fd& fd, std::string_view name, std::string& text) {
  // Larger than any of these files, so that one call takes the whole of it and no
  // part is of a later moment than the rest. The loop only finds the end.
  std::array<char, std::size_t{64} << 10> chunk;
  text.clear();
  for (;;) {
    const ssize_t got =
        ::pread(fd.get(), chunk.data(), chunk.size(), static_cast<off_t>(text.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_errno(fmt::format("read {}", name), errno);
    if (got == 0) return;
    text.append(chunk.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace netstall
