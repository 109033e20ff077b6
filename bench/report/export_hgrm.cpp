// HdrHistogram's percentile tables, as its plotters take them: a section per cell,
// flow group and histogram, the good repetitions together, each behind a comment
// line that names it. Values in the histogram's unit: ns.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "base/printable.hpp"
#include "bench/report/export_text.hpp"
#include "bench/report/exporters.hpp"

namespace netstall {
namespace {

constexpr double kTicksPerHalfDistance = 5;

struct HistogramRow {
  std::string_view name;
  const Histogram* (*of)(const FlowResult& flow);
};

const Histogram* address(const std::optional<Histogram>& histogram) {
  return histogram ? &*histogram : nullptr;
}

const Histogram* duration(const std::optional<Stalls>& stalls) {
  return stalls ? &stalls->total.duration : nullptr;
}

constexpr std::array<HistogramRow, 9> kRows{{
    {"stall", [](const FlowResult& flow) { return duration(flow.stalls); }},
    {"wait",
     [](const FlowResult& flow) {
       return flow.stalls ? address(flow.stalls->total.wait) : nullptr;
     }},
    {"own_clock", [](const FlowResult& flow) { return duration(flow.own_clock); }},
    {"send_call", [](const FlowResult& flow) { return address(flow.send_call); }},
    {"send_latency", [](const FlowResult& flow) { return address(flow.send_latency); }},
    {"acked_latency", [](const FlowResult& flow) { return address(flow.acked_latency); }},
    {"kernel_acked_latency",
     [](const FlowResult& flow) { return address(flow.kernel_acked_latency); }},
    {"delivery_latency", [](const FlowResult& flow) { return address(flow.delivery_latency); }},
    {"connect", [](const FlowResult& flow) { return address(flow.connect); }},
}};

const HistogramRow& row_named(std::string_view name) {
  std::vector<std::string_view> names;
  for (const auto& row : kRows) {
    if (row.name == name) return row;
    names.push_back(row.name);
  }
  throw Error(ErrorKind::usage, "export a report",
              fmt::format("there is no histogram \"{}\"", name),
              fmt::format("there are: {}", fmt::join(names, ", ")));
}

// Over the good repetitions; absent where one of them lacks it.
std::optional<Histogram> merged(const std::vector<const Repetition*>& repetitions,
                                const std::string& flow, const HistogramRow& row) {
  Histogram all;
  for (const auto* repetition : repetitions) {
    const Histogram* part = nullptr;
    for (const auto& candidate : repetition->flows) {
      if (candidate.name == flow) part = row.of(candidate);
    }
    if (part == nullptr) return std::nullopt;
    all.merge(*part);
  }
  return all;
}

// From the middle of each slot, but within the smallest and largest event, as mean().
double deviation(const Histogram& histogram) {
  const double mean = histogram.mean().value_or(0);
  const auto least = static_cast<double>(histogram.min().value_or(0));
  const auto most = static_cast<double>(histogram.max().value_or(0));
  double squares = 0;
  histogram.for_each_slot([&](const Histogram::Slot& slot) {
    const auto middle_of_slot = slot.lowest + (slot.highest - slot.lowest + 1) / 2;
    const double middle = std::clamp(static_cast<double>(middle_of_slot), least, most);
    squares += (middle - mean) * (middle - mean) * static_cast<double>(slot.count);
  });
  return std::sqrt(squares / static_cast<double>(histogram.count()));
}

// The percentiles of the rows: five steps until half of the rest to 100 is passed.
class Ticks {
 public:
  double level() const { return level_; }
  void next() {
    const double halvings = std::floor(std::log2(100 / (100 - level_))) + 1;
    level_ += 100 / (kTicksPerHalfDistance * std::exp2(halvings));
  }

 private:
  double level_ = 0;
};

std::string table_of(const Histogram& histogram) {
  std::string text = fmt::format("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile",
                                 "TotalCount", "1/(1-Percentile)");
  const auto total = static_cast<double>(histogram.count());
  const double most = static_cast<double>(histogram.max().value_or(0));
  std::uint64_t passed = 0;
  Ticks ticks;
  histogram.for_each_slot([&](const Histogram::Slot& slot) {
    passed += slot.count;
    const double reached = 100 * static_cast<double>(passed) / total;
    const double value = std::min(static_cast<double>(slot.highest), most);
    for (; ticks.level() < 100 && ticks.level() <= reached; ticks.next()) {
      text += fmt::format("{:12.3f} {:.12f} {:10} {:14.2f}\n", value, ticks.level() / 100, passed,
                          1 / (1 - ticks.level() / 100));
      if (passed == histogram.count()) break;  // of its last slot one row, then that of 100 %
    }
  });
  text += fmt::format("{:12.3f} {:.12f} {:10}\n", most, 1.0, histogram.count());
  return text;
}

std::string footer_of(const Histogram& histogram) {
  return fmt::format(
      "#[Mean    = {:12.3f}, StdDeviation   = {:12.3f}]\n"
      "#[Max     = {:12.3f}, Total count    = {:12}]\n"
      "#[Buckets = {:12}, SubBuckets     = {:12}]\n",
      *histogram.mean(), deviation(histogram), static_cast<double>(*histogram.max()),
      histogram.count(), NETSTALL_HDR_BUCKETS, NETSTALL_HDR_SUB_BUCKETS);
}

class HgrmExporter final : public Exporter {
 public:
  HgrmExporter(const ExportChoice& choice, const ExportWrite& write) : write_(write) {
    for (const auto& name : choice.histograms) rows_.push_back(&row_named(name));
    if (!rows_.empty()) return;
    for (const auto& row : kRows) rows_.push_back(&row);
  }

  void begin(const ExportHead& head) override { scenario_ = printable(head.scenario); }

  void cell(const ExportCell& cell) override {
    const auto good = good_repetitions(cell.result);
    for (const auto& flow : cell.samples.flows) {
      for (const auto* row : rows_) {
        if (const auto histogram = merged(good, flow, *row)) {
          add(fmt::format("{}, cell {}, flow {}, {}", scenario_, printable(cell.result.id),
                          printable(flow), row->name),
              *histogram);
        }
      }
    }
  }

  void end() override {}

 private:
  void add(const std::string& title, const Histogram& histogram) {
    if (histogram.empty()) {
      write_(fmt::format("#[{}: no event]\n\n", title));
      return;
    }
    write_(fmt::format("#[{}, ns]\n{}{}\n", title, table_of(histogram), footer_of(histogram)));
  }

  const ExportWrite& write_;
  std::vector<const HistogramRow*> rows_;
  std::string scenario_;
};

}  // namespace

std::unique_ptr<Exporter> make_hgrm_exporter(const ExportChoice& choice, const ExportWrite& write) {
  return std::make_unique<HgrmExporter>(choice, write);
}

}  // namespace netstall
