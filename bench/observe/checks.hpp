// What this machine can do and what would spoil a measurement, each with the mend:
// the facts behind `netstall doctor`. Nothing is changed.
#pragma once

#include <filesystem>
#include <vector>

#include "model/check.hpp"

namespace netstall {

// What can be told by reading: privileges, kernel, BTF, tracefs, descriptors,
// threads, cgroup memory limits, cores, SMT, governor, turbo, clock source, swap,
// load, CPU quota, virtual machine, TCP memory in use. Works for any user. `root`
// is for tests: a folder with proc/ and sys/ in it. Throws Error only where the
// limits of this process cannot be read (see limits.hpp).
std::vector<Check> host_checks(const std::filesystem::path& root = "/");

// Whether an ordinary user could run here, in a user namespace: tried, in a child.
Check user_namespace_check();

// What can only be told by trying: a namespace of its own, a veth pair in it, its
// source ports; a ring (io_uring); and the space for reports in `results` (or the nearest folder
// above it that exists). All that was made is gone when this returns.
std::vector<Check> trial_checks(const std::filesystem::path& results);

}  // namespace netstall
