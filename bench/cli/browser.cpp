#include "bench/cli/browser.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "base/process.hpp"

namespace netstall {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::array kNames{"chromium", "chromium-browser", "google-chrome", "chrome"};
constexpr auto kDeadline = 2min;

// A folder for one page and one profile, gone with this.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    path_ = (fs::temp_directory_path() / "netstall-page-XXXXXX").string();
    if (::mkdtemp(path_.data()) == nullptr) throw_errno(fmt::format("make {}", path_), errno);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code none;
    fs::remove_all(path_, none);
  }
  fs::path path() const { return path_; }

 private:
  std::string path_;
};

// A program with its own process group, its output in a file; ended with all that it
// started when this is.
class Browser {
 public:
  Browser(const fs::path& program, std::vector<std::string> arguments, int output) {
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t files{};
    posix_spawnattr_t attributes{};
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
    // It complains of missing buses and the like.
    ::posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    const int error =
        ::posix_spawn(&pid_, program.c_str(), &files, &attributes, argv.data(), environ);
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&files);
    if (error != 0) throw_errno(fmt::format("start {}", program.string()), error);
    pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  }
  Browser(const Browser&) = delete;
  Browser& operator=(const Browser&) = delete;
  ~Browser() {
    ::kill(-pid_, SIGKILL);
    if (!reaped_) ::waitpid(pid_, nullptr, 0);
  }

  // Its exit status, or nothing where it has not ended in time.
  std::optional<int> wait(const Deadline& deadline) {
    pollfd ended{pidfd_.get(), POLLIN, 0};
    while (!deadline.passed()) {
      if (::poll(&ended, 1, deadline.poll_timeout()) <= 0) continue;
      int status = 0;
      if (::waitpid(pid_, &status, 0) != pid_) return std::nullopt;
      reaped_ = true;
      return exit_code_of(status);
    }
    return std::nullopt;
  }

 private:
  pid_t pid_ = -1;
  Fd pidfd_;
  bool reaped_ = false;
};

}  // namespace

std::optional<fs::path> find_browser() {
  const char* variable = std::getenv("PATH");
  std::string_view rest = variable == nullptr ? "" : variable;
  while (!rest.empty()) {
    const auto end = rest.find(':');
    for (const auto* name : kNames) {
      auto program = fs::path(rest.substr(0, end)) / name;
      if (::access(program.c_str(), X_OK) == 0) return program;
    }
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  return std::nullopt;
}

std::string browsed(const std::string& page, std::string_view fragment) {
  const auto program = find_browser();
  if (!program) {
    throw Error(ErrorKind::incapable, "draw plots", "there is no Chromium in PATH",
                "install chromium, or open the page in any browser: each plot has a button that "
                "saves it");
  }
  const TemporaryFolder folder;
  const auto file = folder.path() / "page.html";
  replace_file(file, page);
  const Fd output(::memfd_create("page", MFD_CLOEXEC));
  if (!output) throw_errno("make room for what the browser draws", errno);
  std::vector<std::string> arguments{
      program->filename().string(),
      "--headless",
      "--disable-gpu",
      "--no-first-run",
      "--window-size=1280,900",
      fmt::format("--user-data-dir={}", (folder.path() / "user").string()),
      "--dump-dom"};
  // Chromium's own sandbox does not take root; the page is our own and asks for nothing.
  if (::geteuid() == 0) arguments.emplace_back("--no-sandbox");
  arguments.push_back(fmt::format("file://{}#{}", file.string(), fragment));
  Browser browser(*program, std::move(arguments), output.get());
  const auto status = browser.wait(Deadline(kDeadline));
  if (status != 0) {
    throw Error(ErrorKind::failed, fmt::format("draw plots with {}", program->string()),
                status ? fmt::format("it ended with status {}", *status)
                       : std::string("it did not end within two minutes"));
  }
  return read_file(fmt::format("/proc/self/fd/{}", output.get()), std::size_t{256} << 20);
}

}  // namespace netstall
