// JSON for a page: compact, written as it comes, and inert wherever in HTML it
// stands. Not for reports: those are model's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace netstall {

// Appends to a text that it does not own. Commas are its own business; that keys
// and values alternate in an object, and that what is opened is closed, the
// caller's. No `<`, `>` or `&` is ever written, so no text can end the element
// around it.
class PageJson {
 public:
  explicit PageJson(std::string& out) : out_(out) {}

  PageJson& open(char bracket);   // '{' or '['
  PageJson& close(char bracket);  // '}' or ']'
  PageJson& key(std::string_view name);

  PageJson& text(std::string_view value);
  PageJson& flag(bool value);
  PageJson& null();
  PageJson& whole(std::int64_t value);
  PageJson& count(std::uint64_t value);
  // Four significant digits, which is more than a screen shows; null for what is
  // not finite.
  PageJson& figure(double value);
  PageJson& figure(const std::optional<double>& value);
  // Ready JSON that came from a PageJson.
  PageJson& raw(std::string_view json);

 private:
  void separate();
  std::string& out_;
};

}  // namespace netstall
