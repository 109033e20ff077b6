// Where in a JSON document something is, and what is wrong there. Internal to
// this room: what leaves it is the plain struct Fault.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "model/scenario_json.hpp"

namespace netstall {

// A place in a document, as a chain towards its root. It costs nothing until a
// fault asks for the pointer; what it was made from must outlive it.
class Place {
 public:
  Place() = default;  // the document itself
  Place(const Place& up, std::string_view key) : up_(&up), key_(key) {}
  Place(const Place& up, std::size_t index) : up_(&up), index_(index), is_index_(true) {}
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  std::string pointer() const;

 private:
  const Place* up_ = nullptr;
  std::string_view key_;
  std::size_t index_ = 0;
  bool is_index_ = false;
};

// Collects faults; keeps the first hundred and counts the rest, so that a hostile
// document cannot fill the memory with them.
class Faults {
 public:
  static constexpr std::size_t kMost = 100;

  void add(const Place& place, std::string found, std::string allowed, std::string nearest = {});
  void add(Fault fault);
  bool empty() const { return kept_.empty(); }
  std::size_t count() const { return kept_.size() + more_; }
  const std::vector<Fault>& kept() const { return kept_; }
  // All of them; where there were more than kMost, the last entry says how many more.
  std::vector<Fault> take();

 private:
  std::vector<Fault> kept_;
  std::size_t more_ = 0;
};

// A value as a fault shows it: scalars as JSON text of at most some 60
// characters, in ASCII; "an object" and "a list" for the rest.
std::string shown(const nlohmann::json& value);
// Text of unknown origin as a JSON string, shortened likewise; and the same
// without the quotes.
std::string shown_text(std::string_view text);
std::string escaped(std::string_view text, std::size_t most = 60);

}  // namespace netstall
