// Puts the sizes of a payload's file into the document itself, as its profile's
// values are: what is left needs no file beside it.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <span>

#include "model/faults.hpp"

namespace netstall {

// Replaces "file" by "sequence" in each payload of "flows", and where a sweep sets
// one. The file has one size a line, as a scenario would write it; empty lines, and
// what follows a '#', do not count. A relative path is looked for in `folders`, in
// order. A file that cannot be read, or a line that is no size, is a fault.
void inline_payload_files(nlohmann::json& document, std::span<const std::filesystem::path> folders,
                          Faults& faults);

}  // namespace netstall
