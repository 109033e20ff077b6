#include "bench/lab/leftovers.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cctype>
#include <string_view>
#include <system_error>

#include "base/error.hpp"
#include "base/file.hpp"
#include "bench/lab/cgroup_place.hpp"
#include "bench/lab/rtnetlink.hpp"
#include "bench/lab/run_folder.hpp"

namespace netstall {
namespace {

namespace fs = std::filesystem;

// Calls visit(path) for each folder directly in another one; none if that is not there.
template <class Visitor>
void for_each_folder(const fs::path& parent, Visitor visit) {
  std::error_code error;
  for (auto entry = fs::directory_iterator(parent, error);
       !error && entry != fs::directory_iterator(); entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_directory(ignored)) visit(entry->path());
  }
}

// "netstall-RUN-SIDE" → whether RUN is looked after.
bool belongs_to_live_run(std::string_view cgroup, const fs::path& root) {
  cgroup.remove_prefix(kCgroupPrefix.size());
  return run_in_use(root / cgroup.substr(0, cgroup.rfind('-')));
}

void add_cgroups(const fs::path& root, const fs::path& proc, std::vector<Remnant>& remnants) {
  for (const auto& place : {find_tcp_memory_place(proc), find_memory_place(proc)}) {
    if (!place.folder) continue;
    for_each_folder(*place.folder, [&](const fs::path& path) {
      const auto name = path.filename().string();
      if (!name.starts_with(kCgroupPrefix)) return;
      remnants.push_back({Remnant::Kind::cgroup, path.string(), belongs_to_live_run(name, root)});
    });
  }
}

// By argv[0], which a worker or guardian was given.
void add_processes(const fs::path& proc, bool any_run, std::vector<Remnant>& remnants) {
  for_each_folder(proc, [&](const fs::path& path) {
    const auto pid = path.filename().string();
    if (std::isdigit(static_cast<unsigned char>(pid.front())) == 0) return;
    const auto command = try_read_file(path / "cmdline");
    if (!command || !command->starts_with(kCgroupPrefix)) return;
    remnants.push_back({Remnant::Kind::process,
                        fmt::format("{} {}", pid, command->substr(0, command->find('\0'))),
                        any_run});
  });
}

void add_links(std::vector<Remnant>& remnants) {
  for (const auto& name : Rtnetlink(Netns::current()).link_names()) {
    if (name.starts_with("netstall")) remnants.push_back({Remnant::Kind::link, name, false});
  }
}

}  // namespace

std::vector<Remnant> leftovers(const fs::path& root, const fs::path& proc) {
  std::vector<Remnant> remnants;
  bool any_run = false;
  for_each_folder(root, [&](const fs::path& run) {
    const bool in_use = run_in_use(run);
    any_run = any_run || in_use;
    remnants.push_back({Remnant::Kind::run, run.string(), in_use});
  });
  add_cgroups(root, proc, remnants);
  add_processes(proc, any_run, remnants);
  add_links(remnants);
  return remnants;
}

std::string to_text(const Remnant& remnant) {
  constexpr std::string_view kKinds[] = {"run", "cgroup", "process", "link"};
  return fmt::format("{} {} ({})", kKinds[static_cast<std::size_t>(remnant.kind)], remnant.name,
                     remnant.in_use ? "in use" : "left behind");
}

}  // namespace netstall
