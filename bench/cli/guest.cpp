#include "bench/cli/guest.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/error.hpp"
#include "base/file.hpp"

namespace netstall {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSecondsAtMost = "3600";
constexpr const char* kReportInGuest = "/out/report.json";

fs::path own_program() {
  std::error_code none;
  return fs::read_symlink("/proc/self/exe", none);
}

// Beside the sources that this program was built from, or installed with it.
fs::path find_vm_script() {
  const auto program = own_program();
  std::vector<fs::path> candidates{
      "scripts/vm.sh", program.parent_path().parent_path() / "share/netstall/scripts/vm.sh"};
  for (auto folder = program.parent_path(); folder.has_relative_path();
       folder = folder.parent_path()) {
    candidates.push_back(folder / "scripts/vm.sh");
  }
  std::error_code none;
  for (const auto& candidate : candidates) {
    if (fs::is_regular_file(candidate, none)) return fs::absolute(candidate);
  }
  throw Error(ErrorKind::incapable, "start a guest", "scripts/vm.sh is not to be found",
              "run it in a checkout of netstall, or install netstall whole (cmake --install)");
}

// Where vm.sh puts what the guest writes to /out.
class OutFolder {
 public:
  OutFolder() {
    std::string name = (fs::temp_directory_path() / "netstall-guest-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw_errno("make a folder for the guest", errno);
    path_ = name;
  }
  OutFolder(const OutFolder&) = delete;
  OutFolder& operator=(const OutFolder&) = delete;
  ~OutFolder() {
    std::error_code none;
    fs::remove_all(path_, none);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// A terminal's Ctrl-C reaches the script as well: it ends the guest in order, and this
// program waits for that.
class IgnoredInterrupts {
 public:
  IgnoredInterrupts() : before_(::signal(SIGINT, SIG_IGN)) {}
  IgnoredInterrupts(const IgnoredInterrupts&) = delete;
  IgnoredInterrupts& operator=(const IgnoredInterrupts&) = delete;
  ~IgnoredInterrupts() { ::signal(SIGINT, before_); }

 private:
  sighandler_t before_;
};

int run_script(std::vector<std::string> words) {
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t defaults;
  ::sigemptyset(&defaults);
  ::sigaddset(&defaults, SIGINT);
  ::posix_spawnattr_setsigdefault(&attributes, &defaults);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  const IgnoredInterrupts ignored;
  pid_t child = -1;
  const int error = ::posix_spawn(&child, argv[0], nullptr, &attributes, argv.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  if (error != 0) throw_errno(fmt::format("run {}", words.front()), error);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : static_cast<int>(ExitStatus::failed);
}

ExitStatus known_status(int status) {
  for (const auto known : {ExitStatus::ok, ExitStatus::missed, ExitStatus::usage,
                           ExitStatus::incapable, ExitStatus::interrupted}) {
    if (status == static_cast<int>(known)) return known;
  }
  return ExitStatus::failed;
}

}  // namespace

ExitStatus run_in_guest(const GuestRun& run) {
  const OutFolder out;
  std::vector<std::string> words{find_vm_script().string(), "--timeout", kSecondsAtMost, "--out",
                                 out.path().string()};
  for (const auto& file : run.files) {
    words.insert(words.end(), {"--copy", fs::absolute(file).string()});
  }
  words.insert(words.end(), {run.kernel, "--", own_program().string(), "run"});
  words.insert(words.end(), run.arguments.begin(), run.arguments.end());
  words.insert(words.end(), {"--allow-host-sysctl", "--tcp-mem-floor", "none", "--tcp-mem-time",
                             "none", "-o", kReportInGuest});
  const auto status = known_status(run_script(std::move(words)));
  const auto report = out.path() / run.kernel / "report.json";
  std::error_code none;
  if (!fs::exists(report, none)) return status;
  replace_file(run.report, read_file(report, std::size_t{4} << 30));
  fmt::print(stderr, "Report: {}\n", run.report.string());
  return status;
}

}  // namespace netstall
