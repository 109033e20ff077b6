// Text of unknown origin made fit for Markdown, XML and a terminal's width.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace netstall {

// printable(), and no character of it means anything to Markdown or HTML, in the cell
// of a table too.
std::string markdown_text(std::string_view text);

// printable(), for an element or an attribute.
std::string xml_text(std::string_view text);

// Columns that a terminal needs for valid UTF-8: its characters.
std::size_t columns(std::string_view text);

// Lines of at most `width` columns, broken at spaces where there are any, each one but
// the first behind `indent` spaces; with a line feed at the end.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t width = 80);

}  // namespace netstall
