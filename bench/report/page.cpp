#include "bench/report/page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/error.hpp"
#include "bench/report/comparison_formats.hpp"
#include "bench/report/markup.hpp"
#include "bench/report/page_assets.hpp"
#include "bench/report/page_parts.hpp"
#include "bench/verdict/compare.hpp"
#include "bench/verdict/fingerprint.hpp"

namespace netstall {
namespace {

// What the plots and tables of a page read beside the gating metrics.
constexpr std::array kShown{"stall.p50",           "stall.max",      "stall.rate",
                            "send_latency.p50",    "own_clock.time", "delivery_latency.p50",
                            "pressure.time",       "retransmits",    "timeouts",
                            "receive_drops",       "zero_windows",   "tcp_mem.peak",
                            "blocked_senders.peak"};

// Cells of one report that are set against its first one.
constexpr std::size_t kMostCellsCompared = 200;
constexpr std::size_t kMostRows = 3000;

// As an element that no browser runs or shows.
void append_data(std::string& out, std::string_view id, std::string_view json) {
  fmt::format_to(std::back_inserter(out),
                 "<script type=\"application/json\" id=\"{}\">{}</script>\n", id, json);
}

Tone tone_of(Outcome outcome) {
  if (outcome == Outcome::worse) return Tone::bad;
  return outcome == Outcome::inconclusive ? Tone::warn : Tone::good;
}

// All cells of one report against its first one: what does each setting change?
std::optional<Comparison> against_first_cell(const ReportSamples& samples) {
  if (samples.cells.size() < 2 || samples.cells.size() > kMostCellsCompared) return std::nullopt;
  ReportSamples base{samples.cells.front().id, samples.environment, samples.scenario_hash, {}};
  ReportSamples others{"each other cell", samples.environment, samples.scenario_hash, {}};
  for (std::size_t i = 1; i < samples.cells.size(); ++i) {
    others.cells.push_back(samples.cells[i]);
    base.cells.push_back(samples.cells.front());
    base.cells.back().parameters = samples.cells[i].parameters;
    base.cells.back().id = samples.cells[i].id;
  }
  auto comparison = compare(base, others, {});
  // Its notes are of two sittings; the cells of one campaign take turns.
  comparison.notes = {
      "The cells of one campaign, whose repetitions took turns in a shuffled order. Ratios are to "
      "the first cell."};
  return comparison;
}

std::string lead_of(const Comparison& comparison) {
  const auto rows = worst_first(comparison, true);
  std::string text;
  switch (comparison.outcome()) {
    case Outcome::worse:
      text = fmt::format("{} is worse than {}", comparison.name_b, comparison.name_a);
      break;
    case Outcome::inconclusive:
      text = fmt::format("Whether {} is worse than {} is not decided", comparison.name_b,
                         comparison.name_a);
      break;
    case Outcome::ok:
      text = fmt::format("{} is no worse than {}", comparison.name_b, comparison.name_a);
      break;
  }
  text += fmt::format(": {}.", counts_text(comparison));
  if (comparison.outcome() == Outcome::worse && !rows.empty()) {
    text += fmt::format(" Worst: {} in {}, {}.", metric_label(*rows.front().metric),
                        rows.front().cell->id, change_text(*rows.front().metric));
  }
  return text;
}

void write_findings(PageJson& json, const Findings& findings) {
  json.open('{').key("tone").text(name_of(findings.lead.tone)).key("lead").text(findings.lead.text);
  json.key("points").open('[');
  for (const auto& point : findings.points) {
    json.open('[').text(name_of(point.tone)).text(point.text).close(']');
  }
  json.close(']').close('}');
}

void write_live(PageJson& json, const std::optional<LiveState>& live) {
  if (!live) {
    json.null();
    return;
  }
  json.open('{').key("done").count(live->done).key("total").count(live->total);
  json.key("seconds_left").figure(live->seconds_left);
  json.key("seconds_each").figure(live->seconds_each).close('}');
}

void write_differences(PageJson& json, const std::vector<EnvironmentDifference>& differences) {
  json.open('[');
  for (const auto& [fact, a, b] : differences) {
    json.open('[')
        .text(fact)
        .text(a.value_or("not known"))
        .text(b.value_or("not known"))
        .close(']');
  }
  json.close(']');
}

std::string html_head(std::string_view title) {
  return fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "script-src 'sha256-{}'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      "<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n",
      kPageScriptHash, kPageStyleHash, xml_text(title), kPageStyle);
}

}  // namespace

MetricSelection page_metrics() {
  auto selection = select_metrics();
  std::erase_if(selection.reported, [](const Metric* metric) {
    const bool of_cause = metric->name.starts_with("stall.") && metric->name.ends_with(".time");
    return !of_cause && std::find(kShown.begin(), kShown.end(), metric->name) == kShown.end();
  });
  return selection;
}

Detail detail_of_cells(std::size_t cells) {
  if (cells <= 60) return {0.01, 300, true};
  if (cells <= 300) return {0.02, 120, false};
  return {0.04, 60, false};
}

Detail detail_of_bytes(std::uint64_t bytes) {
  constexpr std::uint64_t kBytesPerCell = 330'000;
  return detail_of_cells(static_cast<std::size_t>(bytes / kBytesPerCell));
}

Page::Page(PageOptions options) : options_(std::move(options)), metrics_(page_metrics()) {}

void Page::begin_report(std::string file) {
  ReportPart part;
  part.file = std::move(file);
  reports_.push_back(std::move(part));
}

PageCell Page::cell_of(const CellResult& cell) const {
  PageCell page_cell{digest_of(cell, metrics_, options_.detail), {}};
  page_cell.json = cell_json(page_cell.digest);
  // What is in the text is needed no more.
  page_cell.digest.series.clear();
  for (auto& flow : page_cell.digest.flows) flow.curves = {};
  return page_cell;
}

void Page::add(PageCell&& cell) {
  auto& report = reports_.back();
  auto& digest = cell.digest;
  append_data(cell_scripts_, fmt::format("cell-{}", cells_++), cell.json);
  PageJson json(overview_cells_);
  write_overview_row(json, digest, reports_.size() - 1);
  report.samples.cells.push_back(std::move(digest.samples));
  report.cells.push_back(std::move(digest));
}

void Page::end_report(const Report& head) {
  auto& report = reports_.back();
  const auto scenario = scenario_facts(head.scenario_json);
  PageJson json(report.head_json);
  write_report_head(json, head, report.file, scenario);
  report.name = scenario.name;
  report.environment = head.environment;
  report.samples.name = report.file;
  report.samples.environment = head.environment;
  report.samples.scenario_hash = head.scenario_hash;
  auto index = cells_ - report.cells.size();
  for (const auto& cell : report.cells) {
    const auto path = path_of(cell, scenario.sender);
    append_data(cell_scripts_, fmt::format("path-{}", index++), path_json(path));
    report.facts.push_back(facts_of(cell, path.why));
  }
  report.cells.clear();
}

// Several reports: each against the first. One: its cells against its first.
void Page::add_comparisons(std::string& json_text, std::string& lead, Tone& tone) {
  PageJson json(json_text);
  json.open('[');
  if (reports_.size() == 1) {
    if (const auto comparison = against_first_cell(reports_.front().samples)) {
      write_comparison(json, *comparison, "cells", kMostRows);
    }
  }
  for (std::size_t i = 1; i < reports_.size(); ++i) {
    CompareOptions how;
    how.allow_environment_change = options_.allow_environment_change;
    try {
      const auto comparison = compare(reports_.front().samples, reports_[i].samples, how);
      write_comparison(json, comparison, "reports", kMostRows);
      lead += fmt::format("{}{}", lead.empty() ? "" : " ", lead_of(comparison));
      const auto its = tone_of(comparison.outcome());
      if (i == 1 || its == Tone::bad || (its == Tone::warn && tone == Tone::good)) tone = its;
    } catch (const Error& error) {
      // Not of the same machine or scenario: they are shown, and nothing is claimed.
      lead += fmt::format("{}No verdict of {} against {}: {}.", lead.empty() ? "" : " ",
                          reports_[i].file, reports_.front().file, error.what());
      if (tone != Tone::bad) tone = Tone::warn;
    }
  }
  json.close(']');
}

std::string Page::overview(std::string& lead, Tone& tone) {
  std::string text;
  PageJson json(text);
  json.open('{').key("format").count(1).key("written_at").text(options_.written_at).key("live");
  write_live(json, options_.live);
  json.key("metrics");
  write_metrics(json, metrics_);
  json.key("detail")
      .open('[')
      .count(options_.detail.series_points)
      .flag(options_.detail.all_series)
      .close(']');
  json.key("reports").open('[');
  for (const auto& report : reports_) json.raw(report.head_json);
  json.close(']').key("findings").open('[');
  for (const auto& report : reports_) {
    const auto findings = findings_of(report.facts);
    if (reports_.size() == 1) {
      lead = findings.lead.text;
      tone = findings.lead.tone;
    }
    write_findings(json, findings);
  }
  json.close(']').key("differences").open('[');
  for (std::size_t i = 1; i < reports_.size(); ++i) {
    write_differences(json, differences_of(reports_.front().samples, reports_[i].samples));
  }
  json.close(']');
  std::string comparisons;
  std::string compared_lead;
  add_comparisons(comparisons, compared_lead, tone);
  if (reports_.size() > 1) lead = compared_lead;
  json.key("comparisons").raw(comparisons);
  json.key("lead").text(lead).key("tone").text(name_of(tone));
  json.key("cells").open('[').raw(overview_cells_).close(']').close('}');
  return text;
}

std::string Page::finish() {
  std::string lead;
  Tone tone = Tone::note;
  const auto data = overview(lead, tone);
  std::string title;
  for (const auto& report : reports_) {
    title += fmt::format("{}{}", title.empty() ? "" : ", ",
                         report.name.empty() ? report.file : report.name);
  }
  auto page = html_head(title + " · netstall");
  page += cell_scripts_;
  append_data(page, "overview", data);
  // Readable without scripts, too.
  page += fmt::format(
      "<main id=\"page\"><h1>{}</h1><p id=\"lead\">{}</p>"
      "<noscript><p>The plots and tables of this page need JavaScript; it makes no request.</p>"
      "</noscript></main>\n<script>{}</script>\n</body>\n</html>\n",
      xml_text(title), xml_text(lead), kPageScript);
  return page;
}

std::string page_of(const Report& report, std::string file, PageOptions options) {
  options.detail = detail_of_cells(report.cells.size());
  Page page(std::move(options));
  page.begin_report(std::move(file));
  for (const auto& cell : report.cells) page.add(page.cell_of(cell));
  page.end_report(report);
  return page.finish();
}

}  // namespace netstall
