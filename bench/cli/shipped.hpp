// What is shipped with the program, found by its name from any folder: scenarios and
// sysctl profiles, and what boots guests.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace netstall {

// PREFIX/share/netstall, seen from PREFIX/bin where this program lies. A build folder
// has links to the source tree at the same place. Nothing need be there: a program
// that was copied elsewhere ships nothing.
class Shipped {
 public:
  // Beside the program that runs.
  static Shipped beside_program();
  explicit Shipped(std::filesystem::path folder) : folder_(std::move(folder)) {}

  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path scenario_folder() const { return folder_ / "scenarios"; }
  std::filesystem::path profile_folder() const { return scenario_folder() / "profiles"; }
  std::filesystem::path scenario_file(std::string_view name) const;
  std::filesystem::path guest_script() const { return folder_ / "scripts" / "vm.sh"; }
  // Names without ending, in alphabetical order; those of claims as "claims/send-wait".
  std::vector<std::string> scenarios() const;
  std::vector<std::string> claims() const;
  std::vector<std::string> scenarios_and_claims() const;
  std::vector<std::string> profiles() const;

 private:
  std::filesystem::path folder_;
};

// The file of what a user calls a scenario: a path, or a shipped scenario's name. A
// file comes first. Throws Error (usage) that names the nearest where there is neither.
std::filesystem::path find_scenario(const std::string& given, const Shipped& shipped);

}  // namespace netstall
