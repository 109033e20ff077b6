// A Chromium of this machine, without a window: it makes the plots of a page.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace netstall {

// From PATH; nothing where there is none.
std::optional<std::filesystem::path> find_browser();

// The document that this page became once its scripts had run, as HTML. The browser
// has a profile of its own, which is gone afterwards, and two minutes. Throws Error
// (incapable) where there is no browser, and (failed) where it fails.
std::string browsed(const std::string& page, std::string_view fragment);

}  // namespace netstall
