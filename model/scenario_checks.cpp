// Checks of a whole scenario, which concern several of its parts.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

#include "base/nearest.hpp"
#include "model/axes.hpp"
#include "model/scenario_reader.hpp"

namespace netstall {

void check_names(const Scenario& scenario, Faults& faults) {
  const Place root;
  const Place flows(root, "flows");
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < scenario.flows.size(); ++i) {
    const auto& name = scenario.flows[i].name;
    if (name.empty()) continue;  // a fault already
    if (std::find(names.begin(), names.end(), name) != names.end()) {
      const Place flow(flows, i);
      faults.add(Place(flow, "name"), shown_text(name), "a name that no other flow group has");
    } else {
      names.push_back(name);
    }
  }
  const auto check_flow = [&](const Place& place, const std::string& flow) {
    if (flow.empty() || std::find(names.begin(), names.end(), flow) != names.end()) return;
    faults.add(Place(place, "flow"), shown_text(flow),
               fmt::format("a flow group: {}", fmt::join(names, ", ")), nearest_word(flow, names));
  };
  const Place expect(root, "expect");
  for (std::size_t i = 0; i < scenario.expect.size(); ++i) {
    check_flow(Place(expect, i), scenario.expect[i].flow);
  }
  const Place timing(root, "timing");
  if (scenario.timing.until) check_flow(Place(timing, "until"), scenario.timing.until->flow);
}

void check_clients(const Scenario& scenario, Faults& faults) {
  const auto clients = scenario.lab.clients;
  if (clients == 1 || scenario.lab.devices) return;  // which are a fault of their own
  const Place root;
  const Place lab(root, "lab");
  const Place flows(root, "flows");
  std::uint64_t connections = 0;
  for (std::size_t i = 0; i < scenario.flows.size(); ++i) {
    connections += scenario.flows[i].connections;
    if (scenario.flows[i].pattern != Pattern::multicast) continue;
    const Place flow(flows, i);
    faults.add(Place(flow, "pattern"), fmt::format("multicast with {} clients", clients),
               "another pattern, or one client: those that join are in one namespace");
  }
  if (connections >= clients || !faults.empty()) return;
  faults.add(Place(lab, "clients"), fmt::format("{} with {} connections", clients, connections),
             "at most as many as there are connections: each client has one");
}

void check_against(const Scenario& scenario, const std::vector<AxisChanges>& axes, Faults& faults) {
  const Place root;
  const Place expect(root, "expect");
  std::vector<std::string_view> names;
  for (const auto& axis : axes) names.push_back(axis.name);
  for (std::size_t i = 0; i < scenario.expect.size(); ++i) {
    const Place expectation(expect, i);
    const Place against(expectation, "against");
    for (const auto& [name, label] : scenario.expect[i].against) {
      const Place here(against, name);
      const auto axis =
          std::find_if(axes.begin(), axes.end(),
                       [&wanted = name](const AxisChanges& one) { return one.name == wanted; });
      if (axis == axes.end()) {
        faults.add(here, "an axis that is not swept",
                   names.empty() ? "a sweep with other cells"
                                 : fmt::format("an axis: {}", fmt::join(names, ", ")),
                   nearest_word(name, names));
        continue;
      }
      std::vector<std::string_view> labels;
      for (const auto& value : axis->values) labels.emplace_back(value.label);
      if (std::find(labels.begin(), labels.end(), label) != labels.end()) continue;
      constexpr std::size_t kShown = 20;
      const auto shown_labels = std::span(labels).first(std::min(labels.size(), kShown));
      faults.add(here, shown_text(label),
                 fmt::format("a label: {}{}", fmt::join(shown_labels, ", "),
                             labels.size() > kShown ? ", ..." : ""),
                 nearest_word(label, labels));
    }
  }
}

}  // namespace netstall
