// What a run says, as sentences that lead with the answer: for the page and for
// pull requests alike.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bench/report/cell_digest.hpp"

namespace netstall {

enum class Tone : std::uint8_t { good, bad, warn, note };
template <>
struct Names<Tone> {
  static constexpr std::array<std::string_view, 4> list{"good", "bad", "warn", "note"};
};

struct Finding {
  Tone tone = Tone::note;
  std::string text;
};

struct Findings {
  Finding lead;                 // one sentence: the answer
  std::vector<Finding> points;  // what it rests on, the weightiest first
};

// What findings need of a flow group in one cell: small, so that all cells' are kept.
struct FlowFacts {
  std::string name;
  bool measured = false;
  bool by_probe = false;
  double connection_ns = 0;
  double time_ns = 0;
  double own_clock_ns = 0;
  bool own_clock = false;
  std::uint64_t max_ns = 0;
  std::uint64_t stalls = 0;
  std::uint64_t cut = 0;   // by an edge of the window; by both: twice
  std::string cause;       // that took the most time; empty where none is told
  double cause_share = 0;  // of the blocked time
};

struct CellFacts {
  std::string id;
  std::map<std::string, std::string> parameters;
  std::uint32_t good = 0;
  std::uint32_t repetitions = 0;
  std::vector<std::string> reasons;  // why repetitions are not good, each once
  std::vector<FlowFacts> flows;
  std::uint64_t lost_events = 0;
  std::uint64_t not_restored = 0;
  std::string backend;
  std::map<std::string, std::string> missing;
  std::vector<ExpectationResult> expectations;
  std::string why;  // what the path points to

  // Of all flow groups; nothing where one was not measured.
  std::optional<double> blocked_share() const;
  std::uint64_t max_ns() const;
};

CellFacts facts_of(const CellDigest& cell, std::string why);

Findings findings_of(const std::vector<CellFacts>& cells);

}  // namespace netstall
