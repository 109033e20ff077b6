#include "bench/report/page_json.hpp"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

#include "base/printable.hpp"

namespace netstall {
namespace {

// What would mean something to JSON or to HTML.
bool is_special(char c) {
  return c == '"' || c == '\\' || c == '<' || c == '>' || c == '&';
}

}  // namespace

void PageJson::separate() {
  if (out_.empty()) return;
  const char last = out_.back();
  if (last != '{' && last != '[' && last != ':' && last != ',') out_ += ',';
}

PageJson& PageJson::open(char bracket) {
  separate();
  out_ += bracket;
  return *this;
}

PageJson& PageJson::close(char bracket) {
  out_ += bracket;
  return *this;
}

PageJson& PageJson::key(std::string_view name) {
  text(name);
  out_ += ':';
  return *this;
}

PageJson& PageJson::text(std::string_view value) {
  separate();
  out_ += '"';
  for (const char c : printable(value)) {
    if (is_special(c)) {
      fmt::format_to(std::back_inserter(out_), "\\u{:04x}", static_cast<unsigned char>(c));
    } else {
      out_ += c;
    }
  }
  out_ += '"';
  return *this;
}

PageJson& PageJson::flag(bool value) {
  return raw(value ? "true" : "false");
}

PageJson& PageJson::null() {
  return raw("null");
}

PageJson& PageJson::whole(std::int64_t value) {
  separate();
  fmt::format_to(std::back_inserter(out_), "{}", value);
  return *this;
}

PageJson& PageJson::count(std::uint64_t value) {
  separate();
  fmt::format_to(std::back_inserter(out_), "{}", value);
  return *this;
}

PageJson& PageJson::figure(double value) {
  if (!std::isfinite(value)) return null();
  separate();
  fmt::format_to(std::back_inserter(out_), "{:.4g}", value);
  return *this;
}

PageJson& PageJson::figure(const std::optional<double>& value) {
  return value ? figure(*value) : null();
}

PageJson& PageJson::raw(std::string_view json) {
  separate();
  out_ += json;
  return *this;
}

}  // namespace netstall
