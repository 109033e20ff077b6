// Which sysctl a user may have meant by a name that does not exist.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace netstall {

// The key under a tree of sysctl files that is most like `key`; empty where none
// is near. The right last word in the wrong folder, or in none, is nearest.
std::string nearest_sysctl(const std::filesystem::path& tree, std::string_view key);

}  // namespace netstall
