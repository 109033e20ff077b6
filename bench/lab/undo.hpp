// Undoing what a journal lists: the one way back, whoever takes it: the guardian,
// the controller whose guardian has died, or the next start.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/netns.hpp"
#include "bench/lab/undo_journal.hpp"

namespace netstall {

struct UndoOutcome {
  // One for each thing that is not as it was before the run.
  std::vector<std::string> sentences;
  // What it did, for people: "net.ipv4.tcp_mem in host is back at '1 2 3'".
  std::vector<std::string> done;
  // True when trying again may mend some of it.
  bool worth_another_try = false;
};

// Ends the listed processes and all in the listed cgroups, waits until they are
// gone, then undoes cgroups, sysctls and devices, last first, and marks what is undone
// in the journal. Devices are looked for here and in `namespaces`. Never gives up
// half-way: what fails is a sentence.
UndoOutcome undo_all(const UndoList& list, UndoJournal& journal, const Deadline& deadline,
                     std::span<const Netns> namespaces = {});

// Removes a cgroup once it has no processes and the TCP memory of its sockets is
// given back, and takes from its parent the controller that ours was made with
// (memory_controller.hpp); processes are not ended. One that is not there is fine.
UndoResult remove_cgroup(const std::filesystem::path& path, const Deadline& deadline);

}  // namespace netstall
