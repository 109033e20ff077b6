// What options are said to take, where shell completion offers more than files: it
// goes by these names.
#pragma once

namespace netstall {

inline constexpr const char* kScenarioValue = "SCENARIO";  // a file, or a shipped one's name
inline constexpr const char* kProfileValue = "PROFILE";    // likewise
inline constexpr const char* kSettingValue = "SETTING";    // POINTER=VALUE, or a profile
inline constexpr const char* kMetricValue = "METRIC";      // of docs/metrics.md
inline constexpr const char* kFolderValue = "DIR";

}  // namespace netstall
