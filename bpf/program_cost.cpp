#include "bpf/program_cost.hpp"

#include <bpf/bpf.h>
#include <fmt/format.h>

#include <cerrno>

#include "base/error.hpp"

namespace netstall {
namespace {

ProgramCost::Cost cost_of(const std::string& name, int fd) {
  bpf_prog_info info{};
  __u32 length = sizeof info;
  if (bpf_obj_get_info_by_fd(fd, &info, &length) != 0) {
    throw_errno(fmt::format("read the cost of BPF program {}", name), errno);
  }
  return {info.run_cnt, info.run_time_ns};
}

}  // namespace

ProgramCost::ProgramCost(std::vector<std::pair<std::string, int>> programs)
    : programs_(std::move(programs)), statistics_(bpf_enable_stats(BPF_STATS_RUN_TIME)) {
  if (!statistics_) {
    throw_errno("measure what BPF programs cost", errno, "run as root");
  }
  for (const auto& [name, fd] : programs_) before_[name] = cost_of(name, fd);
}

std::map<std::string, ProgramCost::Cost> ProgramCost::by_program() const {
  std::map<std::string, Cost> costs;
  for (const auto& [name, fd] : programs_) {
    const auto now = cost_of(name, fd);
    const auto& before = before_.at(name);
    costs[name] = {now.runs - before.runs, now.time_ns - before.time_ns};
  }
  return costs;
}

ProgramCost::Cost ProgramCost::total() const {
  Cost sum;
  for (const auto& [name, cost] : by_program()) {
    sum.runs += cost.runs;
    sum.time_ns += cost.time_ns;
  }
  return sum;
}

}  // namespace netstall
