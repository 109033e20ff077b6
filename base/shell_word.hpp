// Words of command lines that are shown to be pasted into a shell.
#pragma once

#include <string>
#include <string_view>

namespace netstall {

// In single quotes, whatever it is.
std::string single_quoted(std::string_view text);

// A word as a POSIX shell takes it: in single quotes where it has to be.
std::string shell_word(std::string_view word);

}  // namespace netstall
