// The way of a byte, from the sending program to the reading one: how long it
// waited at each station and what was dropped there, as far as this run's own
// counters tell.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bench/report/cell_digest.hpp"
#include "model/names.hpp"

namespace netstall {

// A figure that is absent was not measured.
struct Station {
  std::string name;                      // "send buffer"
  std::string place;                     // "server", "host": whose counters these are
  std::optional<double> waited_ns = {};  // summed over connections and repetitions
  std::string waiting = "of the time waited here";
  std::optional<std::uint64_t> dropped = {};
  std::vector<std::pair<std::string, std::string>> facts = {};  // what, how much
  std::string no_data = {};                                     // why nothing is known of it
};

struct Path {
  std::vector<Station> stations;
  double connection_ns = 0;  // what waiting is a share of
  // Where the time went and what points to the reason, as sentences.
  std::string where = {};
  std::string why = {};
};

// `sender`: the side whose programs write; absent where flow groups differ, and
// both sides' counters are then added up.
Path path_of(const CellDigest& cell, std::optional<Side> sender);

// What a cause means, as a clause: "the send buffer was full". Empty for a cause
// that has no words of its own.
std::string_view meaning_of_cause(std::string_view cause);

}  // namespace netstall
