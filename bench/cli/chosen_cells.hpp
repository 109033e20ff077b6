// Some cells of a scenario, to be run alone.
#pragma once

#include <span>
#include <string>

#include "model/scenario.hpp"

namespace netstall {

// The campaign with the chosen cells alone, in the order of its sweep, each once, and
// its `selection` set; the scenario and its hash are the same. A cell is chosen by its
// id, or by its number in the sweep, from 0, where no id is that number. Nothing
// chosen: the campaign as it is. Throws Error (usage) for a cell that is not there,
// naming those that are, or of many the nearest.
Campaign choose_cells(Campaign campaign, std::span<const std::string> chosen);

}  // namespace netstall
