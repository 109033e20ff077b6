#include "model/json_pointer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "model/faults.hpp"

namespace netstall {
namespace {

std::string no_entry(std::string_view token, const nlohmann::json& list) {
  return fmt::format("no entry {} in a list of {}", escaped(token), list.size());
}

}  // namespace

std::string escaped_token(std::string_view token) {
  std::string escaped;
  escaped.reserve(token.size());
  for (const char c : token) {
    if (c == '~') {
      escaped += "~0";
    } else if (c == '/') {
      escaped += "~1";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string pointer_of(std::span<const std::string> tokens) {
  std::string pointer;
  for (const auto& token : tokens) pointer += "/" + escaped_token(token);
  return pointer;
}

std::optional<Tokens> tokens_of(std::string_view pointer) {
  if (!pointer.starts_with('/')) return std::nullopt;
  Tokens tokens;
  for (std::size_t i = 0; i < pointer.size(); ++i) {
    if (pointer[i] == '/') {
      tokens.emplace_back();
    } else if (pointer[i] != '~') {
      tokens.back() += pointer[i];
    } else {
      ++i;
      if (i == pointer.size() || (pointer[i] != '0' && pointer[i] != '1')) return std::nullopt;
      tokens.back() += pointer[i] == '0' ? '~' : '/';
    }
  }
  return tokens;
}

std::optional<std::size_t> list_index(std::string_view token) {
  if (token.empty() || (token.size() > 1 && token.front() == '0')) return std::nullopt;
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), index);
  if (error != std::errc{} || end != token.data() + token.size()) return std::nullopt;
  return index;
}

bool overlap(std::span<const std::string> left, std::span<const std::string> right) {
  const auto common = std::min(left.size(), right.size());
  return std::equal(left.begin(), left.begin() + static_cast<std::ptrdiff_t>(common),
                    right.begin());
}

std::optional<std::string> put(nlohmann::json& root, std::span<const std::string> tokens,
                               nlohmann::json value) {
  auto* at = &root;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (at->is_null()) *at = nlohmann::json::object();
    if (at->is_object()) {
      at = &(*at)[tokens[i]];
    } else if (at->is_array()) {
      const auto index = list_index(tokens[i]);
      if (!index || *index >= at->size()) {
        return no_entry(tokens[i], *at);
      }
      at = &(*at)[*index];
    } else {
      return fmt::format("{} where a key {} should be", shown(*at), shown_text(tokens[i]));
    }
  }
  *at = std::move(value);
  return std::nullopt;
}

std::optional<std::string> take_away(nlohmann::json& root, std::span<const std::string> tokens) {
  if (tokens.empty()) {
    root = nullptr;
    return std::nullopt;
  }
  auto* at = &root;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const bool last = i + 1 == tokens.size();
    if (at->is_array()) {
      const auto index = list_index(tokens[i]);
      if (!index || *index >= at->size()) return no_entry(tokens[i], *at);
      if (last) at->erase(*index);
      if (!last) at = &(*at)[*index];
    } else {
      if (!at->is_object() || !at->contains(tokens[i])) return std::nullopt;
      if (last) at->erase(tokens[i]);
      if (!last) at = &(*at)[tokens[i]];
    }
  }
  return std::nullopt;
}

}  // namespace netstall
