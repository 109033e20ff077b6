#include "bench/run/journal.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "model/report_json.hpp"

namespace netstall {
namespace {

constexpr std::size_t kMostBytes = std::size_t{4} << 30;

std::string head_of(const Campaign& campaign) {
  const auto head =
      fmt::format(R"({{"journal":"netstall/journal/1","scenario_hash":"{}")", campaign.hash);
  // Repetitions name their cell by its place among those that were chosen.
  return campaign.selection ? fmt::format(R"({},"cells":[{}]}})", head,
                                          fmt::join(campaign.selection->indices, ","))
                            : head + "}";
}

// Nobody else writes the file, and it holds no repetition, when this returns.
Fd claim(const std::filesystem::path& path) {
  const auto operation = fmt::format("write {}", path.string());
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!fd) throw_errno(operation, errno);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    throw Error(ErrorKind::usage, operation, "another run is writing it",
                "name another report with -o");
  }
  const auto text = read_file(path, kMostBytes);
  const auto head = text.find('\n');
  if (head != std::string::npos && text.find('\n', head + 1) != std::string::npos) {
    throw Error(ErrorKind::usage, operation,
                "it holds finished repetitions of an earlier run that was killed",
                "keep it elsewhere or remove it, or name another report with -o");
  }
  if (::ftruncate(fd.get(), 0) != 0) throw_errno(operation, errno);
  return fd;
}

}  // namespace

Journal::Journal(const std::filesystem::path& path, const Campaign& campaign)
    : path_(path), lock_(claim(path)), lines_(path) {
  lines_.append_line(head_of(campaign));
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
  std::string_view rest = text;
  bool head = true;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    if (end == std::string_view::npos) break;  // torn
    const auto line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    if (head && line != head_of(campaign)) {
      throw Error(ErrorKind::usage, fmt::format("read {}", journal.string()),
                  "it is of another scenario, or of other cells of it");
    }
    if (!std::exchange(head, false)) {
      auto repetition = repetition_from_json_line(line);
      cells.at(repetition.cell).repetitions.push_back(std::move(repetition));
    }
  }
  return cells;
}

}  // namespace netstall
