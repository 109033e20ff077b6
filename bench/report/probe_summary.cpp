#include "bench/report/probe_summary.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "base/units.hpp"

namespace netstall {
namespace {

constexpr std::size_t kShown = 10;
constexpr std::size_t kKindsShown = 6;

std::string bytes(std::uint64_t count) {
  return human_bytes(static_cast<double>(count));
}

std::string cause_text(const Offender& offender) {
  const std::string cause(name_of(offender.cause));
  return offender.sub_cause ? fmt::format("{} ({})", cause, name_of(*offender.sub_cause)) : cause;
}

std::string line_of(const Offender& offender) {
  return fmt::format("  {:>8}{} {} → {}, flow {}: {}, {} queued of {}, window {}, {} pages\n",
                     human_duration(static_cast<double>(offender.duration_ns)),
                     offender.open_at_end ? "+" : " ", offender.local, offender.remote,
                     offender.flow, cause_text(offender), bytes(offender.queued_bytes),
                     bytes(offender.sndbuf_bytes), bytes(offender.peer_window_bytes),
                     offender.tcp_mem_pages);
}

// What the good repetitions of a cell came to, of one probe.
struct Sum {
  std::set<std::string> backends;
  std::map<std::string, std::map<std::string, std::uint64_t>> events;
  std::map<std::string, std::map<std::string, SpellCount>> spells;
  std::uint64_t lost = 0;
  bool missing = false;
};

void add(Sum& sum, const std::optional<ProbeFinding>& finding) {
  if (!finding) {
    sum.missing = true;
    return;
  }
  sum.backends.insert(finding->backend);
  sum.lost += finding->lost_events;
  for (const auto& [place, kinds] : finding->events) {
    for (const auto& [kind, number] : kinds) sum.events[place][kind] += number;
  }
  for (const auto& [place, kinds] : finding->spells) {
    for (const auto& [kind, spells] : kinds) sum.spells[place][kind].merge(spells);
  }
}

// The kinds that happened, most first, as "12 PROTO_MEM, 3 QDISC_DROP".
std::string kinds_text(const std::map<std::string, std::uint64_t>& kinds) {
  std::vector<std::pair<std::uint64_t, std::string>> sorted;
  for (const auto& [kind, number] : kinds) {
    if (number > 0) sorted.emplace_back(number, kind);
  }
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < sorted.size() && i < kKindsShown; ++i) {
    texts.push_back(fmt::format("{} {}", sorted[i].first, sorted[i].second));
  }
  if (sorted.size() > kKindsShown) texts.push_back("more");
  return fmt::format("{}", fmt::join(texts, ", "));
}

std::string spells_text(const std::string& kind, const SpellCount& spells) {
  const auto longest = spells.duration.max();
  return fmt::format("{} {}, {} in all, longest {}", spells.count, kind,
                     human_duration(static_cast<double>(spells.time_ns)),
                     longest ? human_duration(static_cast<double>(*longest)) : "-");
}

std::string text_of(const Sum& sum) {
  std::vector<std::string> parts;
  for (const auto& [place, kinds] : sum.events) {
    if (auto text = kinds_text(kinds); !text.empty()) {
      parts.push_back(fmt::format("{}: {}", place, text));
    }
  }
  for (const auto& [place, kinds] : sum.spells) {
    for (const auto& [kind, spells] : kinds) {
      if (spells.count > 0)
        parts.push_back(fmt::format("{}: {}", place, spells_text(kind, spells)));
    }
  }
  if (parts.empty()) parts.emplace_back(sum.backends.empty() ? "not measured" : "nothing");
  auto text = fmt::format("{}", fmt::join(parts, "; "));
  if (sum.missing && !sum.backends.empty()) text += "; not in every repetition";
  if (sum.lost > 0) text += fmt::format("; {} events were lost", sum.lost);
  return text;
}

}  // namespace

std::vector<Offender> worst_of(const CellResult& cell) {
  std::vector<Offender> all;
  for (const auto& repetition : cell.repetitions) {
    if (repetition.status != Status::ok || !repetition.worst_stalls) continue;
    all.insert(all.end(), repetition.worst_stalls->begin(), repetition.worst_stalls->end());
  }
  std::stable_sort(all.begin(), all.end(), [](const Offender& a, const Offender& b) {
    return a.duration_ns > b.duration_ns;
  });
  if (all.size() > kShown) all.resize(kShown);
  return all;
}

std::vector<std::pair<std::string, std::string>> findings_of(const CellResult& cell) {
  std::map<std::string, Sum> sums;
  for (const auto& repetition : cell.repetitions) {
    if (repetition.status != Status::ok) continue;
    for (const auto& [probe, finding] : repetition.findings) add(sums[probe], finding);
  }
  std::vector<std::pair<std::string, std::string>> findings;
  for (const auto& [probe, sum] : sums) findings.emplace_back(probe, text_of(sum));
  return findings;
}

std::string worst_stalls_text(const CellResult& cell) {
  const auto worst = worst_of(cell);
  if (worst.empty()) return {};
  std::string text = "  longest stalls (+: cut by the window's end):\n";
  for (const auto& offender : worst) text += "  " + line_of(offender);
  if (worst.front().stack) {
    text += fmt::format("    the first waited in: {}\n", fmt::join(*worst.front().stack, " < "));
  }
  return text;
}

std::string findings_text(const CellResult& cell) {
  std::string text;
  for (const auto& [probe, found] : findings_of(cell))
    text += fmt::format("  {}: {}\n", probe, found);
  return text;
}

}  // namespace netstall
