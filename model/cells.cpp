// Cells given as a list: for campaigns that do not come from a scenario's text.
#include <utility>

#include "model/scenario.hpp"

namespace netstall {
namespace {

class ListedCells : public CellSource {
 public:
  explicit ListedCells(std::vector<Cell> cells) : cells_(std::move(cells)) {}
  std::size_t size() const override { return cells_.size(); }
  Cell cell(std::size_t index) const override { return cells_[index]; }
  Timing timing(std::size_t index) const override { return cells_[index].scenario.timing; }
  std::size_t shape(std::size_t index) const override { return index; }

 private:
  std::vector<Cell> cells_;
};

}  // namespace

Cells::Cells(std::vector<Cell> cells) : source_(std::make_shared<ListedCells>(std::move(cells))) {}

}  // namespace netstall
