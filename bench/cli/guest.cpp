#include "bench/cli/guest.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "base/process.hpp"
#include "base/stop_signals.hpp"
#include "bench/run/ring_worker.hpp"
#include "model/report_json.hpp"

namespace netstall {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kIdleGuestBytes = std::uint64_t{2} << 30;
constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
// A boot takes seconds; an emulated CPU, at worst, a multiple of the planned time.
constexpr std::int64_t kBootSeconds = 600;
constexpr std::int64_t kSlowerBy = 5;
constexpr int kLookEveryMs = 300;
constexpr std::size_t kMostReportBytes = std::size_t{4} << 30;
constexpr const char* kShell = "/bin/bash";
constexpr int kTimedOut = 124;  // vm.sh's

// In the guest, where /out is the folder that comes back; what netstall would say of its
// result is said here, of the report.
constexpr const char* kInGuest = R"(: >/out/begun; exec "$@" -o /out/report.json >/dev/null)";

fs::path make_folder() {
  auto name = (fs::temp_directory_path() / "netstall-guest-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw_errno("make a folder for the guest", errno);
  return name;
}

bool is_known_status(int status) {
  return std::any_of(kExitStatuses.begin(), kExitStatuses.end(), [status](const auto& known) {
    return static_cast<int>(known.first) == status;
  });
}

}  // namespace

Limits guest_limits() {
  Limits limits;
  limits.nofile = std::uint64_t{1} << 20;
  // Its memory is what the plan asks for.
  limits.memory_bytes = ~std::uint64_t{0};
  return limits;
}

void require_kernel_name(const std::string& kernel) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto dot = kernel.find('.');
  const auto allowed = [&](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || c == '.' || c == '+' || c == '-';
  };
  if (dot != 0 && dot != std::string::npos && dot + 1 < kernel.size() &&
      std::all_of(kernel.begin(), kernel.begin() + static_cast<std::ptrdiff_t>(dot), is_digit) &&
      is_digit(kernel[dot + 1]) && std::all_of(kernel.begin(), kernel.end(), allowed)) {
    return;
  }
  throw Error(ErrorKind::usage, fmt::format("read --guest {}", kernel),
              "this is no version of a kernel",
              "give the start of one that apt offers as linux-image-VERSION-cloud-amd64, as 6.12");
}

Guest::Guest(const Shipped& shipped, GuestRun run)
    : script_(shipped.guest_script()), run_(std::move(run)) {
  require_kernel_name(run_.kernel);
  std::error_code none;
  if (!fs::exists(script_, none)) {
    throw Error(ErrorKind::incapable, "run in a guest",
                fmt::format("there is no {}, which boots it", script_.string()),
                "install netstall's package, or run it from its build folder");
  }
  folder_ = make_folder();
}

Guest::~Guest() {
  std::error_code none;
  if (!kept_) fs::remove_all(folder_, none);
}

fs::path Guest::report_file() const {
  return out() / "report.json";
}

std::vector<std::string> Guest::command(const fs::path& script) const {
  const auto program = fs::read_symlink("/proc/self/exe").string();
  const auto seconds = kBootSeconds + kSlowerBy * (run_.time / std::chrono::seconds(1));
  std::vector<std::string> words{
      "bash",      script.string(),
      "--timeout", std::to_string(seconds),
      "--memory",  std::to_string((kIdleGuestBytes + run_.memory_bytes) / kMiB),
      "--out",     folder_.string(),
      "--copy",    program};
  if (const auto ring = ring_worker_file(); fs::exists(ring)) {
    words.insert(words.end(), {"--copy", ring.string()});
  }
  for (const auto& path : run_.shown) {
    words.insert(words.end(), {"--copy", path.string()});
  }
  // A kernel without v1's memory controller skips the cells that need it, and says why.
  if (run_.cgroup_v1) words.insert(words.end(), {"--cgroup", "hybrid"});
  words.insert(words.end(), {run_.kernel, "--", "sh", "-c", kInGuest, "sh", program});
  words.insert(words.end(), run_.arguments.begin(), run_.arguments.end());
  return words;
}

// A line of the journal is a finished repetition; the first is the run's own.
std::size_t Guest::finished() const {
  const auto journal = try_read_file(report_file().string() + ".journal");
  if (!journal) return 0;
  const auto lines = std::count(journal->begin(), journal->end(), '\n');
  return lines > 0 ? static_cast<std::size_t>(lines) - 1 : 0;
}

int Guest::attend(const std::function<void(std::size_t finished)>& watch) const {
  const StopSignals signals;
  SpawnOptions options;
  options.argv = command(script_);
  const Fd shell(::open(kShell, O_PATH | O_CLOEXEC));
  if (!shell) throw_errno(fmt::format("run {}", kShell), errno, "install bash");
  options.exe_fd = shell.get();
  options.drop_privileges = false;
  auto child = ChildProcess::spawn(options);
  for (;;) {
    std::array<pollfd, 2> events{{{signals.fd(), POLLIN, 0}, {child.pidfd(), POLLIN, 0}}};
    ::poll(events.data(), events.size(), kLookEveryMs);
    if (signals.take()) {
      child.kill(SIGTERM);
      child.wait(Deadline(std::chrono::seconds(10)));
      throw Error(ErrorKind::interrupted, "run in a guest", "interrupted; the guest is gone");
    }
    if (const auto status = child.wait(Deadline(Nanoseconds(0)))) return exit_code_of(*status);
    watch(finished());
  }
}

GuestOutcome Guest::run(const std::function<void(std::size_t finished)>& watch) {
  const auto operation = fmt::format("run in a guest with Linux {}", run_.kernel);
  const int status = attend(watch);
  std::error_code none;
  if (!fs::exists(out() / "begun", none)) {
    // vm.sh has 2 for a kernel that nobody offers, and 4 for what is missing here.
    const bool incapable = status == 2 || status == 4;
    throw Error(incapable ? ErrorKind::incapable : ErrorKind::failed, operation,
                incapable ? "this machine cannot; the line of vm.sh above says what is missing"
                          : "it did not come up; the lines above are its last words");
  }
  if (status == kTimedOut) {
    throw Error(ErrorKind::failed, operation, "it was not done in time and was ended",
                "run fewer repetitions at a time, with --cell");
  }
  GuestOutcome outcome;
  if (is_known_status(status)) outcome.status = static_cast<ExitStatus>(status);
  if (fs::exists(report_file(), none)) {
    outcome.report = report_from_json(read_file(report_file(), kMostReportBytes));
  }
  return outcome;
}

}  // namespace netstall
