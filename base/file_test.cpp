// What a full disk does to files that must survive it.
#include "base/file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "base/error.hpp"

namespace netstall {
namespace {

using testing::HasSubstr;

// No file of this process grows beyond `bytes` while it lives: write() then takes
// what still fits, and fails, as on a full disk.
class FullAt {
 public:
  explicit FullAt(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    before_handler_ = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  FullAt(const FullAt&) = delete;
  FullAt& operator=(const FullAt&) = delete;
  ~FullAt() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, before_handler_);
  }

 private:
  rlimit before_{};
  sighandler_t before_handler_ = SIG_DFL;
};

class FileTest : public testing::Test {
 protected:
  FileTest() {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~FileTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  const std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("netstall-file-test-" + std::to_string(::getpid()));
  const std::filesystem::path file_ = folder_ / "file";
};

TEST_F(FileTest, ALineThatDoesNotFitLeavesTheOnesBeforeItWhole) {
  SyncedAppender lines(file_);
  lines.append_line("one");
  {
    const FullAt disk(6);
    try {
      lines.append_line("and two");
      FAIL() << "it was taken";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("append to " + file_.string()));
    }
  }
  EXPECT_EQ(read_file(file_), "one\n");
  lines.append_line("three");
  EXPECT_EQ(read_file(file_), "one\nthree\n");
}

TEST_F(FileTest, AReplacementThatDoesNotFitLeavesTheOldFile) {
  replace_file(file_, "old");
  {
    const FullAt disk(8);
    EXPECT_THROW(replace_file(file_, "longer than that"), Error);
  }
  EXPECT_EQ(read_file(file_), "old");
  // Nothing lies beside it.
  const auto files = std::filesystem::directory_iterator(folder_);
  EXPECT_EQ(std::distance(begin(files), end(files)), 1);
}

}  // namespace
}  // namespace netstall
