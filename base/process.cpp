#include "base/process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "base/error.hpp"
#include "base/user_namespace.hpp"

namespace netstall {
namespace {

constexpr unsigned kNobody = 65534;
constexpr int kControlFd = 3;

// What the child was doing when it failed; sent through a pipe that exec closes.
enum class Step : int { control, netns, cgroup, cpus, group, privileges, parent, exec };
constexpr std::array<const char*, 8> kStepTexts{
    "pass the control socket", "enter its network namespace",
    "join its cgroup",         "run on its CPUs",
    "lead a process group",    "drop privileges",
    "follow its parent",       "execute it"};

struct Failure {
  Step step;
  int error;
};

// Between fork and exec only async-signal-safe calls: the parent may have threads.

// An ambient capability outlives exec by an unprivileged user.
bool keep_only_net_admin() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  constexpr std::uint32_t kNetAdmin = 1U << CAP_NET_ADMIN;
  const __user_cap_data_struct data[2]{{kNetAdmin, kNetAdmin, kNetAdmin}, {0, 0, 0}};
  return ::syscall(SYS_capset, &header, data) == 0 &&
         ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0) == 0;
}

bool keep_no_capability() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  const __user_cap_data_struct none[2]{};
  return ::syscall(SYS_capset, &header, none) == 0;
}

bool drop_privileges(bool keep_net_admin, bool has_nobody) {
  if (::geteuid() == 0 && !has_nobody) {
    // In a user namespace that knows its maker alone: a program that root executes would
    // have all capabilities of it again, but for PR_SET_NO_NEW_PRIVS.
    if (!(keep_net_admin ? keep_only_net_admin() : keep_no_capability())) return false;
  } else if (::geteuid() == 0) {
    if (keep_net_admin && ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return false;
    if (::syscall(SYS_setgroups, 0, nullptr) != 0) return false;
    if (::syscall(SYS_setresgid, kNobody, kNobody, kNobody) != 0) return false;
    if (::syscall(SYS_setresuid, kNobody, kNobody, kNobody) != 0) return false;
    if (keep_net_admin && !keep_only_net_admin()) return false;
  }
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

struct FreeCpuSet {
  void operator()(cpu_set_t* set) const { CPU_FREE(set); }
};

// As sched_setaffinity() takes them; none for no CPU.
class CpuSet {
 public:
  explicit CpuSet(const std::vector<std::uint32_t>& cpus) {
    if (cpus.empty()) return;
    const auto count = *std::max_element(cpus.begin(), cpus.end()) + std::size_t{1};
    set_.reset(CPU_ALLOC(count));
    size_ = CPU_ALLOC_SIZE(count);
    CPU_ZERO_S(size_, set_.get());
    for (const auto cpu : cpus) CPU_SET_S(cpu, size_, set_.get());
  }
  bool apply() const { return set_ == nullptr || ::sched_setaffinity(0, size_, set_.get()) == 0; }

 private:
  std::unique_ptr<cpu_set_t, FreeCpuSet> set_;
  std::size_t size_ = 0;
};

struct ChildSetup {
  const SpawnOptions& options;
  const CpuSet& cpus;
  const std::vector<int>& cgroup_fds;
  char* const* argv;
  pid_t parent;
  int report_fd;
  bool has_nobody;  // there is another user to become
};

[[noreturn]] void run_child(const ChildSetup& setup) {
  const auto& options = setup.options;
  const auto fail = [&](Step step) {
    const Failure failure{step, errno};
    static_cast<void>(!::write(setup.report_fd, &failure, sizeof failure));
    ::_exit(127);
  };
  for (const int fd : setup.cgroup_fds) {
    if (::write(fd, "0", 1) != 1) fail(Step::cgroup);
  }
  if (options.netns != nullptr && ::setns(options.netns->fd(), CLONE_NEWNET) != 0)
    fail(Step::netns);
  if (!setup.cpus.apply()) fail(Step::cpus);
  if ((options.own_session ? ::setsid() : ::setpgid(0, 0)) < 0) fail(Step::group);
  if (options.expendable) {
    const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) static_cast<void>(!::write(fd, "800", 3));
  }
  if (options.may_lock_memory) {
    // What cannot be had is less to lock, which is the program's to find out.
    const rlimit all{RLIM_INFINITY, RLIM_INFINITY};
    ::setrlimit(RLIMIT_MEMLOCK, &all);
  }
  if (options.drop_privileges && !drop_privileges(options.keep_net_admin, setup.has_nobody)) {
    fail(Step::privileges);
  }
  // Last: a change of credentials clears it. The parent may have died already.
  if (options.die_with_parent) {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) fail(Step::parent);
    if (::getppid() != setup.parent) ::_exit(127);
  }
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  if (options.control_fd >= 0) {
    if (options.control_fd == kControlFd) {
      if (::fcntl(kControlFd, F_SETFD, 0) != 0) fail(Step::control);
    } else if (::dup2(options.control_fd, kControlFd) != kControlFd) {
      fail(Step::control);
    }
  }
  ::syscall(SYS_execveat, options.exe_fd, "", setup.argv, environ, AT_EMPTY_PATH);
  fail(Step::exec);
  ::_exit(127);
}

// Descriptors that the child needs up to exec must not sit where the control
// socket goes. `opened` is what a call just returned, with its errno.
Fd above_control(Fd opened, const std::string& operation) {
  if (!opened) throw_errno(operation, errno);
  if (opened.get() > kControlFd) return opened;
  Fd moved(::fcntl(opened.get(), F_DUPFD_CLOEXEC, kControlFd + 1));
  if (!moved) throw_errno(operation, errno);
  return moved;
}

}  // namespace

ChildProcess ChildProcess::spawn(const SpawnOptions& options) {
  const std::string name = options.argv.empty() ? "a program" : options.argv.front();
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno("make a pipe", errno);
  const Fd reports(ends[0]);
  Fd report_in = above_control(Fd(ends[1]), "make a pipe");

  std::vector<Fd> cgroups;
  std::vector<int> cgroup_fds;
  for (const auto& path : options.cgroup_procs) {
    cgroups.emplace_back(above_control(Fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC)),
                                       fmt::format("open {}", path)));
    cgroup_fds.push_back(cgroups.back().get());
  }
  const Fd exe = above_control(Fd(::fcntl(options.exe_fd, F_DUPFD_CLOEXEC, kControlFd + 1)),
                               fmt::format("start {}: duplicate its program file", name));
  SpawnOptions child_options = options;
  child_options.exe_fd = exe.get();
  std::vector<char*> argv;
  for (auto& argument : child_options.argv) argv.push_back(argument.data());
  argv.push_back(nullptr);

  const CpuSet cpus(options.cpus);
  const ChildSetup setup{child_options,     cpus,       cgroup_fds,
                         argv.data(),       ::getpid(), report_in.get(),
                         maps_user(kNobody)};
  // Signals stay blocked until exec: a handler of the parent must not run in the child.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::fork();
  if (pid == 0) run_child(setup);
  const int fork_error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) throw_errno(fmt::format("start {}", name), fork_error);

  ChildProcess child(pid, Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))));
  if (child.pidfd() < 0) throw_errno(fmt::format("start {}: watch it", name), errno);
  report_in.reset();
  Failure failure{};
  ssize_t got = 0;
  do {
    got = ::read(reports.get(), &failure, sizeof failure);
  } while (got < 0 && errno == EINTR);
  if (got == static_cast<ssize_t>(sizeof failure)) {
    const bool exec_denied = failure.step == Step::exec && failure.error == EACCES;
    throw_errno(
        fmt::format("start {}: {}", name, kStepTexts.at(static_cast<std::size_t>(failure.step))),
        failure.error,
        exec_denied ? "the program file must be executable by everybody (chmod a+rx)" : "");
  }
  return child;
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this != &other) {
    end();
    pid_ = std::exchange(other.pid_, -1);
    pidfd_ = std::move(other.pidfd_);
  }
  return *this;
}

ChildProcess::~ChildProcess() {
  end();
}

void ChildProcess::end() noexcept {
  if (pid_ < 0) return;
  kill(SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

void ChildProcess::kill(int signal) const noexcept {
  if (pid_ > 0) ::kill(pid_, signal);
}

std::optional<int> ChildProcess::wait(const Deadline& deadline) {
  if (pid_ < 0) return std::nullopt;  // waitpid(-1) would reap somebody else's
  for (;;) {
    int status = 0;
    const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
    if (ended == pid_) {
      pid_ = -1;
      return status;
    }
    if (ended < 0 && errno != EINTR) return std::nullopt;
    if (deadline.passed()) return std::nullopt;
    pollfd event{pidfd_.get(), POLLIN, 0};
    ::poll(&event, 1, deadline.poll_timeout());
  }
}

std::string wait_status_text(int status) {
  if (WIFSIGNALED(status)) {
    return fmt::format("signal {} ({})", WTERMSIG(status), sigdescr_np(WTERMSIG(status)));
  }
  return fmt::format("exit status {}", WEXITSTATUS(status));
}

int exit_code_of(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void drop_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> none{};
  if (::syscall(SYS_capset, &header, none.data()) != 0) throw_errno("drop capabilities", errno);
}

void use_all_descriptors() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

Fd open_own_executable() {
  Fd fd(::open("/proc/self/exe", O_PATH | O_CLOEXEC));
  if (!fd) throw_errno("open this program's own file", errno);
  return fd;
}

}  // namespace netstall
