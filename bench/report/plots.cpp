#include "bench/report/plots.hpp"

#include <nlohmann/json.hpp>

#include "base/error.hpp"

namespace netstall {
namespace {

// A name that the page gives is used as a file's: letters, then ".svg".
bool is_plot_name(std::string_view name) {
  constexpr std::string_view kEnding = ".svg";
  if (!name.ends_with(kEnding)) return false;
  name.remove_suffix(kEnding.size());
  return !name.empty() &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-") == std::string_view::npos;
}

}  // namespace

std::map<std::string, std::string> plots_of(std::string_view document) {
  constexpr std::string_view kBegin = "id=\"plots\">";
  const auto begin = document.find(kBegin);
  const auto end = document.find("</script>", begin == std::string_view::npos ? 0 : begin);
  std::map<std::string, std::string> plots;
  if (begin != std::string_view::npos && end != std::string_view::npos) {
    const auto at = begin + kBegin.size();
    const auto json = nlohmann::json::parse(document.substr(at, end - at), nullptr, false);
    if (json.is_object()) {
      for (const auto& [name, svg] : json.items()) {
        if (is_plot_name(name) && svg.is_string()) plots.emplace(name, svg.get<std::string>());
      }
    }
  }
  if (plots.empty()) throw Error(ErrorKind::failed, "draw the page", "the browser drew no plot");
  return plots;
}

}  // namespace netstall
