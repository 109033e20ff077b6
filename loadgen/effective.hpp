// What will really be done for a flow, as sentences: every option with its value,
// defaults included, so that a result can be read without the scenario.
#pragma once

#include <string>
#include <vector>

#include "loadgen/messages.hpp"

namespace netstall {

// One line a subject: who connects and sends, messages, pace, reader, buffers.
std::vector<std::string> effective_options(const FlowTask& task);

}  // namespace netstall
