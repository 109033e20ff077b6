// Machines as file trees, for the tests of this room: /proc and /sys as they were
// on a small virtual machine (cgroup v1, Linux 6.18) and as they are on a server
// (cgroup v2, Linux 6.1); and copies of them in which a test changes a file.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace netstall {

inline std::filesystem::path vm_machine() {
  return std::filesystem::path(NETSTALL_SOURCE_DIR) / "tests/fixtures/machine/vm-6.18";
}

inline std::filesystem::path server_machine() {
  return std::filesystem::path(NETSTALL_SOURCE_DIR) / "tests/fixtures/machine/server-6.1";
}

// A copy in a temporary folder, gone with this object.
class MachineCopy {
 public:
  explicit MachineCopy(const std::filesystem::path& machine) {
    std::string name = (std::filesystem::temp_directory_path() / "netstall-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    root_ = name;
    std::filesystem::copy(machine, root_, std::filesystem::copy_options::recursive);
  }
  MachineCopy(const MachineCopy&) = delete;
  MachineCopy& operator=(const MachineCopy&) = delete;
  ~MachineCopy() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }

  const std::filesystem::path& root() const { return root_; }
  void write(std::string_view file, std::string_view text) const {
    const auto path = root_ / file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  void remove(std::string_view file) const { std::filesystem::remove_all(root_ / file); }

 private:
  std::filesystem::path root_;
};

}  // namespace netstall
