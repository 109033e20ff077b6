// Starts a program in a namespace and cgroups with its privileges dropped, and
// owns it until it is gone.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/fd.hpp"
#include "base/netns.hpp"

namespace netstall {

struct SpawnOptions {
  std::vector<std::string> argv;          // argv[0] is the name it runs under
  int exe_fd = -1;                        // the program, opened O_PATH
  int control_fd = -1;                    // becomes descriptor 3 of the child
  const Netns* netns = nullptr;           // stays in the caller's when null
  std::vector<std::string> cgroup_procs;  // cgroup.procs files to join before exec
  std::vector<std::uint32_t> cpus;        // that it may run on; the caller's when empty
  // To nobody, no capabilities, no_new_privs (only from root; in a user namespace without
  // nobody the user stays).
  bool drop_privileges = true;
  bool keep_net_admin = false;   // keeps CAP_NET_ADMIN alone through exec (only from root)
  bool may_lock_memory = false;  // without a limit, where that may be raised (RLIMIT_MEMLOCK)
  bool die_with_parent = true;   // SIGKILL when the calling *thread* ends
  bool own_session = false;      // leads a session of its own: no terminal
  bool expendable = false;       // first choice of the kernel's OOM killer
};

// A child process. Destruction kills it (SIGKILL) and reaps it. Not thread-safe.
class ChildProcess {
 public:
  // Forks, prepares, and execs; throws Error naming the step that failed. The
  // child leads its own process group, so a terminal's Ctrl-C does not reach it.
  // Call from a thread that outlives the child when die_with_parent is set.
  static ChildProcess spawn(const SpawnOptions& options);

  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ~ChildProcess();

  pid_t pid() const noexcept { return pid_; }
  int pidfd() const noexcept { return pidfd_.get(); }
  void kill(int signal) const noexcept;
  // The wait status once it has ended, within the deadline; else nothing. A second
  // call after that gives nothing.
  std::optional<int> wait(const Deadline& deadline);

 private:
  ChildProcess(pid_t pid, Fd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  void end() noexcept;
  pid_t pid_ = -1;
  Fd pidfd_;
};

// "exit status 1" or "signal 9 (Killed)".
std::string wait_status_text(int status);
// As a shell has it: the exit status, or 128 + the signal.
int exit_code_of(int status);

// Gives up all capabilities of this thread, for good. Throws Error.
void drop_capabilities();

// Raises this process's limit of descriptors as far as it may be without a privilege.
void use_all_descriptors() noexcept;

// This program's own executable, to start it again under another name.
Fd open_own_executable();

}  // namespace netstall
