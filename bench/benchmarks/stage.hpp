// A lab that stays up while netstall's own workers and other programs take turns in it:
// what is compared has the same namespaces and the same link.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

#include "base/fd.hpp"
#include "bench/lab/guardian.hpp"
#include "bench/lab/lab.hpp"
#include "bench/lab/machine_lock.hpp"
#include "bench/run/interrupts.hpp"
#include "model/report.hpp"
#include "model/scenario.hpp"

namespace netstall {

struct StageFigures {
  Nanoseconds connecting{0};  // until both sides have all connections
  std::size_t workers = 0;
  // Anonymous memory of all workers: before they connect, and with all connections.
  std::uint64_t memory_before = 0;
  std::uint64_t memory_connected = 0;
  std::vector<FlowResult> flows;
  Nanoseconds cpu{0};  // of all workers, within the window
};

// CPU time of a process's threads so far. Throws Error where it is gone.
Nanoseconds cpu_time_of(pid_t pid);

// Made on the main thread, and used from it alone. Needs root.
class Stage {
 public:
  // Throws Error as Lab does.
  explicit Stage(const SysctlSpec& sysctls = {});
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  const Lab& lab() const noexcept { return *lab_; }

  // Called with the workers' processes while all connections stand and no traffic runs.
  using WhenConnected = std::function<void(const std::vector<pid_t>& workers)>;

  // Carries a scenario's flows through its ramp, warm-up and window. Its lab, sysctls,
  // probes and repetitions do not matter. Throws Error as Crew does, and where a
  // connection was not made or did not last.
  StageFigures run(const Scenario& scenario, const WhenConnected& when_connected = {}) const;

  // No netstall measures while what it returns lives; waits for those that do.
  MachineLock turn() const;

  // Throws Error (interrupted) once a signal is pending.
  void check_interrupted() const { interrupts_.check(); }

 private:
  Interrupts interrupts_;
  Fd exe_;
  std::filesystem::path root_;
  Guardian guardian_;
  std::optional<Lab> lab_;
};

// What main() of a program with a Stage begins with: its exit status where it was started
// as a worker or as the guardian, which it then was.
std::optional<int> serve_stage(int argc, char** argv);

// Runs a program's body: its exit status, or that of the Error it ended with, which is
// written to stderr under the program's name.
int guarded_stage(const char* program, const std::function<int()>& body);

}  // namespace netstall
