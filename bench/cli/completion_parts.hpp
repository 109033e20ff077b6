// What the completion scripts of all shells share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bench/cli/completion.hpp"

namespace netstall {

// What is offered for the value of an option or for an argument.
struct Offer {
  std::vector<std::string> words = {};
  bool files = false;
  bool folders = false;
};
Offer offer_for(const OptionFacts& option, const KnownWords& words);

// "netstall-bench" → "_netstall_bench".
std::string function_name(std::string_view program);
// The first sentence or line of a description, without a full stop.
std::string short_description(std::string_view text);

std::string bash_completion(const std::vector<CommandFacts>& programs, const KnownWords& words);
std::string zsh_completion(const std::vector<CommandFacts>& programs, const KnownWords& words);
std::string fish_completion(const std::vector<CommandFacts>& programs, const KnownWords& words);

}  // namespace netstall
