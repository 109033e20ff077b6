// The lab: two namespaces joined by a link, with their addresses, cgroups and
// sysctls, and the way back.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/netns.hpp"
#include "bench/lab/guardian.hpp"
#include "bench/lab/step.hpp"
#include "model/scenario.hpp"

namespace netstall {

struct LabOptions {
  StepHook hook;
  // Asked while waiting for another run's host sysctls; true ends the wait with
  // Error (interrupted).
  std::function<bool()> interrupted;
  // How long unwinding waits for sockets and processes, and set-up for such a run.
  Nanoseconds patience = std::chrono::seconds(10);
  Nanoseconds turn_patience = std::chrono::hours(6);
  // How long the host may stay changed before the guardian ends this process and
  // restores it.
  Nanoseconds longest_hold = std::chrono::hours(1);
  // The same of what is changed in the measured window alone.
  Nanoseconds longest_window = std::chrono::hours(1);
  std::filesystem::path proc = "/proc";
};

// Owns all that a repetition changes on the machine. Made by the main thread,
// which stays in its own namespace; not thread-safe. The guardian must outlive
// it, workers must be gone and samplers out of its namespaces before it ends.
//
// Client and server reach each other over IPv4 and IPv6, and nothing else: there
// is no way out. Everything named here is ready when the constructor returns:
// no address is tentative, every sysctl has been read back.
class Lab {
 public:
  // Throws Error after undoing what it had done: incapable (no TCP memory limit
  // here, not permitted), usage (a sysctl's key or value), failed.
  Lab(const LabSpec& spec, const SysctlSpec& sysctls, Guardian& guardian, LabOptions options = {});
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;
  // As tear_down(), when that was not called; then nobody hears what failed.
  ~Lab();

  const Netns& netns(Side side) const;
  // "10.78.0.1", "fd00:6e73::1". Throws Error (incapable) for IPv6 on a machine
  // without it.
  std::string address(Side side, Family family) const;
  // The cgroup.procs files that a worker of this side joins before any socket.
  std::vector<std::string> cgroup_procs(Side side) const;
  // Side → by what mechanism its TCP memory is limited, and to how much:
  // "cgroup v1 kmem.tcp, 1048576 bytes". Sides without a limit are left out.
  std::map<std::string, std::string> memory_limit() const;
  // Side → its root qdisc as tc was given it; sides with the kernel's default are left out.
  std::map<std::string, std::string> qdisc() const;
  // "client net.ipv4.x" → why it was not set: names that the scenario calls optional.
  std::map<std::string, std::string> sysctl_left_out() const;
  // What a side's end of the link and its root qdisc have counted (Rtnetlink::counters).
  std::map<std::string, std::int64_t> link_counters(Side side);

  // Sets the sysctls of the measured window; throws Error as the constructor does.
  void open_window();
  // Puts them back; a sentence for each that is not. Throws Error (failed) when the
  // guardian is gone. tear_down() puts them back, too.
  std::vector<std::string> close_window();

  // Undoes all in reverse and checks that it is. Returns a sentence for each
  // thing that is not back. A second call does nothing and returns nothing.
  std::vector<std::string> tear_down() noexcept;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace netstall
