// Reads a kernel file that is kept open: each time from its beginning, so that
// the kernel writes its text anew.
#pragma once

#include <string>
#include <string_view>

#include "base/fd.hpp"

namespace netstall {

// Replaces `text` by the whole content of the file. Throws Error naming `name`.
void read_again(const Fd& fd, std::string_view name, std::string& text);

}  // namespace netstall
