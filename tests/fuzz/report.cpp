// Text of a report, read whole and cell by cell: both refuse it, or both have the same
// report, which is the same again once it is written.
#include <sys/mman.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "model/report_json.hpp"
#include "model/report_stream.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace netstall;

std::optional<Report> whole(std::string_view text) {
  try {
    return report_from_json(text);
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::optional<Report> by_cells(std::string_view text, ReportParts parts) {
  const Fd file(::memfd_create("report", MFD_CLOEXEC));
  require(file.get() >= 0 && write_all(file.get(), text) == 0);
  try {
    std::vector<CellResult> cells;
    auto report = stream_report("/proc/self/fd/" + std::to_string(file.get()), parts,
                                [&](CellResult&& cell) { cells.push_back(std::move(cell)); });
    report.cells = std::move(cells);
    return report;
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = text_of(data, size);
  const auto report = whole(text);
  const auto streamed = by_cells(text, ReportParts::all());
  static_cast<void>(by_cells(text, {}));
  require(report.has_value() == streamed.has_value());
  if (!report) return 0;
  const auto written = to_json(*report);
  require(to_json(*streamed) == written);
  const auto again = whole(written);
  require(again && to_json(*again) == written);
  for (const auto& cell : report->cells) {
    for (const auto& repetition : cell.repetitions) {
      const auto line = to_json_line(repetition);
      require(to_json_line(repetition_from_json_line(line)) == line);
    }
  }
  return 0;
}
