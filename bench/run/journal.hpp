// The finished repetitions of a run on disk, until its report is written: what a
// crash must not lose.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "base/file.hpp"
#include "model/journal_lines.hpp"
#include "model/report.hpp"
#include "model/scenario.hpp"

namespace netstall {

// A repetition that need not be run again.
struct FinishedRepetition {
  std::uint32_t cell = 0;
  std::uint32_t index = 0;
  Status status = Status::ok;
};

enum class JournalStart : std::uint8_t { fresh, resumed };

// One line that names what is run and which of its cells, then one per repetition, each
// synced before append() returns. Destroyed with no repetition in it, it leaves no file.
// Not thread-safe.
class Journal {
 public:
  // fresh: a new one; the head's started_at is set to now. resumed: the one that a
  // killed or interrupted run left. Throws Error when the file cannot be made; usage
  // when another run is writing it, when a fresh one would lose an earlier run's
  // repetitions, and when one to resume is not there or its head differs in more
  // than started_at.
  Journal(const std::filesystem::path& path, const JournalHead& head, JournalStart start);
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  ~Journal();

  // Of the run that is resumed: all but what was interrupted.
  const std::vector<FinishedRepetition>& finished() const noexcept { return finished_; }
  // Throws Error when it cannot be written, as on a full disk; what was appended
  // before is still whole.
  void append(const Repetition& repetition);

 private:
  void begin(JournalHead head);
  void take_up(const JournalHead& head);

  std::filesystem::path path_;
  Fd lock_;
  SyncedAppender lines_;
  std::vector<FinishedRepetition> finished_;
  bool empty_ = true;
};

// The repetitions of a journal, sorted into the cells of its campaign; of one that
// was run again after an interruption the later. A torn last line (a crash while
// writing) is left out. Throws Error (usage) when it is of another scenario, or of
// other cells of it.
std::vector<CellResult> read_journal(const Campaign& campaign,
                                     const std::filesystem::path& journal);

// Throws Error (usage) where a run with this head cannot go on with that journal, which says
// in what they differ.
void require_resumable(const std::filesystem::path& journal, const JournalHead& head);

struct JournalHistory {
  JournalHead head;
  std::vector<std::string> resumed_at;
};

// Throws Error (usage) on what is no journal.
JournalHistory read_journal_history(const std::filesystem::path& journal);

// The journals beside reports of `folder` that hold repetitions of this scenario and
// that nobody is writing.
std::vector<std::filesystem::path> journals_left(const std::filesystem::path& folder,
                                                 std::string_view scenario_hash);

}  // namespace netstall
