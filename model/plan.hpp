// From a campaign and the limits of a machine to what will be done, in which
// order, and what it costs. Pure: reads nothing, needs no privilege.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/placement.hpp"
#include "model/scenario.hpp"

namespace netstall {

// What the machine allows; read by observe, or made up by a test.
struct Limits {
  std::uint64_t nofile = 20000;  // RLIMIT_NOFILE, hard: descriptors a process
  std::uint64_t threads =
      32000;  // the whole machine: min(pid_max, threads-max, RLIMIT_NPROC) less those in use
  std::uint64_t maps_per_process = 65530;  // vm.max_map_count: two a thread
  std::uint64_t cpus = 2;
  std::vector<CpuList> cores{{0}, {1}};                 // those CPUs by core, in order of packages
  std::uint64_t memory_bytes = std::uint64_t{8} << 30;  // available
  std::uint64_t source_ports = 28232;  // size of ip_local_port_range in a new namespace
};

// Connections of one flow group on one port. A port belongs to one flow group and
// one server worker.
struct Share {
  std::uint32_t flow = 0;  // index into Scenario::flows
  std::uint16_t port = 0;  // of UDP the first one: connection i has port + i at both ends
  std::uint32_t connections = 0;
  std::uint32_t first = 0;  // its first connection's number among its side's of the group
  // Of UDP, and of a client's: which client has the sockets that are not the server's.
  std::uint32_t client = 0;
};

struct WorkerPlan {
  Side side = Side::client;
  std::uint32_t index = 0;   // within the side
  std::uint32_t client = 0;  // of the client's side: in which client's namespace
  std::vector<Share> shares;
  std::uint64_t descriptors = 0;
  std::uint64_t threads = 1;
  bool ring = false;  // all that it carries is sent by io_uring
};

// Who does what in one repetition of a cell.
struct Assignment {
  std::vector<WorkerPlan> workers;  // servers first
  Placement placement;
};

struct Budget {
  std::uint64_t connections = 0;
  std::uint64_t processes = 0;
  std::uint64_t threads = 0;
  std::uint64_t descriptors_per_worker = 0;  // the largest worker's
  std::uint64_t ports = 0;
  std::uint64_t kernel_memory_bytes = 0;  // sockets of both ends; queued data not counted
  std::uint64_t user_memory_bytes = 0;
  std::uint64_t probe_memory_bytes = 0;
  Nanoseconds duration{0};
};

struct PlannedRepetition {
  std::uint32_t cell = 0;   // index into Campaign::cells
  std::uint32_t index = 0;  // of the repetition within its cell
};

struct Plan {
  std::uint64_t seed = 1;
  // One per cell, never null; cells that need the same workers share one.
  std::vector<std::shared_ptr<const Assignment>> assignments;
  std::vector<PlannedRepetition> order;  // shuffled within each round of repetitions, by the seed
  Budget budget;  // each figure the largest of any cell; duration is of the whole campaign
};

// Throws Error (incapable) naming what does not fit, how much there is, how much
// is needed, and the setting that raises it.
Plan make_plan(const Campaign& campaign, const Limits& limits, std::uint64_t seed);

// The assignment of one cell alone; throws as make_plan does.
Assignment assign(const Scenario& scenario, const Limits& limits);

}  // namespace netstall
