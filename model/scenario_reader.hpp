// JSON → the structs of a scenario, by the keys of scenario_keys.hpp. Reads on
// after a fault: what is faulty keeps its default.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "model/faults.hpp"
#include "model/scenario.hpp"

namespace netstall {

struct AxisChanges;

// A whole document, except for its sweep (axes.hpp) and the checks below that concern several
// parts.
void read_scenario(const nlohmann::json& document, Faults& faults, Scenario& out);

// One part of a document, which stands at `place`.
void read_part(const nlohmann::json& json, const Place& place, Faults& faults, LabSpec& out);
void read_part(const nlohmann::json& json, const Place& place, Faults& faults, SysctlSpec& out);
void read_part(const nlohmann::json& json, const Place& place, Faults& faults, Timing& out);
void read_part(const nlohmann::json& json, const Place& place, Faults& faults,
               std::vector<ProbeId>& out);
void read_part(const nlohmann::json& json, const Place& place, Faults& faults, FlowGroup& out);
void read_part(const nlohmann::json& json, const Place& place, Faults& faults,
               std::vector<FlowGroup>& out);
void read_part(const nlohmann::json& json, const Place& place, Faults& faults,
               std::vector<Expectation>& out);

// What concerns several parts: no two flow groups of one name, and every
// expectation's flow group exists.
void check_names(const Scenario& scenario, Faults& faults);

// Several clients are as many as have a connection each, and none is of multicast.
void check_clients(const Scenario& scenario, Faults& faults);

// Every expectation against another cell names axes and labels that there are.
void check_against(const Scenario& scenario, const std::vector<AxisChanges>& axes, Faults& faults);

}  // namespace netstall
