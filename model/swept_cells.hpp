// The cells of a sweep, made from the base scenario when they are asked for: only
// the parts of the document that an axis changes are read again.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model/axes.hpp"
#include "model/faults.hpp"
#include "model/scenario.hpp"

namespace netstall {

// Which value each axis takes.
using Choice = std::vector<std::size_t>;

class SweptCells final : public CellSource {
 public:
  // `base` is what the document says without its sweep. Parts of the document
  // that have faults are taken as they are: check() finds them again.
  SweptCells(const nlohmann::json& document, Scenario base, std::vector<AxisChanges> axes,
             const std::vector<Exclusion>& exclusions = {});

  std::size_t size() const override { return excludes_ ? kept_.size() : size_; }
  Cell cell(std::size_t index) const override;
  Timing timing(std::size_t index) const override;
  std::size_t shape(std::size_t index) const override;

  // Every fault that any cell would have, each once, with the pointer of the
  // change that brings it where one can be named; not those already `known` of
  // the document itself. Stops after some dozens.
  void check(const std::vector<Fault>& known, Faults& faults) const;

 private:
  enum class Part { lab, sysctl, flows, flow, timing, probes, expect };
  struct Section {
    Part part;
    Tokens place;
    nlohmann::json base;
    std::vector<std::size_t> axes;  // that change it
  };
  class Checker;

  void add_section(const nlohmann::json& document, Part part, Tokens place);
  // Of a point of the whole product; of a cell.
  Choice choice_at(std::size_t point) const;
  Choice choice(std::size_t index) const;
  void leave_out(const std::vector<Exclusion>& exclusions);
  std::size_t shape_of(const Choice& choice) const;
  // Changes that cannot be applied are faults, and left out.
  nlohmann::json patched(const Section& section, const Choice& choice, Faults& faults) const;
  void read(const Section& section, const Choice& choice, Scenario& out, Faults& faults) const;

  Scenario base_;
  std::vector<AxisChanges> axes_;
  std::vector<Section> sections_;  // those that an axis changes
  // Those that flows, clients, placements or client sysctls depend on.
  std::vector<std::size_t> shape_axes_;
  std::vector<std::size_t> name_axes_;    // those that check_names() depends on
  std::vector<std::size_t> client_axes_;  // those that check_clients() does
  std::size_t size_ = 1;                  // of the whole product
  bool excludes_ = false;
  std::vector<std::uint32_t> kept_;    // with exclusions: the points that are cells
  std::vector<std::uint32_t> shapes_;  // and the shape of each
};

}  // namespace netstall
