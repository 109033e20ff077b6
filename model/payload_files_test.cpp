#include "model/payload_files.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "model/scenario_json.hpp"

namespace netstall {
namespace {

using testing::ElementsAre;

class PayloadFiles : public testing::Test {
 protected:
  PayloadFiles()
      : folder_(fmt::format("{}netstall-payload-files-{}", testing::TempDir(), ::getpid())) {
    std::filesystem::create_directory(folder_);
    options_.profile_folders = {folder_};
  }
  ~PayloadFiles() override { std::filesystem::remove_all(folder_); }
  void write(const char* name, std::string_view text) { std::ofstream(folder_ / name) << text; }
  ParsedCampaign parse(std::string_view payload, std::string_view sweep = "{}") {
    return parse_scenario(
        fmt::format(R"({{"schema": 1, "flows": [{{"name": "f", "payload": {}}}], "sweep": {}}})",
                    payload, sweep),
        "test", options_);
  }
  std::vector<std::string> faults(std::string_view payload, std::string_view sweep = "{}") {
    std::vector<std::string> texts;
    for (const auto& fault : parse(payload, sweep).faults) texts.push_back(to_text(fault));
    return texts;
  }

  std::filesystem::path folder_;
  ScenarioOptions options_;
};

TEST_F(PayloadFiles, StandInTheResolvedScenario) {
  write("sizes.txt", "# sizes of a day\n100\n4KiB # a page\n\n  7\n");
  const auto parsed = parse(R"({"file": "sizes.txt"})");
  ASSERT_TRUE(parsed.campaign);
  EXPECT_THAT(parsed.campaign->base.flows[0].payload.sequence,
              ElementsAre(Bytes{100}, Bytes{4096}, Bytes{7}));
  EXPECT_EQ(parsed.campaign->resolved_json.find("sizes.txt"), std::string::npos);
  // It needs the file no more, and is of the same hash.
  const auto again = parse_scenario(parsed.campaign->resolved_json, "test", {});
  ASSERT_TRUE(again.campaign);
  EXPECT_EQ(again.campaign->hash, parsed.campaign->hash);
}

TEST_F(PayloadFiles, CanBeSwept) {
  write("a.txt", "1\n2");
  write("b.txt", "3");
  for (
      const auto* sweep :
      {R"({"/flows/0/payload": [{"file": "a.txt"}, {"file": "b.txt"}]})",
       R"({"/flows/0": [{"name": "f", "payload": {"file": "a.txt"}}, {"name": "f", "payload": {"file": "b.txt"}}]})",
       R"({"day": [{"label": "a", "set": {"/flows/0/payload": {"file": "a.txt"}}},
                    {"label": "b", "set": {"/flows/0/payload": {"file": "b.txt"}}}]})"}) {
    const auto parsed = parse(R"({"fixed": 1})", sweep);
    ASSERT_TRUE(parsed.campaign) << sweep;
    ASSERT_EQ(parsed.campaign->cells.size(), 2U);
    EXPECT_EQ(parsed.campaign->cells[0].scenario.flows[0].payload.sequence.size(), 2U);
    EXPECT_EQ(parsed.campaign->cells[1].scenario.flows[0].payload.sequence.at(0).count, 3U);
  }
}

TEST_F(PayloadFiles, AreToldTheirFaults) {
  write("bad.txt", "1\n2GiB\n");
  write("empty.txt", "# nothing\n");
  EXPECT_THAT(faults(R"({"file": "bad.txt"})"),
              ElementsAre(R"(/flows/0/payload/file: found "2GiB" in line 2 of "bad.txt"; )"
                          R"(expected a size from 1 to 1GiB, such as "64KiB", "64kB" or 65536)"));
  EXPECT_THAT(faults(R"({"file": "empty.txt"})"),
              ElementsAre("/flows/0/payload/file: found 0 sizes in \"empty.txt\"; expected 1 to "
                          "65536 of them"));
  EXPECT_THAT(faults(R"({"file": "none.txt"})"),
              ElementsAre("/flows/0/payload/file: found \"none.txt\", which is not there; "
                          "expected a file in " +
                          folder_.string()));
  EXPECT_THAT(
      faults(R"({"fixed": 1})", R"({"/flows/0/payload/file": ["bad.txt"]})"),
      testing::Contains(testing::HasSubstr("expected a sweep over the payload, with values as")));
}

}  // namespace
}  // namespace netstall
