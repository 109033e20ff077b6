// The folder of one run under /run/netstall, and who looks after it: whoever does
// holds a lock on its journal, so that a dead one is told from a living one without
// any process number.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "bench/lab/undo.hpp"
#include "bench/lab/undo_journal.hpp"

namespace netstall {

constexpr const char* kJournalName = "journal";

// A run's journal, opened and locked against those who look for leftovers.
class RunFolder {
 public:
  // Makes ROOT/RUN_ID with an empty journal. Throws Error, then nothing is left.
  static RunFolder make(const std::filesystem::path& root, const std::string& run_id);
  // The same folder for the other one who looks after it. Throws Error when it is
  // there no more, or already being restored.
  static RunFolder join(const std::filesystem::path& root, const std::string& run_id);
  // One that nobody looks after any more; nothing when somebody does, or when it
  // is not there.
  static std::optional<RunFolder> adopt(const std::filesystem::path& folder);

  UndoJournal& journal() noexcept { return journal_; }
  const std::filesystem::path& path() const noexcept { return path_; }

  // Undoes what the journal lists (undo_all). Of another boot's nothing can be left.
  UndoOutcome undo(const Deadline& deadline, std::span<const Netns> namespaces = {});
  // Removes journal and folder.
  void remove() noexcept;

 private:
  RunFolder(std::filesystem::path path, UndoJournal journal);
  std::filesystem::path path_;
  UndoJournal journal_;
};

// Whether somebody looks after a run.
bool run_in_use(const std::filesystem::path& folder);

// Every run's folder that nobody looks after, adopted. Folders being made by a
// starting run are not among them. Throws Error when ROOT cannot be read.
std::vector<RunFolder> adopt_orphaned_runs(const std::filesystem::path& root);

}  // namespace netstall
