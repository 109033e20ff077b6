#include "model/profile.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "model/scenario_json.hpp"

namespace netstall {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

std::string error_of(std::string_view text) {
  try {
    parse_profile(text, "c1m.conf");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.what();
  }
  return "no error";
}

TEST(Profile, TakesSysctlDSyntax) {
  const auto profile = parse_profile(
      "# small buffers\r\n"
      "; another comment\n"
      "\n"
      "net.ipv4.tcp_rmem = 4096\t16384   4194304  \n"
      "  net/core/rmem_max=212992\n"
      "-net.ipv4.tcp_new = 1\n"
      "kernel/threads-max = 1=2\n"
      "net/ipv4/conf/eth0.100/forwarding = 0",
      "c1m.conf");
  EXPECT_EQ(profile.name, "c1m.conf");
  ASSERT_EQ(profile.entries.size(), 5U);
  EXPECT_EQ(profile.entries[0].key, "net.ipv4.tcp_rmem");
  EXPECT_EQ(profile.entries[0].value, "4096 16384 4194304");
  EXPECT_EQ(profile.entries[0].line, 4);
  EXPECT_FALSE(profile.entries[0].optional);
  EXPECT_EQ(profile.entries[1].key, "net.core.rmem_max");
  EXPECT_EQ(profile.entries[1].value, "212992");
  EXPECT_EQ(profile.entries[2].key, "net.ipv4.tcp_new");
  EXPECT_TRUE(profile.entries[2].optional);
  EXPECT_EQ(profile.entries[3].key, "kernel.threads-max");
  EXPECT_EQ(profile.entries[3].value, "1=2");
  EXPECT_EQ(profile.entries[4].key, "net.ipv4.conf.eth0/100.forwarding");
  EXPECT_EQ(profile.entries[4].line, 8);
  EXPECT_THAT(parse_profile("", "x").entries, IsEmpty());
}

TEST(Profile, SaysLineAndWhatIsAllowed) {
  EXPECT_EQ(error_of("\nnet.ipv4.tcp_rmem"),
            "read profile c1m.conf, line 2: found \"net.ipv4.tcp_rmem\": expected \"name = "
            "value\", or a comment "
            "that begins with # or ;");
  EXPECT_EQ(error_of("net.ipv4.tcp_rmem ="),
            "read profile c1m.conf, line 1: found \"\": expected a value of 1 to 4095 printable "
            "characters");
  EXPECT_EQ(
      error_of("tcp_rmem = 1"),
      "read profile c1m.conf, line 1: found \"tcp_rmem\": expected a name as net.ipv4.tcp_rmem");
  EXPECT_EQ(error_of("net.ipv4.conf.*.rp_filter = 1"),
            "read profile c1m.conf, line 1: found \"net.ipv4.conf.*.rp_filter\": patterns are not "
            "taken: name each "
            "sysctl");
  EXPECT_THAT(error_of("net/../../etc/passwd = 1"), HasSubstr("expected a name"));
  EXPECT_THAT(error_of("a.b = \x01"), HasSubstr("printable"));
  EXPECT_THAT(error_of("a.b = " + std::string(5000, '1')), HasSubstr("printable"));
}

TEST(Profile, NamesStayWithinProcSys) {
  for (const auto* name :
       {"net.ipv4.tcp_rmem", "net.ipv4.conf.eth0/100.forwarding", "kernel.pid_max", "a.b-c"}) {
    EXPECT_TRUE(is_sysctl_name(name)) << name;
  }
  for (const auto* name : {"", "net", ".", "..", "net.", ".net", "net..x", "net./.x", "net.//.x",
                           "a b.c", "a.b\n", "net.\xc3\xa4"}) {
    EXPECT_FALSE(is_sysctl_name(name)) << name;
  }
  EXPECT_FALSE(is_sysctl_name("a." + std::string(300, 'b')));
}

TEST(Profile, FirstSeparatorDecides) {
  EXPECT_EQ(dotted_sysctl("net/ipv4/tcp_rmem"), "net.ipv4.tcp_rmem");
  EXPECT_EQ(dotted_sysctl("net.ipv4.tcp_rmem"), "net.ipv4.tcp_rmem");
  EXPECT_EQ(dotted_sysctl("net/ipv4/conf/a.b/x"), "net.ipv4.conf.a/b.x");
  EXPECT_EQ(dotted_sysctl("net.ipv4.conf.a/b.x"), "net.ipv4.conf.a/b.x");
  EXPECT_EQ(dotted_sysctl("x"), "x");
}

TEST(Profile, ValuesAreNormal) {
  EXPECT_EQ(normal_sysctl_value("4096\t16384\t4194304\n"), "4096 16384 4194304");
  EXPECT_EQ(normal_sysctl_value("  a \t b  "), "a b");
  EXPECT_EQ(normal_sysctl_value(" \n"), "");
}

// Profiles in a folder, and scenarios that name them.
class ProfileOfScenario : public testing::Test {
 protected:
  ProfileOfScenario()
      : folder_(fmt::format("{}netstall-profile-test-{}", testing::TempDir(), ::getpid())) {
    std::filesystem::create_directories(folder_ / "profiles");
    write(
        "a.conf",
        "net.ipv4.tcp_rmem = 1 2 3\nnet.ipv4.tcp_wmem = 1 2 3\n-net.ipv4.tcp_new = 1\nvm.x = 5\n");
    write("b.conf", "net.ipv4.tcp_rmem = 4 5 6\n");
    write("bad.conf", "net.ipv4.tcp_rmem\n");
    options_.profile_folders = {folder_ / "nowhere", folder_};
  }
  ~ProfileOfScenario() override { std::filesystem::remove_all(folder_); }

  void write(const char* name, std::string_view text) {
    std::ofstream(folder_ / "profiles" / name) << text;
  }

  ParsedCampaign parse(std::string_view keys) {
    return parse_scenario(R"({"schema": 1, "flows": [{"name": "f"}], )" + std::string(keys) + "}",
                          "s", options_);
  }
  Campaign campaign_of(std::string_view keys) {
    auto parsed = parse(keys);
    for (const auto& fault : parsed.faults) ADD_FAILURE() << to_text(fault);
    return parsed.campaign.value_or(Campaign{});
  }
  std::vector<std::string> faults_of(std::string_view keys) {
    std::vector<std::string> texts;
    for (const auto& fault : parse(keys).faults) texts.push_back(to_text(fault));
    return texts;
  }

  std::filesystem::path folder_;
  ScenarioOptions options_;
};

TEST_F(ProfileOfScenario, StandsBeneathItsOwnValues) {
  const auto campaign = campaign_of(R"("profile": "profiles/a.conf", "sysctl": {
      "client": {"net.ipv4.tcp_wmem": "7 8 9"}, "optional": ["net.ipv4.own"]})");
  const auto& sysctl = campaign.base.sysctl;
  EXPECT_EQ(campaign.base.profile, "profiles/a.conf");
  EXPECT_THAT(sysctl.side.client,
              ElementsAre(Pair("net.ipv4.tcp_new", "1"), Pair("net.ipv4.tcp_rmem", "1 2 3"),
                          Pair("net.ipv4.tcp_wmem", "7 8 9")));
  EXPECT_THAT(sysctl.side.server,
              ElementsAre(Pair("net.ipv4.tcp_new", "1"), Pair("net.ipv4.tcp_rmem", "1 2 3"),
                          Pair("net.ipv4.tcp_wmem", "1 2 3")));
  EXPECT_THAT(sysctl.host, ElementsAre(Pair("vm.x", "5")));
  EXPECT_THAT(sysctl.optional, ElementsAre("net.ipv4.own", "net.ipv4.tcp_new"));
}

TEST_F(ProfileOfScenario, IsPartOfTheResolvedText) {
  const auto campaign = campaign_of(R"("profile": "profiles/b.conf")");
  EXPECT_EQ(
      campaign.resolved_json,
      R"({"flows":[{"name":"f"}],"name":"s","schema":1,"sysctl":{"client":{"net.ipv4.tcp_rmem":"4 5 6"},)"
      R"("server":{"net.ipv4.tcp_rmem":"4 5 6"}}})");
  const auto again = parse_scenario(campaign.resolved_json, "s", {});
  ASSERT_TRUE(again.campaign);
  EXPECT_EQ(again.campaign->hash, campaign.hash);
  write("b.conf", "net.ipv4.tcp_rmem = 4 5 7\n");
  EXPECT_NE(campaign_of(R"("profile": "profiles/b.conf")").hash, campaign.hash);
}

TEST_F(ProfileOfScenario, GivesWayToTheCommandLine) {
  options_.profile = "profiles/b.conf";
  options_.overrides.push_back(parse_override("/sysctl/server/net.ipv4.tcp_rmem=null"));
  const auto campaign = campaign_of(R"("profile": "profiles/a.conf")");
  EXPECT_EQ(campaign.base.profile, "profiles/b.conf");
  EXPECT_THAT(campaign.base.sysctl.side.client, ElementsAre(Pair("net.ipv4.tcp_rmem", "4 5 6")));
  EXPECT_THAT(campaign.base.sysctl.side.server, IsEmpty());
}

TEST_F(ProfileOfScenario, CanBeSwept) {
  const auto campaign = campaign_of(R"("profile": "profiles/b.conf",
      "sysctl": {"client": {"net.ipv4.tcp_wmem": "7 8 9"}},
      "sweep": {"/profile": ["profiles/a.conf", "profiles/b.conf", null],
                "/sysctl/server/net.ipv4.tcp_wmem": ["0 0 0", null]})");
  ASSERT_EQ(campaign.cells.size(), 6U);
  EXPECT_FALSE(campaign.base.profile);
  EXPECT_THAT(campaign.base.sysctl.side.server, IsEmpty());
  const auto a = campaign.cells[0];
  EXPECT_EQ(a.id, "net.ipv4.tcp_wmem=0-0-0,profile=a");
  EXPECT_THAT(a.scenario.sysctl.side.client,
              ElementsAre(Pair("net.ipv4.tcp_new", "1"), Pair("net.ipv4.tcp_rmem", "1 2 3"),
                          Pair("net.ipv4.tcp_wmem", "7 8 9")));
  EXPECT_THAT(a.scenario.sysctl.side.server,
              ElementsAre(Pair("net.ipv4.tcp_new", "1"), Pair("net.ipv4.tcp_rmem", "1 2 3"),
                          Pair("net.ipv4.tcp_wmem", "0 0 0")));
  EXPECT_THAT(a.scenario.sysctl.optional, ElementsAre("net.ipv4.tcp_new"));
  EXPECT_THAT(campaign.cells[1].scenario.sysctl.side.server,
              ElementsAre(Pair("net.ipv4.tcp_rmem", "4 5 6"), Pair("net.ipv4.tcp_wmem", "0 0 0")));
  EXPECT_EQ(campaign.cells[5].parameters.at("profile"), "absent");
  EXPECT_THAT(campaign.cells[5].scenario.sysctl.side.server, IsEmpty());
}

TEST_F(ProfileOfScenario, IsKeptByValuesOfANamedAxisThatNameNone) {
  const auto campaign = campaign_of(R"("profile": "profiles/b.conf", "sweep": {"case": [
      {"label": "own", "set": {"/flows/0/connections": 2}}, {"label": "a", "set": {"/profile": "profiles/a.conf"}}]})");
  EXPECT_EQ(campaign.cells[0].scenario.sysctl.side.client.at("net.ipv4.tcp_rmem"), "4 5 6");
  EXPECT_EQ(campaign.cells[0].scenario.flows[0].connections, 2U);
  EXPECT_EQ(campaign.cells[1].scenario.sysctl.side.client.at("net.ipv4.tcp_rmem"), "1 2 3");
}

TEST_F(ProfileOfScenario, IsFoundByItsName) {
  EXPECT_THAT(campaign_of(R"("profile": "b")").base.sysctl.side.client,
              ElementsAre(Pair("net.ipv4.tcp_rmem", "4 5 6")));
  const auto swept = campaign_of(R"("sweep": {"/profile": ["a", "b"]})");
  EXPECT_EQ(swept.cells[1].id, "profile=b");
  // A folder of that name is no profile; a file is, and comes first.
  std::filesystem::create_directories(folder_ / "b");
  EXPECT_EQ(campaign_of(R"("profile": "b")").base.sysctl.side.client.size(), 1U);
  std::ofstream(folder_ / "c") << "net.ipv4.tcp_rmem = 7 8 9\n";
  write("c.conf", "net.ipv4.tcp_rmem = 4 5 6\n");
  EXPECT_THAT(campaign_of(R"("profile": "c")").base.sysctl.side.client,
              ElementsAre(Pair("net.ipv4.tcp_rmem", "7 8 9")));
  EXPECT_THAT(faults_of(R"("profile": "bda")"),
              ElementsAre(testing::EndsWith("; did you mean \"bad\"?")));
  EXPECT_THAT(faults_of(R"("profile": "profiles/bda.conf")"),
              ElementsAre(testing::EndsWith("; did you mean \"bad\"?")));
}

TEST_F(ProfileOfScenario, HasFaults) {
  const auto folders = (folder_ / "nowhere").string() + " or " + folder_.string();
  EXPECT_THAT(
      faults_of(R"("profile": "x.conf")"),
      ElementsAre("/profile: found \"x.conf\", which is not there; expected a file in " + folders));
  EXPECT_THAT(faults_of(R"("profile": "profiles/bad.conf")"),
              ElementsAre(testing::AllOf(
                  HasSubstr("/profile: found \"profiles/bad.conf\" (read profile "),
                  HasSubstr("bad.conf, line 1: found \"net.ipv4.tcp_rmem\": expected"))));
  EXPECT_THAT(
      faults_of(R"("profile": "/nowhere/x.conf")"),
      ElementsAre(HasSubstr("/nowhere/x.conf: No such file or directory); expected a profile")));
  EXPECT_THAT(faults_of(R"("sweep": {"/profile": ["x.conf", 3]})"),
              ElementsAre("/sweep/~1profile/1: found 3; expected a path, such as "
                          "\"profiles/c1m.conf\", or {\"client\": path, \"server\": path}",
                          HasSubstr("/sweep/~1profile/0: found \"x.conf\", which is not there")));
  EXPECT_THAT(
      faults_of(R"("sweep": {"/profile": [null], "profile": [{"label": "a", "set": {}}]})"),
      ElementsAre(
          "/sweep/profile: found an axis of this name beside /profile; expected another name"));
  EXPECT_THAT(faults_of(R"("sweep": {"a": [{"label": "a", "set": {"/profile": 7}}]})"),
              ElementsAre("/sweep/a/0: found 7; expected a path, such as \"profiles/c1m.conf\", or "
                          "{\"client\": path, \"server\": path}"));
  options_.profile = "profiles/a.conf";
  EXPECT_THAT(faults_of(R"("sweep": {"/profile": ["profiles/b.conf"]})"),
              ElementsAre("/profile: found a value given with --set or --profile for what is "
                          "swept; expected a place "
                          "that the sweep over /profile does not change"));
}

}  // namespace
}  // namespace netstall
