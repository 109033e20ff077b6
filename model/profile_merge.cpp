#include "model/profile_merge.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/nearest.hpp"
#include "model/axes.hpp"
#include "model/profile.hpp"
#include "model/scenario_values.hpp"

namespace netstall {
namespace {

using nlohmann::json;

// Where a profile named without path and ending lies, beneath a folder.
constexpr const char* kProfileFolder = "profiles";
constexpr const char* kProfileEnding = ".conf";

// A profile's values as changes of a document: pointer → value.
using Settings = std::map<std::string, json>;

// As a scenario names it: for both sides, or for each its own.
struct ProfileChoice {
  std::string client;  // paths; empty: none
  std::string server;

  static std::optional<ProfileChoice> of(const json& value) {
    if (value.is_string()) {
      const auto path = value.get<std::string>();
      return path.empty() ? std::nullopt : std::optional(ProfileChoice{path, path});
    }
    if (!value.is_object() || value.empty()) return std::nullopt;
    ProfileChoice choice;
    for (const auto& [side, path] : value.items()) {
      if (!path.is_string() || path.get_ref<const std::string&>().empty()) return std::nullopt;
      if (side == "client") {
        choice.client = path.get<std::string>();
      } else if (side == "server") {
        choice.server = path.get<std::string>();
      } else {
        return std::nullopt;
      }
    }
    return choice;
  }
  // "a.conf", or "client a.conf, server b.conf".
  std::string name() const {
    if (client == server) return client;
    std::string text;
    if (!client.empty()) text = "client " + client;
    if (!server.empty()) text += (text.empty() ? "server " : ", server ") + server;
    return text;
  }
};

class ProfileMerger {
 public:
  ProfileMerger(json& document, std::span<const std::filesystem::path> folders,
                std::vector<Tokens> kept, const HostWide& host_wide, Faults& faults)
      : document_(document),
        folders_(folders),
        kept_(std::move(kept)),
        host_wide_(host_wide),
        faults_(faults) {}

  std::optional<std::string> run() {
    auto own = take_own();
    auto* sweep = object_at(document_, "sweep");
    bool swept = false;
    if (sweep != nullptr) {
      const bool renamed = rename_pointer_axis(*sweep);
      for (auto& [name, values] : sweep->items()) {
        if (name.starts_with('/')) continue;
        const auto written_as = renamed && name == "profile" ? "/profile" : name;
        swept = expand_axis(values, "/sweep/" + escaped_token(written_as), own) || swept;
      }
    }
    if (!own || swept) return std::nullopt;
    apply(settings_of(*own, "/profile"));
    return own->name();
  }

 private:
  static json* object_at(json& parent, const char* key) {
    const auto at = parent.find(key);
    return at != parent.end() && at->is_object() ? &*at : nullptr;
  }

  // What is none is left for the reader to find.
  std::optional<ProfileChoice> take_own() {
    const auto at = document_.find("profile");
    if (at == document_.end()) return std::nullopt;
    auto choice = ProfileChoice::of(*at);
    if (choice) document_.erase(at);
    return choice;
  }

  // {"/profile": ["a.conf", null]} → {"profile": [{"label": "a", "set": …}, …]}
  bool rename_pointer_axis(json& sweep) {
    const auto at = sweep.find("/profile");
    if (at == sweep.end() || !at->is_array()) return false;
    if (sweep.contains("profile")) {
      faults_.add({"/sweep/profile", "an axis of this name beside /profile", "another name", ""});
      return false;
    }
    auto values = json::array();
    for (std::size_t i = 0; i < at->size(); ++i) {
      const auto& path = (*at)[i];
      const auto choice = ProfileChoice::of(path);
      if (!choice && !path.is_null()) {
        faults_.add({fmt::format("/sweep/~1profile/{}", i), shown(path), PathText().allowed(), ""});
        continue;
      }
      const auto label = choice ? label_of(*choice) : "absent";
      values.push_back({{"label", label}, {"set", {{"/profile", path}}}});
    }
    sweep.erase(at);
    sweep["profile"] = std::move(values);
    return true;
  }

  static std::string label_of(const ProfileChoice& choice) {
    const auto stem = [](const std::string& path) {
      return path.empty() ? "absent" : std::filesystem::path(path).stem().string();
    };
    auto label = stem(choice.client);
    if (choice.client != choice.server) label += "-" + stem(choice.server);
    label = label.substr(0, NameText::kLongest);
    for (auto& c : label) {
      if (!NameText::accepts(std::string_view(&c, 1))) c = '-';
    }
    return label.empty() ? "profile" : label;
  }

  // Replaces "/profile" in each value of an axis by what that profile sets; a
  // value without one keeps the scenario's own. False where no value has one.
  bool expand_axis(json& values, const std::string& place,
                   const std::optional<ProfileChoice>& own) {
    if (!values.is_array()) return false;
    const auto sets_profile = [](json& value) {
      auto* set = value.is_object() ? object_at(value, "set") : nullptr;
      return set != nullptr && set->contains("/profile");
    };
    if (std::none_of(values.begin(), values.end(), sets_profile)) return false;
    for (std::size_t i = 0; i < values.size(); ++i) {
      auto* set = values[i].is_object() ? object_at(values[i], "set") : nullptr;
      if (set == nullptr) continue;
      auto choice = own;
      const auto here = fmt::format("{}/{}", place, i);
      if (const auto at = set->find("/profile"); at != set->end()) {
        choice = ProfileChoice::of(*at);
        if (!choice && !at->is_null()) {
          faults_.add({here, shown(*at), PathText().allowed(), ""});
        }
        set->erase(at);
      }
      if (!choice) continue;
      for (auto& [pointer, value] : settings_of(*choice, here))
        set->emplace(pointer, std::move(value));
    }
    return true;
  }

  static bool is_file(const std::filesystem::path& path) {
    std::error_code none;
    return std::filesystem::exists(path, none) && !std::filesystem::is_directory(path, none);
  }

  // The file of a relative path, or of a bare name; a path comes first.
  std::optional<std::filesystem::path> find(const std::string& path) const {
    for (const auto& folder : folders_) {
      if (is_file(folder / path)) return folder / path;
    }
    if (path.find('/') != std::string::npos) return std::nullopt;
    for (const auto& folder : folders_) {
      auto file = folder / kProfileFolder / (path + kProfileEnding);
      if (is_file(file)) return file;
    }
    return std::nullopt;
  }

  // The name that is nearest to a path that is not there.
  std::string nearest_to(const std::string& path) const {
    std::set<std::string> names;
    for (const auto& folder : folders_) {
      std::error_code unreadable;
      for (const auto& entry :
           std::filesystem::directory_iterator(folder / kProfileFolder, unreadable)) {
        const auto& file = entry.path();
        if (file.extension() == kProfileEnding) names.insert(file.stem().string());
      }
    }
    const std::vector<std::string_view> known(names.begin(), names.end());
    return nearest_word(std::filesystem::path(path).stem().string(), known);
  }

  std::optional<Profile> load(const std::string& path, const std::string& place) {
    try {
      if (std::filesystem::path(path).is_absolute()) return load_profile(path);
      if (const auto file = find(path)) return load_profile(*file);
      std::vector<std::string> tried;
      for (const auto& folder : folders_) tried.push_back(folder.string());
      faults_.add({place, shown_text(path) + ", which is not there",
                   tried.empty() ? "an absolute path"
                                 : fmt::format("a file in {}", fmt::join(tried, " or ")),
                   nearest_to(path)});
    } catch (const Error& error) {
      faults_.add({place, fmt::format("{} ({})", shown_text(path), error.what()), "a profile", ""});
    }
    return std::nullopt;
  }

  // What profiles set where neither the scenario, --set nor a sweep has a say.
  Settings settings_of(const ProfileChoice& choice, const std::string& place) {
    Settings settings;
    std::set<std::string> optional;
    if (choice.client == choice.server) {
      add(choice.client, {"client", "server"}, place, settings, optional);
    } else {
      add(choice.client, {"client"}, place, settings, optional);
      add(choice.server, {"server"}, place, settings, optional);
    }
    const Tokens list{"sysctl", "optional"};
    if (!optional.empty() && !is_kept(list)) {
      settings[pointer_of(list)] = with_own_optional(std::move(optional));
    }
    return settings;
  }

  void add(const std::string& path, const std::vector<std::string>& sides, const std::string& place,
           Settings& settings, std::set<std::string>& optional) {
    if (path.empty()) return;
    const auto profile = load(path, place);
    if (!profile) return;
    const auto host_wide = host_wide_of(*profile);
    Settings of_host;
    for (const auto& entry : profile->entries) {
      const bool host = host_wide.contains(entry.key);
      for (const auto& where : host ? std::vector<std::string>{"host"} : sides) {
        const Tokens tokens{"sysctl", where, entry.key};
        if (is_decided(tokens)) continue;
        (host ? of_host : settings)[pointer_of(tokens)] = entry.value;
        // The last line on a name counts, as in sysctl.d.
        entry.optional ? static_cast<void>(optional.insert(entry.key))
                       : static_cast<void>(optional.erase(entry.key));
      }
    }
    add_of_host(of_host, place, settings);
  }

  // The machine has one value, which two profiles must agree on.
  void add_of_host(const Settings& of_host, const std::string& place, Settings& settings) {
    for (const auto& [pointer, value] : of_host) {
      const auto [at, is_new] = settings.emplace(pointer, value);
      if (is_new || at->second == value) continue;
      faults_.add({place,
                   fmt::format("profiles of both sides with {} and {} at {}, of which the machine "
                               "has one",
                               shown(at->second), shown(value), escaped(pointer, 200)),
                   "one value, or the scenario's own under sysctl.host", ""});
    }
  }

  std::set<std::string> host_wide_of(const Profile& profile) const {
    std::set<std::string> names;
    std::vector<std::string> net;
    for (const auto& entry : profile.entries) {
      if (entry.key.starts_with("net.")) {
        net.push_back(entry.key);
      } else {
        names.insert(entry.key);
      }
    }
    if (host_wide_) names.merge(host_wide_(net));
    return names;
  }

  bool is_kept(const Tokens& tokens) const {
    return std::any_of(kept_.begin(), kept_.end(),
                       [&tokens](const Tokens& kept) { return overlap(kept, tokens); });
  }

  bool is_decided(const Tokens& tokens) const {
    if (is_kept(tokens)) return true;
    const auto* at = &document_;
    for (const auto& token : tokens) {
      if (!at->is_object()) return true;  // a fault, which the reader finds
      const auto next = at->find(token);
      if (next == at->end()) return false;
      at = &*next;
    }
    return true;
  }

  // Joined with the names that the scenario itself lists.
  json with_own_optional(std::set<std::string> names) const {
    const auto sysctl = document_.find("sysctl");
    if (sysctl != document_.end() && sysctl->is_object() && sysctl->contains("optional")) {
      const auto& own = (*sysctl)["optional"];
      if (!own.is_array()) return own;
      for (const auto& name : own) {
        if (name.is_string()) names.insert(name.get<std::string>());
      }
    }
    return names;
  }

  void apply(Settings&& settings) {
    for (auto& [pointer, value] : settings) {
      // It cannot fail: is_decided() has walked the same way.
      put(document_, *tokens_of(pointer), std::move(value));
    }
  }

  json& document_;
  std::span<const std::filesystem::path> folders_;
  std::vector<Tokens> kept_;
  const HostWide& host_wide_;
  Faults& faults_;
};

}  // namespace

std::optional<std::string> merge_profiles(json& document,
                                          std::span<const std::filesystem::path> folders,
                                          std::span<const Tokens> kept, const HostWide& host_wide,
                                          Faults& faults) {
  std::vector<Tokens> decided(kept.begin(), kept.end());
  for (auto& place : swept_places(document)) {
    if (place != Tokens{"profile"}) decided.push_back(std::move(place));
  }
  return ProfileMerger(document, folders, std::move(decided), host_wide, faults).run();
}

}  // namespace netstall
