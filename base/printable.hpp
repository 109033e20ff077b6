// Text of unknown origin made fit to be shown: names, reasons and values of a report
// or of a kernel file may be anybody's.
#pragma once

#include <string>
#include <string_view>

namespace netstall {

// Valid UTF-8 without control characters (line feeds and bidirectional overrides among
// them): each is U+FFFD instead.
std::string printable(std::string_view text);

}  // namespace netstall
