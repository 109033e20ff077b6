#include "model/json_text.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace netstall {
namespace {

using nlohmann::ordered_json;

constexpr std::size_t kShortLine = 100;

// "{"a": 1, "b": [2]}" where it is flat, and a list, a histogram, or short.
std::string on_one_line(const ordered_json& value) {
  const bool is_flat = std::none_of(
      value.begin(), value.end(), [](const ordered_json& entry) { return entry.is_structured(); });
  if (!is_flat && !value.empty()) return {};
  std::string text = value.is_array() ? "[" : "{ ";
  bool first = true;
  for (const auto& [key, entry] : value.items()) {
    if (!first) text += ", ";
    first = false;
    if (value.is_object()) text += one_line(key) + ": ";
    text += one_line(entry);
  }
  text += value.is_array() ? "]" : " }";
  if (value.empty()) text = value.is_array() ? "[]" : "{}";
  const bool is_whole_anyway = value.is_array() || value.contains("hdr");
  return is_whole_anyway || text.size() <= kShortLine ? text : std::string();
}

}  // namespace

std::string one_line(const ordered_json& value) {
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

void append_line_break(int level, std::string& out) {
  out += '\n';
  out.append(static_cast<std::size_t>(level) * 2, ' ');
}

void append_pretty(const ordered_json& value, int level, std::string& out) {
  if (!value.is_structured()) {
    out += one_line(value);
    return;
  }
  if (const auto line = on_one_line(value); !line.empty()) {
    out += line;
    return;
  }
  out += value.is_array() ? '[' : '{';
  bool first = true;
  for (const auto& [key, entry] : value.items()) {
    if (!first) out += ',';
    first = false;
    append_line_break(level + 1, out);
    if (value.is_object()) out += one_line(key) + ": ";
    append_pretty(entry, level + 1, out);
  }
  append_line_break(level, out);
  out += value.is_array() ? ']' : '}';
}

}  // namespace netstall
