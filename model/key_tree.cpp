#include "model/key_tree.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <type_traits>
#include <utility>

#include "base/nearest.hpp"
#include "model/faults.hpp"
#include "model/json_pointer.hpp"
#include "model/scenario_keys.hpp"

namespace netstall {
namespace {

using Holds = KnownKey::Holds;

template <class T>
std::vector<KnownKey> keys_of();

template <class T>
struct ValueOf {
  using Type = T;
};
template <class T>
struct ValueOf<std::optional<T>> {
  using Type = T;
};
template <class T>
struct ValueOf<std::vector<T>> {
  using Type = T;
};
template <class T>
struct ValueOf<std::optional<std::vector<T>>> {
  using Type = T;
};

// A value that is taken as a whole, whatever is within.
template <class What>
constexpr bool kTakenWhole = std::is_same_v<What, SysctlNames> || std::is_same_v<What, Sweep> ||
                             std::is_same_v<What, Exclusions> || std::is_same_v<What, Labels>;
template <class E>
constexpr bool kTakenWhole<SetOf<E>> = true;

class KeyLister {
 public:
  template <class T, class What>
  void operator()(std::string_view name, T& member, const What& what) {
    add(name, false, member, what);
  }
  template <class T, class What>
  void required(std::string_view name, T& member, const What& what) {
    add(name, true, member, what);
  }
  std::vector<KnownKey> take() { return std::move(keys_); }

 private:
  template <class T, class What>
  void add(std::string_view name, bool required, T&, const What&) {
    using Value = typename ValueOf<T>::Type;
    KnownKey key{name, required, Holds::value, {}};
    if constexpr (std::is_same_v<What, Object> || std::is_same_v<What, List>) {
      key.holds = std::is_same_v<What, List> ? Holds::list : Holds::object;
      key.keys = keys_of<Value>();
    } else if constexpr (std::is_same_v<What, Sysctls>) {
      key.holds = Holds::sysctls;
    } else if constexpr (kTakenWhole<What>) {
      key.holds = Holds::anything;
    }
    keys_.push_back(std::move(key));
  }

  std::vector<KnownKey> keys_;
};

template <class T>
std::vector<KnownKey> keys_of() {
  KeyLister lister;
  T object{};
  keys(lister, object);
  return lister.take();
}

Fault unknown_key(std::span<const std::string> path, const KnownKey& parent) {
  std::vector<std::string_view> names;
  for (const auto& key : parent.keys) names.push_back(key.name);
  return {pointer_of(path), "an unknown key", fmt::format("one of {}", fmt::join(names, ", ")),
          nearest_word(path.back(), names)};
}

}  // namespace

KnownKey scenario_key_tree() {
  return {"", true, Holds::object, keys_of<ScenarioDraft>()};
}

std::optional<Fault> fault_of_pointer(const KnownKey& root, std::span<const std::string> tokens) {
  static const KnownKey kValue;
  const auto* at = &root;
  bool in_entry = false;  // of the list `at`
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto path = tokens.first(i + 1);
    const auto& token = tokens[i];
    if (at->holds == Holds::anything) return std::nullopt;
    if (at->holds == Holds::value) {
      return Fault{pointer_of(path), "a key within a single value",
                   pointer_of(tokens.first(i)) + " and no more", ""};
    }
    if (at->holds == Holds::sysctls) {
      const Sysctls sysctls{at->name != "host"};
      if (!sysctls.accepts_name(token)) {
        return Fault{pointer_of(path), "the name " + shown_text(token), sysctls.allowed_name(), ""};
      }
      at = &kValue;
    } else if (at->holds == Holds::list && !in_entry) {
      if (!list_index(token)) {
        return Fault{pointer_of(path), shown_text(token), "the number of an entry, from 0", ""};
      }
      in_entry = true;
    } else {
      const auto key =
          std::find_if(at->keys.begin(), at->keys.end(),
                       [&token](const KnownKey& known) { return known.name == token; });
      if (key == at->keys.end()) return unknown_key(path, *at);
      at = &*key;
      in_entry = false;
    }
  }
  return std::nullopt;
}

}  // namespace netstall
