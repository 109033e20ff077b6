#include "bench/cli/exit_status.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <new>

namespace netstall {

ExitStatus guarded(const std::function<ExitStatus()>& command) {
  try {
    const auto status = command();
    // What still waits in the buffer may find a full disk, or nobody.
    if (std::fflush(stdout) != 0) throw_errno("write to standard output", errno);
    return status;
  } catch (const Error& error) {
    fmt::print(stderr, "netstall: {}\n", error.what());
    if (!error.remedy().empty()) fmt::print(stderr, "  → {}\n", error.remedy());
    return exit_status_of(error.kind());
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "netstall: out of memory\n");
  } catch (const std::exception& error) {
    fmt::print(stderr, "netstall: {}\n", error.what());
  }
  return ExitStatus::failed;
}

}  // namespace netstall
