// What the reader of reports refuses, and in which words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <tuple>

#include "base/error.hpp"
#include "model/report_json.hpp"
#include "model/testdata/sample_report.hpp"

namespace netstall {
namespace {

using nlohmann::json;
using testing::HasSubstr;

std::string error_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.what();
  }
  return "no error";
}

std::string refusal(const std::string& text) {
  return error_of([&] { report_from_json(text); });
}

// The sample with one value replaced, or taken away.
std::string refusal_with(const char* pointer, const json& value) {
  auto report = json::parse(to_json(sample_report()));
  report[json::json_pointer(pointer)] = value;
  return refusal(report.dump());
}

TEST(ReportReader, RefusesOtherSchemasAndOtherFiles) {
  EXPECT_EQ(refusal_with("/schema", "netstall/report/2"),
            "read a report: it is of schema \"netstall/report/2\", and this program reads "
            "netstall/report/1");
  EXPECT_EQ(refusal("{}"), "read a report: it does not say that it is of schema netstall/report/1");
  EXPECT_EQ(refusal("[]"), "read a report: the document: found a list; expected an object");
  EXPECT_THAT(refusal(""),
              HasSubstr("read a report: the document: found a syntax error at line 1, column 1"));
  EXPECT_THAT(refusal("{\"schema\": \"netstall/report/1\", \"schema\": 1}"),
              HasSubstr("a key that was given before"));
  EXPECT_THAT(refusal(std::string(100'000, '[')), HasSubstr("nested more than 64 deep"));
}

TEST(ReportReader, RefusesWhatIsCutOffAnywhere) {
  const auto text = to_json(sample_report());
  for (std::size_t length = 0; length + 2 < text.size(); length += 97) {
    EXPECT_THAT(refusal(text.substr(0, length)), HasSubstr("a syntax error")) << length;
  }
  const auto line = to_json_line(measured_repetition());
  EXPECT_THAT(error_of([&] { repetition_from_json_line(line.substr(0, line.size() / 2)); }),
              HasSubstr("a syntax error"));
}

TEST(ReportReader, RefusesWrongTypesWithThePlace) {
  const std::vector<std::tuple<const char*, json, std::string>> kCases{
      {"/kind", "ab", R"(/kind: found "ab"; expected "run")"},
      {"/seed", -1, "/seed: found -1; expected a whole number from 0 to 18446744073709551615"},
      {"/seed", 1.5, "/seed: found 1.5; expected a whole number from 0 to 18446744073709551615"},
      {"/tool", 1, "/tool: found 1; expected an object"},
      {"/environment", 1, "/environment: found none; expected an object"},
      {"/scenario", "x", "/scenario: found none; expected an object"},
      {"/cells", json::object(), "/cells: found an object; expected a list"},
      {"/cells/0", nullptr, "/cells/0: found null; expected an object"},
      {"/cells/0/parameters", json::array(),
       "/cells/0/parameters: found a list; expected an object"},
      {"/cells/0/repetitions/0/index", 4294967296,
       "/cells/0/repetitions/0/index: found 4294967296; expected a whole number from 0 to "
       "4294967295"},
      {"/cells/0/repetitions/0/status", "good",
       R"(/cells/0/repetitions/0/status: found "good"; expected one of ok, failed, skipped, interrupted)"},
      {"/cells/0/repetitions/0/restored", 1,
       "/cells/0/repetitions/0/restored: found 1; expected true or false"},
      {"/cells/0/repetitions/0/started_at", 1,
       "/cells/0/repetitions/0/started_at: found 1; expected a text"},
      {"/cells/0/repetitions/0/duration_ns", 1e300,
       "/cells/0/repetitions/0/duration_ns: found 1e+300; expected a whole number from "
       "-9223372036854775808 to 9223372036854775807"},
      {"/cells/0/repetitions/0/flows/0/goodput_bytes_per_s", "fast",
       R"(/cells/0/repetitions/0/flows/0/goodput_bytes_per_s: found "fast"; expected a number)"},
      {"/cells/0/repetitions/0/flows/0/connections", 1,
       "/cells/0/repetitions/0/flows/0/connections: found 1; expected an object"},
      {"/cells/0/repetitions/0/flows/0/stalls/by_cause", 1,
       "/cells/0/repetitions/0/flows/0/stalls/by_cause: found 1; expected an object"},
      {"/cells/0/repetitions/0/flows/0/stalls/by_cause/gremlins", nullptr,
       R"(/cells/0/repetitions/0/flows/0/stalls/by_cause/gremlins: found "gremlins"; expected one of unknown, sndbuf_full, sndbuf_moderated, notsent_lowat, mem_shortage, receiver_drop, cgroup_throttle, eagain_spin)"},
      {"/cells/0/repetitions/0/flows/0/stalls/by_sub_cause/peer_window/waits", "many",
       R"(/cells/0/repetitions/0/flows/0/stalls/by_sub_cause/peer_window/waits: found "many"; expected a whole number from 0 to 18446744073709551615)"},
      {"/cells/0/repetitions/0/flows/0/send_call_ns/hdr", "AAAA",
       "/cells/0/repetitions/0/flows/0/send_call_ns/hdr: found "},
      {"/cells/0/repetitions/0/flows/0/send_call_ns/count", 3,
       "/cells/0/repetitions/0/flows/0/send_call_ns: found count, min and max that are not those "
       "of hdr; expected a histogram as it was written"},
      {"/cells/0/repetitions/0/flows/0/send_call_ns/min", nullptr,
       "found count, min and max that are not those of hdr"},
      {"/cells/0/repetitions/0/flows/0/send_call_ns/max", 380,
       "/cells/0/repetitions/0/flows/0/send_call_ns/hdr: found "},
      {"/cells/0/repetitions/0/kernel/server/gauges/TCP.mem", 1,
       "/cells/0/repetitions/0/kernel/server/gauges/TCP.mem: found 1; expected an object"},
      {"/cells/0/repetitions/0/series/t_ns/0", nullptr,
       "/cells/0/repetitions/0/series/t_ns/0: found null; expected a whole number from "
       "-9223372036854775808 to 9223372036854775807"},
      {"/cells/0/expectations/0/quantity", "weight",
       R"(/cells/0/expectations/0/quantity: found "weight"; expected one of number, duration, bytes, rate, byte_rate)"},
  };
  for (const auto& [pointer, value, text] : kCases)
    EXPECT_THAT(refusal_with(pointer, value), HasSubstr(text)) << pointer;
}

TEST(ReportReader, RefusesWhatLacksAField) {
  auto report = json::parse(to_json(sample_report()));
  report["cells"][0]["repetitions"][0].erase("stalls");
  EXPECT_EQ(refusal(report.dump()),
            "read a report: /cells/0/repetitions/0/stalls: found nothing; expected a value");
}

// Later versions may add fields; reports of before then lack them.
TEST(ReportReader, TakesFieldsThatItDoesNotKnowAndLacksThoseThatCameLater) {
  auto report = json::parse(to_json(sample_report()));
  report["more"] = 1;
  auto& repetition = report["cells"][0]["repetitions"][0];
  repetition["flows"][0]["more"] = {1, 2};
  for (const auto* later : {"cell", "window_ns", "memory_limit", "qdisc", "placement", "devices",
                            "sysctl_left_out", "not_restored"})
    repetition.erase(later);
  for (const auto* later : {"errors", "backlog", "vain_sends", "zerocopy", "senders_per_connection",
                            "datagrams", "tcp_info", "kernel_acked_latency_ns"})
    repetition["flows"][0].erase(later);
  const auto back = report_from_json(report.dump());
  EXPECT_EQ(back.cells[0].repetitions[0].flows[0].messages, 1234U);
  EXPECT_FALSE(back.cells[0].repetitions[0].flows[0].backlog);
}

}  // namespace
}  // namespace netstall
