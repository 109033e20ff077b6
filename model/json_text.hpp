// JSON as text that a person can read and a diff can follow: objects a key a line,
// but lists of plain values, histograms and small objects on one line.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace netstall {

// Appends the value's text, its inner lines indented by two spaces a level beyond
// `level`. Text that is no UTF-8 is mended, numbers that are not finite become null.
void append_pretty(const nlohmann::ordered_json& value, int level, std::string& out);

// The whole value on one line.
std::string one_line(const nlohmann::ordered_json& value);

// A new line, indented.
void append_line_break(int level, std::string& out);

}  // namespace netstall
