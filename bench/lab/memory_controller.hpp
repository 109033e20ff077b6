// cgroup v2's memory controller, for a cgroup of ours: its parent has to give it to all
// of its children, which is a change of the machine where it did not.
//
// Such a parent is marked (an extended attribute), so that whoever removes the last
// netstall-* cgroup below it, another run's too, takes the controller away again. Both
// happen under a lock on the parent (flock).
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "bench/lab/undo_journal.hpp"

namespace netstall {

// Nothing where a child of this cgroup has the memory controller, or can be given it; else
// why not, in a part of a sentence. The kernel wants a parent without processes of its own,
// but for the machine's root.
std::optional<std::string> why_no_memory_children(const std::filesystem::path& cgroup);

// Makes `child`, a cgroup of either version. In cgroup v2 its parent gives it the memory
// controller: where it gave none, that is switched on and the parent is marked. Throws Error;
// then only the mark may be left, which give_back_memory_controller() clears.
void make_memory_cgroup(const std::filesystem::path& child);

// Switches off what make_memory_cgroup() switched on, unless another netstall-* child is
// there, and clears the mark. Nothing where there is none.
UndoResult give_back_memory_controller(const std::filesystem::path& parent,
                                       const Deadline& deadline);

}  // namespace netstall
