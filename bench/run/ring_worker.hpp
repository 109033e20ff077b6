// The worker that sends by io_uring, which is a program of its own.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/fd.hpp"

namespace netstall {

// Where it lies: beside this program's bin/ in libexec/netstall/.
std::filesystem::path ring_worker_file();

// Nothing, or a sentence why it cannot be started, or could make no ring.
std::optional<std::string> why_no_ring_worker();

// To be executed. Throws Error (incapable).
Fd open_ring_worker();

}  // namespace netstall
