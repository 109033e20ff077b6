// The page of a run that is still going on, written anew as repetitions finish.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "bench/run/campaign.hpp"
#include "model/report.hpp"

namespace netstall {

// Keeps references to what it is given. Each writing replaces the page whole, so that
// whoever opens it sees the old one or the new one. Does nothing without a path.
class LivePage {
 public:
  LivePage(std::filesystem::path page, const Campaign& campaign, const Plan& plan,
           std::string started_at, std::filesystem::path journal, std::string command,
           Privileges privileges);

  // To be called with every progress: writes where a repetition has finished, but not
  // so often that it would take more than a twentieth of the run's time. A page that
  // cannot be written is given up with a word on stderr: the run goes on.
  void follow(const CampaignProgress& progress);

  // The page of the finished report, which no longer says that it follows. Throws
  // Error where it cannot be written.
  void finish(const Report& report, const std::string& file);

 private:
  void write(const CampaignProgress& progress);

  std::filesystem::path page_;
  const Campaign& campaign_;
  const Plan& plan_;
  std::string started_at_;
  std::filesystem::path journal_;
  std::string command_;
  Privileges privileges_;
  MonoTime begun_ = mono_now();
  Nanoseconds spent_{0};
  std::optional<std::size_t> written_;  // repetitions in the page
};

}  // namespace netstall
