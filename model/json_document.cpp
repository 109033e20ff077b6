#include "model/json_document.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/units.hpp"
#include "model/json_pointer.hpp"

namespace netstall {
namespace {

using nlohmann::json;

// From the parser's "[…] parse error at line 3, column 5: syntax error while
// parsing value - WHAT; last read: 'TEXT'; expected ALLOWED", parts of it absent.
Fault syntax_fault(std::string_view what) {
  const auto between = [what](std::string_view begin, std::string_view end) {
    const auto at = what.find(begin);
    if (at == std::string_view::npos) return std::string_view();
    const auto rest = what.substr(at + begin.size());
    return rest.substr(0, rest.find(end));
  };
  const auto where = between(" at ", ": ");
  const auto problem = where.empty() ? between("] ", ";") : between(" - ", "; ");
  const auto last = between("; last read: '", "'; expected");
  const auto allowed = what.rfind("; expected ");
  Fault fault{"", "a syntax error", "JSON", ""};
  if (!where.empty()) fault.found += fmt::format(" at {}", where);
  fault.found += fmt::format(" ({}", escaped(problem));
  if (!last.empty()) {
    fault.found +=
        fmt::format(" after {}", escaped(last.substr(0, last.find_last_not_of('\'') + 1)));
  }
  fault.found += ")";
  if (allowed != std::string_view::npos) fault.allowed = escaped(what.substr(allowed + 11));
  return fault;
}

// Builds the document from the parser's events. The parser itself keeps no stack
// of calls, so depth is only bounded here, where values would nest.
class Builder : public nlohmann::json_sax<json> {
 public:
  Builder(json& root, Faults& faults) : root_(root), faults_(faults) {}

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t&) override { return add(value); }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(json::object()); }
  bool start_array(std::size_t) override { return open(json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& key) override {
    levels_.back().key = std::move(key);
    return true;
  }

  bool parse_error(std::size_t, const std::string&, const json::exception& error) override {
    faults_.add(syntax_fault(error.what()));
    return false;
  }

 private:
  struct Level {
    json* container;
    std::string key;  // last one begun, in an object
  };

  // Puts a value where the text has come to; returns where it is, or null where
  // a second value of a key is dropped.
  json* place(json value) {
    if (levels_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    auto& level = levels_.back();
    if (level.container == nullptr) return nullptr;
    if (level.container->is_array()) {
      level.container->push_back(std::move(value));
      return &level.container->back();
    }
    const auto [at, added] = level.container->emplace(level.key, std::move(value));
    if (added) return &*at;
    faults_.add({pointer(), "a key that was given before", "each key once", ""});
    return nullptr;
  }

  bool add(json value) {
    place(std::move(value));
    return true;
  }

  bool open(json container) {
    if (levels_.size() == kMaxDepth) {
      faults_.add({"", fmt::format("values nested more than {} deep", kMaxDepth),
                   fmt::format("at most {} levels", kMaxDepth), ""});
      return false;
    }
    levels_.push_back({place(std::move(container)), {}});
    return true;
  }

  bool close() {
    levels_.pop_back();
    return true;
  }

  std::string pointer() const {
    std::string text;
    for (const auto& level : levels_) {
      text += "/";
      text += level.container->is_array() ? std::to_string(level.container->size() - 1)
                                          : escaped_token(level.key);
    }
    return text;
  }

  json& root_;
  Faults& faults_;
  std::vector<Level> levels_;
};

}  // namespace

std::optional<json> parse_document(std::string_view text, const DocumentRules& rules,
                                   Faults& faults) {
  if (text.size() > rules.max_bytes) {
    faults.add({"", fmt::format("{} bytes", text.size()),
                fmt::format("at most {}", to_text(Bytes{rules.max_bytes})), ""});
    return std::nullopt;
  }
  // The parser takes a NUL for the end of the text and would not look behind it.
  if (const auto nul = text.find('\0'); nul != std::string_view::npos) {
    faults.add({"", fmt::format("a NUL byte at offset {}", nul), "text", ""});
    return std::nullopt;
  }
  json document;
  Builder builder(document, faults);
  const auto format = json::input_format_t::json;
  if (!json::sax_parse(text, &builder, format, true, rules.comments)) return std::nullopt;
  return document;
}

}  // namespace netstall
