// The page's own script and style, as bench/report/page/ has them; the build makes
// page_assets.cpp of those files. The hashes are what a Content-Security-Policy
// takes: SHA-256 of the text, base64.
#pragma once

#include <string_view>

namespace netstall {

extern const std::string_view kPageScript;
extern const std::string_view kPageScriptHash;
extern const std::string_view kPageStyle;
extern const std::string_view kPageStyleHash;

}  // namespace netstall
