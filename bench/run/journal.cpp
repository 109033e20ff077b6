#include "bench/run/journal.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "model/report_json.hpp"

namespace netstall {
namespace {

constexpr std::size_t kMostBytes = std::size_t{4} << 30;

constexpr const char* kSuffix = ".json.journal";

std::string operation_on(const std::filesystem::path& path) {
  return fmt::format("write {}", path.string());
}

// Nobody else writes the file when this returns.
Fd lock_of(const std::filesystem::path& path, int flags) {
  Fd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | flags, 0644));
  if (!fd) throw_errno(operation_on(path), errno);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    throw Error(ErrorKind::usage, operation_on(path), "another run is writing it",
                "name another report with -o");
  }
  return fd;
}

// Whether the run that wrote it ended in order, by a signal: its report has all that
// is in the journal.
bool ended_by_a_signal(std::string_view text) {
  if (!text.ends_with('\n')) return false;
  text.remove_suffix(1);
  try {
    return repetition_from_json_line(text.substr(text.rfind('\n') + 1)).status ==
           Status::interrupted;
  } catch (const Error&) {
    return false;
  }
}

// A file whose repetitions nobody will miss, and nobody else writes it.
Fd claim(const std::filesystem::path& path) {
  auto fd = lock_of(path, O_CREAT);
  const auto text = read_file(path, kMostBytes);
  const auto head = text.find('\n');
  const bool any = head != std::string::npos && text.find('\n', head + 1) != std::string::npos;
  if (any && !ended_by_a_signal(text)) {
    throw Error(ErrorKind::usage, operation_on(path),
                "it holds finished repetitions of an earlier run that was killed",
                "go on with it by --resume, keep it elsewhere or remove it, or name another report "
                "with -o");
  }
  if (::ftruncate(fd.get(), 0) != 0) throw_errno(operation_on(path), errno);
  return fd;
}

void require_there(const std::filesystem::path& path) {
  std::error_code none;
  if (std::filesystem::exists(path, none)) return;
  throw Error(ErrorKind::usage, fmt::format("resume {}", path.string()),
              "there is no such journal: no run that was to write this report was killed or "
              "interrupted",
              "run it without --resume");
}

Fd claim_left(const std::filesystem::path& path) {
  require_there(path);
  return lock_of(path, 0);
}

// Repetitions name their cell by its place among those that were chosen.
std::vector<std::uint32_t> chosen_of(const Campaign& campaign) {
  return campaign.selection ? campaign.selection->indices : std::vector<std::uint32_t>{};
}

bool is_of(const JournalHead& head, const Campaign& campaign) {
  return head.scenario_hash == campaign.hash && head.cells == chosen_of(campaign);
}

// Calls take(line, is_head) for each whole line.
template <class Take>
void for_each_line(std::string_view text, const Take& take) {
  bool head = true;
  while (!text.empty()) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return;  // torn
    take(text.substr(0, end), std::exchange(head, false));
    text.remove_prefix(end + 1);
  }
}

template <class Value>
void require_same(const std::filesystem::path& path, std::string_view what, const Value& there,
                  const Value& here) {
  if (there == here) return;
  throw Error(
      ErrorKind::usage, fmt::format("resume {}", path.string()),
      fmt::format("its {} is {}, this run's {}", what, there, here),
      "go on with it as it was begun, or name another report with -o and leave --resume out");
}

std::string cells_text(const std::vector<std::uint32_t>& cells) {
  return cells.empty() ? "all" : fmt::format("{}", fmt::join(cells, ", "));
}

}  // namespace

Journal::Journal(const std::filesystem::path& path, const JournalHead& head, JournalStart start)
    : path_(path),
      lock_(start == JournalStart::fresh ? claim(path) : claim_left(path)),
      lines_(path) {
  start == JournalStart::fresh ? begin(head) : take_up(head);
}

void Journal::begin(JournalHead head) {
  head.started_at = wall_clock_text();
  lines_.append_line(to_json_line(head));
}

void Journal::take_up(const JournalHead& head) {
  require_resumable(path_, head);
  const auto text = read_file(path_, kMostBytes);
  for_each_line(text, [this](std::string_view line, bool is_head) {
    if (is_head || journal_resumption_from_json_line(line)) return;
    const auto repetition = repetition_from_json_line(line);
    empty_ = false;
    if (repetition.status == Status::interrupted) return;
    finished_.push_back({repetition.cell, repetition.index, repetition.status});
  });
  // What was torn is cut off: the next line would be a part of it.
  const auto whole = static_cast<off_t>(text.rfind('\n') + 1);
  if (::ftruncate(lock_.get(), whole) != 0) throw_errno(operation_on(path_), errno);
  lines_.append_line(to_json_line(JournalResumption{wall_clock_text()}));
}

Journal::~Journal() {
  if (empty_) ::unlink(path_.c_str());
}

void Journal::append(const Repetition& repetition) {
  try {
    lines_.append_line(to_json_line(repetition));
  } catch (const Error& error) {
    throw Error(error.kind(), "keep a finished repetition", error.what(),
                empty_ ? "make room there"
                       : fmt::format("make room there; every repetition before it is kept in {}",
                                     path_.string()));
  }
  empty_ = false;
}

std::vector<CellResult> read_journal(const Campaign& campaign,
                                     const std::filesystem::path& journal) {
  std::vector<CellResult> cells;
  for (const Cell cell : campaign.cells) cells.push_back({cell.id, cell.parameters, {}, {}});
  const auto text = read_file(journal, kMostBytes);
  for_each_line(text, [&](std::string_view line, bool is_head) {
    if (is_head && !is_of(journal_head_from_json_line(line), campaign)) {
      throw Error(ErrorKind::usage, fmt::format("read {}", journal.string()),
                  "it is of another scenario, or of other cells of it");
    }
    if (is_head || journal_resumption_from_json_line(line)) return;
    auto repetition = repetition_from_json_line(line);
    auto& of_cell = cells.at(repetition.cell).repetitions;
    std::erase_if(of_cell,
                  [&](const Repetition& earlier) { return earlier.index == repetition.index; });
    of_cell.push_back(std::move(repetition));
  });
  return cells;
}

void require_resumable(const std::filesystem::path& path, const JournalHead& here) {
  const auto there = read_journal_history(path).head;
  require_same(path, "scenario (as a hash, with profile and --set)", there.scenario_hash,
               here.scenario_hash);
  require_same(path, "choice of cells", cells_text(there.cells), cells_text(here.cells));
  require_same(path, "seed", there.seed, here.seed);
  require_same(path, "choice of probes", name_of(there.probes), name_of(here.probes));
  require_same(path, "netstall", there.tool, here.tool);
  require_same(path, "kernel", there.kernel, here.kernel);
}

JournalHistory read_journal_history(const std::filesystem::path& journal) {
  require_there(journal);
  JournalHistory history;
  bool any = false;
  const auto text = read_file(journal, kMostBytes);
  for_each_line(text, [&](std::string_view line, bool is_head) {
    any = true;
    if (is_head) {
      history.head = journal_head_from_json_line(line);
    } else if (auto resumption = journal_resumption_from_json_line(line)) {
      history.resumed_at.push_back(std::move(resumption->resumed_at));
    }
  });
  if (!any) {
    throw Error(ErrorKind::usage, fmt::format("read {}", journal.string()),
                "it holds no whole line: the run was killed before its first repetition",
                "remove it, and run without --resume");
  }
  return history;
}

std::vector<std::filesystem::path> journals_left(const std::filesystem::path& folder,
                                                 std::string_view scenario_hash) {
  std::vector<std::filesystem::path> found;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(folder, none)) {
    if (!entry.path().string().ends_with(kSuffix)) continue;
    const Fd file(::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC));
    if (!file || ::flock(file.get(), LOCK_SH | LOCK_NB) != 0) continue;
    try {
      if (read_journal_history(entry.path()).head.scenario_hash == scenario_hash) {
        found.push_back(entry.path());
      }
    } catch (const Error&) {
      // None of ours, or one without a repetition.
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace netstall
