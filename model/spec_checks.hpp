// What concerns several keys of one object of a scenario, and the names of its keys: parts
// of scenario_reader.cpp, which calls a check when the object's keys are read.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/faults.hpp"
#include "model/scenario.hpp"
#include "model/scenario_keys.hpp"

namespace netstall {

// The names of the keys of one object.
struct KeyNames {
  std::vector<std::string_view> names;
  template <class T, class What>
  void operator()(std::string_view key, T&, const What&) {
    names.push_back(key);
  }
  template <class T, class What>
  void required(std::string_view key, T&, const What&) {
    names.push_back(key);
  }
};

// Of most objects nothing does.
template <class T>
void check_keys(const Place&, T&, Faults&) {}
void check_keys(const Place& place, UniformSizes& sizes, Faults& faults);
void check_keys(const Place& place, LogNormalSizes& sizes, Faults& faults);
void check_keys(const Place& place, ParetoSizes& sizes, Faults& faults);
void check_keys(const Place& place, PayloadDraft& payload, Faults& faults);
void check_keys(const Place& place, PaceDraft& pace, Faults& faults);
void check_keys(const Place& place, ReaderSpec& reader, Faults& faults);
void check_keys(const Place& place, SocketSpec& socket, Faults& faults);
void check_keys(const Place& place, Keepalive& keepalive, Faults& faults);
void check_keys(const Place& place, LinkSpec& link, Faults& faults);
void check_keys(const Place& place, PerSide<std::string>& devices, Faults& faults);
void check_keys(const Place& place, LabSpec& lab, Faults& faults);
void check_keys(const Place& place, SysctlSpec& sysctl, Faults& faults);
void check_keys(const Place& place, Timing& timing, Faults& faults);
void check_keys(const Place& place, ExpectationDraft& draft, Faults& faults);
// And makes the group of its drafts.
void check_keys(const Place& place, FlowDraft& flow, Faults& faults);

}  // namespace netstall
