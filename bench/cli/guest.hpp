// A run in a throw-away guest with a kernel of its own: for what this machine's kernel
// lacks, and for host-wide settings that reach nobody else there.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "bench/cli/exit_status.hpp"
#include "bench/cli/shipped.hpp"
#include "model/plan.hpp"
#include "model/report.hpp"

namespace netstall {

struct GuestRun {
  std::string kernel;                  // as "6.12": the start of a version that apt offers
  std::vector<std::string> arguments;  // of netstall, without a report's place
  // What lies below /tmp or /run of the host and is to be seen; all else is.
  std::vector<std::filesystem::path> shown;
  std::uint64_t memory_bytes = 0;  // beyond what an idle guest has
  // Where the kernel has them: those of TCP memory are of cgroup v1.
  bool cgroup_v1 = false;
  Nanoseconds time{0};  // that the run takes on a machine; emulation is slower
};

// What came back.
struct GuestOutcome {
  ExitStatus status = ExitStatus::failed;  // netstall's own in the guest
  std::optional<Report> report;            // absent where that ended without one, and said why
};

// The limits of a guest, for a plan made here.
Limits guest_limits();

// Throws Error (usage) for what cannot be the start of a kernel's version.
void require_kernel_name(const std::string& kernel);

// Boots, runs and waits; what the guest says on stderr appears here. `watch` is called
// several times a second with the number of finished repetitions. The folder that the
// guest writes to is made, and gone in the end but where the caller keeps it. Not
// thread-safe; call it before threads are made.
class Guest {
 public:
  Guest(const Shipped& shipped, GuestRun run);
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;
  ~Guest();

  // Throws Error: incapable where there is no such kernel or no QEMU, failed where the
  // guest died or was out of time, interrupted.
  GuestOutcome run(const std::function<void(std::size_t finished)>& watch);

  // The report as the guest wrote it, and that it outlives this object.
  std::filesystem::path report_file() const;
  void keep() { kept_ = true; }

 private:
  std::vector<std::string> command(const std::filesystem::path& script) const;
  int attend(const std::function<void(std::size_t finished)>& watch) const;
  std::size_t finished() const;
  std::filesystem::path out() const { return folder_ / run_.kernel; }

  std::filesystem::path script_;
  GuestRun run_;
  std::filesystem::path folder_;
  bool kept_ = false;
};

}  // namespace netstall
