#include "bench/cli/chosen_cells.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "base/error.hpp"
#include "base/nearest.hpp"
#include "base/printable.hpp"

namespace netstall {
namespace {

class ChosenCells : public CellSource {
 public:
  ChosenCells(Cells all, std::vector<std::uint32_t> indices)
      : all_(std::move(all)), indices_(std::move(indices)) {}
  std::size_t size() const override { return indices_.size(); }
  Cell cell(std::size_t index) const override { return all_[indices_[index]]; }
  Timing timing(std::size_t index) const override { return all_.timing(indices_[index]); }
  // Each its own: shapes of the whole sweep may be beyond size().
  std::size_t shape(std::size_t index) const override { return index; }

 private:
  Cells all_;
  std::vector<std::uint32_t> indices_;
};

std::optional<std::uint32_t> number_of(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) {
    return std::nullopt;
  }
  return number;
}

[[noreturn]] void refuse(const std::string& chosen, const std::vector<std::string>& ids) {
  constexpr std::size_t kShown = 20;
  const auto shown = std::span(ids).first(std::min(ids.size(), kShown));
  auto remedy = fmt::format("there {} {}", ids.size() == 1 ? "is" : "are", fmt::join(shown, ", "));
  if (ids.size() > kShown) {
    remedy += fmt::format(" and {} more: `netstall plan -v` lists them", ids.size() - kShown);
  }
  const std::vector<std::string_view> known(ids.begin(), ids.end());
  const auto nearest = nearest_word(chosen, known);
  throw Error(ErrorKind::usage, fmt::format("choose cell {}", printable(chosen)),
              nearest.empty() ? "there is no such cell"
                              : fmt::format("there is no such cell; did you mean {}?", nearest),
              std::move(remedy));
}

}  // namespace

Campaign choose_cells(Campaign campaign, std::span<const std::string> chosen) {
  if (chosen.empty()) return campaign;
  std::vector<std::string> ids;
  ids.reserve(campaign.cells.size());
  for (const Cell cell : campaign.cells) ids.push_back(cell.id);
  std::set<std::uint32_t> indices;
  for (const auto& text : chosen) {
    const auto found = std::find(ids.begin(), ids.end(), text);
    const auto number = number_of(text);
    if (found != ids.end()) {
      indices.insert(static_cast<std::uint32_t>(found - ids.begin()));
    } else if (number && *number < ids.size()) {
      indices.insert(*number);
    } else {
      refuse(text, ids);
    }
  }
  CellSelection selection{{}, {indices.begin(), indices.end()}, ids.size()};
  for (const auto index : indices) selection.ids.push_back(ids[index]);
  campaign.cells = Cells(std::make_shared<ChosenCells>(campaign.cells, selection.indices));
  campaign.selection = std::move(selection);
  return campaign;
}

}  // namespace netstall
