#include "model/placement.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.hpp"

namespace netstall {
namespace {

constexpr std::uint32_t kCpus = 65536;
constexpr std::size_t kEnough = 4;  // CPUs to keep the sides apart

std::optional<std::uint32_t> number_of(std::string_view text) {
  std::uint32_t value = 0;
  const auto* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (error != std::errc{} || end != last || value >= kCpus) return std::nullopt;
  return value;
}

CpuList all_of(const std::vector<CpuList>& cores) {
  CpuList all;
  for (const auto& core : cores) all.insert(all.end(), core.begin(), core.end());
  std::sort(all.begin(), all.end());
  return all;
}

CpuList usable(const std::optional<std::string>& text, const CpuList& all, std::string_view what) {
  if (!text) return {};
  auto cpus = cpu_list_of(*text).value_or(CpuList{});
  for (const auto cpu : cpus) {
    if (std::binary_search(all.begin(), all.end(), cpu)) continue;
    throw Error(ErrorKind::incapable, fmt::format("place {} on CPUs {}", what, *text),
                fmt::format("CPU {} is not one that this process may use: {}", cpu, text_of(all)),
                "name some of those in the scenario's lab.placement");
  }
  return cpus;
}

}  // namespace

std::optional<CpuList> cpu_list_of(std::string_view text) {
  CpuList cpus;
  for (;;) {
    const auto comma = text.find(',');
    const auto range = text.substr(0, comma);
    const auto dash = range.find('-');
    const auto first = number_of(range.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : number_of(range.substr(dash + 1));
    if (!first || !last || *last < *first) return std::nullopt;
    for (auto cpu = *first; cpu <= *last; ++cpu) cpus.push_back(cpu);
    if (cpus.size() > kCpus) return std::nullopt;
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  std::sort(cpus.begin(), cpus.end());
  cpus.erase(std::unique(cpus.begin(), cpus.end()), cpus.end());
  return cpus;
}

std::string text_of(const CpuList& cpus) {
  std::string text;
  for (std::size_t i = 0; i < cpus.size();) {
    auto last = i;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    if (!text.empty()) text += ',';
    text += last == i ? fmt::to_string(cpus[i]) : fmt::format("{}-{}", cpus[i], cpus[last]);
    i = last + 1;
  }
  return text;
}

Placement placement_of(const PerSide<PlacementSpec>& spec, const std::vector<CpuList>& cores) {
  Placement placement;
  const auto all = all_of(cores);
  for (const auto side : {Side::client, Side::server}) {
    const auto name = name_of(side);
    placement[side].workers = usable(spec[side].cpus, all, fmt::format("the {}'s workers", name));
    placement[side].softirqs =
        usable(spec[side].softirq_cpus, all, fmt::format("the {}'s softirqs", name));
  }
  if (spec.client.cpus || spec.server.cpus || all.size() < kEnough || cores.size() < 2) {
    return placement;
  }
  const auto middle = cores.begin() + static_cast<std::ptrdiff_t>(cores.size() / 2);
  placement.client.workers = all_of({cores.begin(), middle});
  placement.server.workers = all_of({middle, cores.end()});
  return placement;
}

std::map<std::string, std::string> facts_of(const Placement& placement) {
  std::map<std::string, std::string> facts;
  for (const auto side : {Side::client, Side::server}) {
    const auto& of_side = placement[side];
    const auto add = [&](std::string_view key, const CpuList& cpus) {
      if (!cpus.empty()) facts[fmt::format("{}.{}", name_of(side), key)] = text_of(cpus);
    };
    add("cpus", of_side.workers);
    add("softirq_cpus", of_side.softirqs);
  }
  return facts;
}

}  // namespace netstall
