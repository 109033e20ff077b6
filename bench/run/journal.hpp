// The finished repetitions of a run on disk, until its report is written: what a
// crash must not lose.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "base/file.hpp"
#include "model/report.hpp"
#include "model/scenario.hpp"

namespace netstall {

// One line that names the scenario and which of its cells are run, then one per repetition, each
// synced before append() returns. Destroyed with no repetition in it, it leaves no file. Not
// thread-safe.
class Journal {
 public:
  // Throws Error when the file cannot be made; usage when another run is writing it
  // or an earlier one, killed, left repetitions in it.
  Journal(const std::filesystem::path& path, const Campaign& campaign);
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  ~Journal();

  // Throws Error when it cannot be written, as on a full disk; what was appended
  // before is still whole.
  void append(const Repetition& repetition);

 private:
  std::filesystem::path path_;
  Fd lock_;
  SyncedAppender lines_;
  bool empty_ = true;
};

// The repetitions of a journal, sorted into the cells of its campaign. A torn last
// line (a crash while writing) is left out. Throws Error (usage) when it is of
// another scenario, or of other cells of it.
std::vector<CellResult> read_journal(const Campaign& campaign,
                                     const std::filesystem::path& journal);

}  // namespace netstall
