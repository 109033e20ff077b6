// docs/probes.md from the registry.
#include <fmt/format.h>

#include "model/probes.hpp"

namespace netstall {
namespace {

constexpr std::string_view kHead = R"(# Probes

A probe answers one question about the kernel while a run's traffic is on; a backend is one way to
attach it. This page is made from the table in the code; a test says how to write it again when they
differ.

A scenario's `probes` lists what is loaded, and none but these; without it those marked *default* are.
`netstall plan` states the memory of their maps, `netstall doctor` whether those that are programs in the
kernel load here, and by which backend. Backends are tried in the order of the ladder, by loading, and the first that loads is taken;
the report names it (`findings`), and what is not there is null, with the reason in `probes.missing`:
never 0. Only sockets, namespaces and processes of the run are counted, but where a row says that its
figures are the whole machine's. What a probe could not record is in its `lost_events`. A kernel that
hides some of its threads from tracing hides what softirqs do on top of them as well: on such a machine
up to one event in a hundred, by the kernel's own counters, was seen by no program.

Of most probes, events are counts and spells have a beginning and an end; both are clipped to the
measured window. The costs below are of a program's single run, by the kernel's run-time statistics on a
2-core machine of load 30 (Linux 6.18), while the probe's own kernel test ran: an upper bound rather
than a figure to compare. Each report has those of its own repetition, measured in the warm-up (`cost`:
runs and time).

)";

std::string ladder_of(const ProbeInfo& probe) {
  std::string text;
  for (const auto& rung : probe.ladder) {
    text += fmt::format("{}{}", text.empty() ? "" : " → ", name_of(rung.backend));
  }
  return text;
}

std::string causes_list(const std::vector<Cause>& causes) {
  if (causes.empty()) return "none";
  if (causes.size() == kCauses) return "all of them";
  std::string text;
  for (const auto cause : causes) {
    text += fmt::format("{}`{}`", text.empty() ? "" : ", ", name_of(cause));
  }
  return text;
}

std::string section(const ProbeInfo& probe) {
  auto text = fmt::format("## {}\n\n{}\n\n", name_of(probe.id), probe.answers);
  text += fmt::format("- **Why look**: {}\n", probe.why);
  text += fmt::format("- **Unit**: {}; by {}\n", probe.unit, probe.places);
  text += fmt::format("- **Needs**: {}\n", probe.needs);
  text += fmt::format("- **Cost**: {}\n", probe.cost);
  if (!probe.where_none.empty()) {
    text += fmt::format("- **Where no backend loads**: null; {}\n", probe.where_none);
  }
  text += "\n| backend | looks at | cannot tell |\n|---|---|---|\n";
  for (const auto& rung : probe.ladder) {
    text += fmt::format("| {} | {} | {} |\n", name_of(rung.backend), rung.how,
                        rung.cannot_tell.empty() ? "-" : rung.cannot_tell);
  }
  return text + "\n";
}

std::string untold_causes() {
  std::string text =
      "Causes that it cannot tell, on any kernel:\n\n| backend | causes |\n|---|---|\n";
  for (const auto& rung : info_of(ProbeId::send_wait).ladder) {
    text += fmt::format("| {} | {} |\n", name_of(rung.backend),
                        causes_list(causes_untold(rung.backend)));
  }
  return text + "\n";
}

}  // namespace

std::string probes_markdown() {
  std::string text(kHead);
  text += "| probe | default | unit | backends |\n|---|---|---|---|\n";
  for (const auto& probe : probe_registry()) {
    text += fmt::format("| [`{0}`](#{0}) | {1} | {2} | {3} |\n", name_of(probe.id),
                        probe.by_default ? "yes" : "no", probe.unit, ladder_of(probe));
  }
  text += "\n";
  for (const auto& probe : probe_registry()) {
    text += section(probe);
    if (probe.id == ProbeId::send_wait) text += untold_causes();
  }
  text.pop_back();
  return text;
}

}  // namespace netstall
