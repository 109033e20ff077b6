// Whether workers can make a ring (io_uring) on this machine.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace netstall {

// Nothing, or a sentence why not: the kernel has none, kernel.io_uring_disabled keeps it from
// programs without privileges, which workers are, or a seccomp filter does. A ring is made to
// see, and is gone. `root` is for tests: a folder with proc/ in it.
std::optional<std::string> why_no_io_uring(const std::filesystem::path& root = "/");

}  // namespace netstall
