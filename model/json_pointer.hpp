// JSON pointers (RFC 6901) as sweeps and --set use them: to put a value at a
// place of a document, making the objects on the way, or to take one away.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace netstall {

using Tokens = std::vector<std::string>;

std::string escaped_token(std::string_view token);
std::string pointer_of(std::span<const std::string> tokens);

// Nothing for text that is no pointer: it begins with "/", and "~" only occurs as
// "~0" or "~1". The empty pointer (the whole document) is not taken either.
std::optional<Tokens> tokens_of(std::string_view pointer);

// A list index as JSON pointers write it: no sign, no leading zeros.
std::optional<std::size_t> list_index(std::string_view token);

// True where one is the other or lies within it.
bool overlap(std::span<const std::string> left, std::span<const std::string> right);

// Puts a value at a place. Objects on the way are made; a list is not extended.
// Returns nothing, or why it cannot be done.
std::optional<std::string> put(nlohmann::json& root, std::span<const std::string> tokens,
                               nlohmann::json value);

// Takes a key or list entry away. A key that is not there is no problem; a list
// entry that is not there is one, and is said as put() does.
std::optional<std::string> take_away(nlohmann::json& root, std::span<const std::string> tokens);

}  // namespace netstall
