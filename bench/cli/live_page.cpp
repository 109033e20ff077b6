#include "bench/cli/live_page.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"
#include "bench/cli/live_campaign.hpp"
#include "bench/report/page.hpp"
#include "bench/run/journal.hpp"

namespace netstall {

LivePage::LivePage(std::filesystem::path page, const Campaign& campaign, const Plan& plan,
                   std::string started_at, std::filesystem::path journal, std::string command,
                   Privileges privileges)
    : page_(std::move(page)),
      campaign_(campaign),
      plan_(plan),
      started_at_(std::move(started_at)),
      journal_(std::move(journal)),
      command_(std::move(command)),
      privileges_(std::move(privileges)) {}

void LivePage::follow(const CampaignProgress& progress) {
  constexpr int kShare = 20;
  if (page_.empty() || written_ == progress.done) return;
  const auto now = mono_now();
  if (written_ && spent_ * kShare > now - begun_) return;
  try {
    write(progress);
  } catch (const Error& error) {
    fmt::print(stderr, "netstall: the page is not followed up: {}\n", error.what());
    page_.clear();
  }
  spent_ += mono_now() - now;
}

void LivePage::write(const CampaignProgress& progress) {
  const auto report = report_of(campaign_, plan_.seed, started_at_,
                                read_journal(campaign_, journal_), command_, privileges_);
  const auto left = static_cast<double>(progress.left.count()) / 1e9;
  const auto repetitions = static_cast<double>(progress.total - progress.done);
  PageOptions options;
  options.written_at = wall_clock_text();
  options.live =
      LiveState{progress.done, progress.total, left, repetitions > 0 ? left / repetitions : 0};
  replace_file(page_, page_of(report, campaign_.base.name, std::move(options)));
  written_ = progress.done;
}

void LivePage::finish(const Report& report, const std::string& file) {
  if (page_.empty()) return;
  PageOptions options;
  options.written_at = wall_clock_text();
  replace_file(page_, page_of(report, file, std::move(options)));
}

}  // namespace netstall
