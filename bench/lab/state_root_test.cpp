#include "bench/lab/state_root.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "bench/lab/temporary_folder_test.hpp"

namespace netstall {
namespace {

namespace fs = std::filesystem;

TEST(StateRoot, OfAUserIsItsOwnAlone) {
  const TemporaryFolder folder;
  const auto root = folder.path() / "netstall";
  make_state_root(root);
  struct stat status {};
  ASSERT_EQ(::stat(root.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0700U);
  EXPECT_NO_THROW(make_state_root(root));

  ::chmod(root.c_str(), 0770);
  EXPECT_THROW(make_state_root(root), Error);
  ::chmod(root.c_str(), 0700);

  // What somebody else laid there first: a link to a folder of this user's, or a file.
  const auto link = folder.path() / "link";
  fs::create_directory_symlink(root, link);
  EXPECT_THROW(make_state_root(link), Error);
  const auto file = folder.path() / "file";
  std::ofstream(file) << "text";
  EXPECT_THROW(make_state_root(file), Error);
  EXPECT_THROW(make_state_root(folder.path() / "no" / "netstall"), Error);

  // To look for leftovers none need be there, but none is a stranger's.
  EXPECT_NO_THROW(require_own_state_root(root));
  EXPECT_NO_THROW(require_own_state_root(folder.path() / "none"));
  EXPECT_THROW(require_own_state_root(link), Error);
  fs::create_symlink(folder.path() / "none", folder.path() / "dangling");
  EXPECT_THROW(require_own_state_root(folder.path() / "dangling"), Error);
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(root.c_str(), 65534, 65534), 0);
    EXPECT_THROW(require_own_state_root(root), Error);
  }
}

}  // namespace
}  // namespace netstall
