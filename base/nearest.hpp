// The nearest known word to one that is not known: for "did you mean" in messages.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace netstall {

// The known word with the fewest insertions, deletions, changes and swaps of
// neighbours from `word` (the first of equals); empty where none is nearer than
// half of `word`'s length, rounded up, or where `word` is longer than 256.
std::string nearest_word(std::string_view word, std::span<const std::string_view> known);

}  // namespace netstall
