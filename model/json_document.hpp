// Text → JSON, for text that anybody may have written: bounded in size and depth,
// no key twice, no byte after the end, and a sentence for what is wrong.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "model/faults.hpp"

namespace netstall {

constexpr std::size_t kMaxDepth = 64;

struct DocumentRules {
  std::size_t max_bytes = std::size_t{4} << 20;
  bool comments = true;  // "//" and "/* */"
};

// Nothing where the text is no such JSON; the fault then says where it ends to be
// one. A key given twice is a fault too, but its first value is kept and the rest read.
std::optional<nlohmann::json> parse_document(std::string_view text, const DocumentRules& rules,
                                             Faults& faults);

}  // namespace netstall
