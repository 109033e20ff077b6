#include "model/faults.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "model/json_pointer.hpp"

namespace netstall {
namespace {

constexpr std::size_t kPointerBytes = 300;

// JSON text in ASCII: neither control characters nor broken UTF-8 reach a terminal.
std::string ascii(const nlohmann::json& value) {
  return value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::string Place::pointer() const {
  if (up_ == nullptr) return {};
  return up_->pointer() + "/" + (is_index_ ? std::to_string(index_) : escaped_token(key_));
}

void Faults::add(const Place& place, std::string found, std::string allowed, std::string nearest) {
  add(Fault{place.pointer(), std::move(found), std::move(allowed), std::move(nearest)});
}

void Faults::add(Fault fault) {
  if (kept_.size() < kMost) {
    kept_.push_back(std::move(fault));
  } else {
    ++more_;
  }
}

std::vector<Fault> Faults::take() {
  if (more_ > 0) kept_.push_back({"", fmt::format("{} more faults", more_), "", ""});
  more_ = 0;
  return std::exchange(kept_, {});
}

std::string shown(const nlohmann::json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  if (value.is_string()) return shown_text(value.get_ref<const std::string&>());
  return ascii(value);
}

std::string shown_text(std::string_view text) {
  return "\"" + escaped(text) + "\"";
}

std::string escaped(std::string_view text, std::size_t most) {
  std::string cut(text.substr(0, most));
  if (text.size() > most) {
    const auto byte = [&cut] { return static_cast<unsigned char>(cut.back()); };
    while (!cut.empty() && (byte() & 0xC0U) == 0x80U) cut.pop_back();
    if (!cut.empty() && byte() >= 0xC0U) cut.pop_back();
    cut += "...";
  }
  const auto quoted = ascii(nlohmann::json(cut));
  return quoted.substr(1, quoted.size() - 2);
}

std::string to_text(const Fault& fault) {
  std::string text = fault.pointer.empty() ? "the document" : escaped(fault.pointer, kPointerBytes);
  text += fmt::format(": found {}", fault.found);
  if (!fault.allowed.empty()) text += fmt::format("; expected {}", fault.allowed);
  if (!fault.nearest.empty()) text += fmt::format("; did you mean \"{}\"?", fault.nearest);
  return text;
}

}  // namespace netstall
