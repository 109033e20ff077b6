// netstall profile: what sysctl profiles say, and what they would change here.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "bench/cli/commands.hpp"
#include "bench/cli/shipped.hpp"
#include "bench/lab/sysctl.hpp"
#include "bench/lab/sysctl_scope.hpp"
#include "model/profile.hpp"

namespace netstall {
namespace {

namespace fs = std::filesystem;

struct ProfileArguments {
  std::string one;
  std::string other;
};

// Where profiles lie: of this folder, of the installed program, and tuned's.
std::vector<fs::path> profile_folders() {
  return {"scenarios/profiles",
          "profiles",
          Shipped::beside_program().profile_folder(),
          "/etc/tuned",
          "/etc/tuned/profiles",
          "/usr/lib/tuned",
          "/usr/lib/tuned/profiles"};
}

// A file as it is named, or a profile by its name in one of those folders.
fs::path find_profile(const std::string& name) {
  std::error_code none;
  if (fs::is_regular_file(name, none)) return name;
  std::string tried;
  for (const auto& folder : profile_folders()) {
    for (const auto& candidate :
         {folder / name, folder / (name + ".conf"), folder / name / "tuned.conf"}) {
      if (fs::is_regular_file(candidate, none)) return candidate;
    }
    tried += (tried.empty() ? "" : ", ") + folder.string();
  }
  throw Error(ErrorKind::usage, fmt::format("find the profile {}", name),
              fmt::format("it is neither a file nor in {}", tried),
              "netstall profile list shows those that are there");
}

// Of one key the last entry counts, as in sysctl.d; in the order of the names.
std::map<std::string, ProfileEntry> effective(const Profile& profile) {
  std::map<std::string, ProfileEntry> entries;
  for (const auto& entry : profile.entries) entries.insert_or_assign(entry.key, entry);
  return entries;
}

std::map<std::string, SysctlSight> sights_of(const std::map<std::string, ProfileEntry>& entries) {
  std::vector<std::string> keys;
  for (const auto& [key, entry] : entries) keys.push_back(key);
  auto sights = look_at_sysctls(keys);
  if (sights) return std::move(*sights);
  throw Error(ErrorKind::incapable, "look at sysctls from a new namespace",
              "none can be made by this user", "run it as root");
}

// A profile's first comment line, which says what it is for.
std::string purpose_of(const fs::path& file) {
  const auto text = try_read_file(file).value_or("");
  const auto line = std::string_view(text).substr(0, text.find('\n'));
  if (!line.starts_with('#')) return {};
  return std::string(trimmed(line.substr(1)));
}

ExitStatus list() {
  std::set<fs::path> seen;
  std::error_code none;
  for (const auto& folder : profile_folders()) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder, none)) {
      if (entry.path().extension() == ".conf" && entry.path().filename() != "tuned-main.conf") {
        files.push_back(entry.path());
      }
      if (fs::is_regular_file(entry.path() / "tuned.conf", none)) {
        files.push_back(entry.path() / "tuned.conf");
      }
    }
    std::sort(files.begin(), files.end());
    for (const auto& file : files) {
      if (!seen.insert(fs::weakly_canonical(file)).second) continue;
      fmt::print("{:<50} {}\n", file.string(), purpose_of(file));
    }
  }
  if (seen.empty()) fmt::print("There is no profile in the usual folders.\n");
  return ExitStatus::ok;
}

ExitStatus show(const std::string& name) {
  const auto profile = load_profile(find_profile(name));
  for (const auto& [key, entry] : effective(profile)) {
    fmt::print("{}{} = {}  # {}:{}\n", entry.optional ? "-" : "", key, entry.value, entry.file,
               entry.line);
  }
  if (!profile.other_sections.empty()) {
    fmt::print("# sections of tuned that are not taken: {}\n",
               fmt::join(profile.other_sections, ", "));
  }
  return ExitStatus::ok;
}

ExitStatus diff(const std::string& one, const std::string& other) {
  const auto left = effective(load_profile(find_profile(one)));
  const auto right = effective(load_profile(find_profile(other)));
  std::set<std::string> keys;
  for (const auto* side : {&left, &right}) {
    for (const auto& [key, entry] : *side) keys.insert(key);
  }
  bool same = true;
  for (const auto& key : keys) {
    const auto at_left = left.find(key);
    const auto at_right = right.find(key);
    if (at_left != left.end() && at_right != right.end() &&
        same_sysctl_value(at_left->second.value, at_right->second.value)) {
      continue;
    }
    same = false;
    if (at_left != left.end()) fmt::print("- {} = {}\n", key, at_left->second.value);
    if (at_right != right.end()) fmt::print("+ {} = {}\n", key, at_right->second.value);
  }
  if (same) fmt::print("Both set the same.\n");
  return ExitStatus::ok;
}

std::string verdict_on(const ProfileEntry& entry, const SysctlSight& sight) {
  switch (sight.scope) {
    case SysctlScope::absent:
      return entry.optional ? "a run leaves it out" : "a run fails";
    case SysctlScope::read_only:
      return fmt::format("read-only here, and is {}", sight.value.value_or("unreadable"));
    case SysctlScope::side:
    case SysctlScope::host:
      break;
  }
  if (!sight.value) return "cannot be read, so nobody could check it or put it back";
  if (same_sysctl_value(*sight.value, entry.value)) return "is so already";
  return fmt::format("changes {}", *sight.value);
}

ExitStatus check(const std::string& name) {
  const auto entries = effective(load_profile(find_profile(name)));
  const auto sights = sights_of(entries);
  bool fails = false;
  bool reaches_host = false;
  for (const auto& [key, entry] : entries) {
    const auto& sight = sights.at(key);
    const bool settable = sight.scope == SysctlScope::side || sight.scope == SysctlScope::host;
    fails = fails || (!settable && !entry.optional);
    reaches_host = reaches_host || sight.scope == SysctlScope::host;
    fmt::print("{} = {}\n    {}; {}\n", key, entry.value, to_text(sight.scope),
               verdict_on(entry, sight));
  }
  if (reaches_host) {
    fmt::print(
        "What is of the whole machine needs --allow-host-sysctl, and holds while the lab "
        "stands.\n");
  }
  return fails ? ExitStatus::incapable : ExitStatus::ok;
}

}  // namespace

void add_profile_command(CLI::App& app, Action& action) {
  const auto arguments = std::make_shared<ProfileArguments>();
  auto* profile = app.add_subcommand("profile", "List, show, compare and check sysctl profiles");
  profile->require_subcommand(1);
  profile->add_subcommand("list", "Those in the usual folders")->callback([&action] {
    action = list;
  });
  auto* show_one = profile->add_subcommand("show", "What a profile sets, and where it says so");
  show_one->add_option("profile", arguments->one, "A file, or a name as list shows it")->required();
  show_one->callback(
      [arguments, &action] { action = [arguments] { return show(arguments->one); }; });
  auto* difference = profile->add_subcommand("diff", "What two profiles set differently");
  difference->add_option("one", arguments->one, "A file or name")->required();
  difference->add_option("other", arguments->other, "A file or name")->required();
  difference->callback([arguments, &action] {
    action = [arguments] { return diff(arguments->one, arguments->other); };
  });
  auto* check_one = profile->add_subcommand(
      "check",
      "What a profile would change here, what this kernel lacks, and what each setting "
      "is of");
  check_one->add_option("profile", arguments->one, "A file or name")->required();
  check_one->callback(
      [arguments, &action] { action = [arguments] { return check(arguments->one); }; });
}

}  // namespace netstall
