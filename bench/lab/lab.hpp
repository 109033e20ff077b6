// The lab: the namespaces of client and server joined by a link, or of several clients
// by a bridge, with their addresses, cgroups and sysctls, and the way back.
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
#include "bench/lab/memory_cgroup.hpp"
#include "bench/lab/step.hpp"
#include "model/report.hpp"
#include "model/scenario.hpp"

namespace netstall {

struct LabOptions {
  StepHook hook;
  // Asked while waiting for another run's host sysctls; true ends the wait with
  // Error (interrupted).
  std::function<bool()> interrupted;
  // Told, while waiting, what was put back of such a run that died.
  std::function<void(const std::string&)> warn;
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
// is no way out. Each of several clients is the client's side as one would be, with
// sysctls, link settings and root qdisc of its own; a cgroup is a side's. Everything named here is
// ready when the constructor returns: no address is tentative, every sysctl has been read back.
class Lab {
 public:
  // Throws Error after undoing what it had done: incapable (no such memory limit
  // here, not permitted), usage (a sysctl's key or value), failed.
  Lab(const LabSpec& spec, const SysctlSpec& sysctls, Guardian& guardian, LabOptions options = {});
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;
  // As tear_down(), when that was not called; then nobody hears what failed.
  ~Lab();

  std::uint32_t clients() const;
  // `client`, below clients(), says which one of that side; so does address().
  const Netns& netns(Side side, std::uint32_t client = 0) const;
  // Where the bridge is, that several clients have; else null.
  const Netns* bridge() const;
  // "10.78.0.1", "fd00:6e73::1". Throws Error (incapable) for IPv6 on a machine
  // without it.
  std::string address(Side side, Family family, std::uint32_t client = 0) const;
  // The cgroup.procs files that a worker of this side joins before any socket.
  std::vector<std::string> cgroup_procs(Side side) const;
  // Side → by what mechanism its memory is limited, and to how much: MemoryCgroup's
  // description. Sides without a limit are left out.
  std::map<std::string, std::string> memory_limit() const;
  // What cgroup v2 has counted of a side's limit; nothing where it has none.
  MemoryReading memory(Side side) const;
  // Which processes the limits have cost; "" for none.
  std::string oom_kills() const;
  // Side → its root qdisc as tc was given it; sides with the kernel's default are left out.
  std::map<std::string, std::string> qdisc() const;
  // "client net.ipv4.x" → why it was not set: names that the scenario calls optional.
  std::map<std::string, std::string> sysctl_left_out() const;
  // Side → its port or end of the veth pair, as it is now. Throws Error.
  std::map<std::string, DeviceFacts> devices();
  // What a side's end of the link and its root qdisc have counted (Rtnetlink::counters);
  // of several clients the sum.
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
