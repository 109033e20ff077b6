// The plots of a page, read back from a browser that drew it: the page is their only
// drawing (bench/report/page/drawing.js).
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace netstall {

// The part of a page's address that makes it become its plots.
inline constexpr std::string_view kPlotsFragment = "plots&theme=light";

// File name → SVG, of the document that a browser made of such a page. Throws Error
// (failed) where it holds no plots.
std::map<std::string, std::string> plots_of(std::string_view document);

}  // namespace netstall
