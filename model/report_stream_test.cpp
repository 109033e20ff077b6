#include "model/report_stream.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/file.hpp"
#include "model/report_json.hpp"

namespace netstall {
namespace {

using testing::HasSubstr;

const std::string kGolden = NETSTALL_SOURCE_DIR "/model/testdata/report.json";

// A file with this text, gone with it.
class TextFile {
 public:
  explicit TextFile(const std::string& text) : path_(testing::TempDir() + "report_stream_XXXXXX") {
    const Fd file(::mkstemp(path_.data()));
    EXPECT_EQ(write_all(file.get(), text), 0);
  }
  TextFile(const TextFile&) = delete;
  TextFile& operator=(const TextFile&) = delete;
  ~TextFile() { ::unlink(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

Report read(const std::string& path, ReportParts wanted) {
  std::vector<CellResult> cells;
  auto report =
      stream_report(path, wanted, [&](CellResult&& cell) { cells.push_back(std::move(cell)); });
  EXPECT_TRUE(report.cells.empty());
  report.cells = std::move(cells);
  return report;
}

std::string refusal(const std::string& text) {
  const TextFile file(text);
  try {
    read(file.path(), {});
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.what();
  }
  return "none";
}

std::string changed(std::string_view from, std::string_view to) {
  auto text = read_file(kGolden);
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(ReportStream, WholeItIsTheReport) {
  const auto text = read_file(kGolden);
  EXPECT_EQ(to_json(read(kGolden, ReportParts::all())), to_json(report_from_json(text)));
}

TEST(ReportStream, WhatIsNotWantedIsAbsentAndTheRestIsThere) {
  const auto whole = report_from_json(read_file(kGolden)).cells.at(0).repetitions.at(0);
  const auto cut = read(kGolden, {}).cells.at(0).repetitions.at(0);
  const auto& flow = cut.flows.at(0);
  EXPECT_FALSE(flow.send_latency);
  EXPECT_FALSE(flow.sndbuf.final);
  EXPECT_FALSE(cut.stalls);
  EXPECT_TRUE(cut.series.t_ns.empty());
  ASSERT_TRUE(flow.stalls && whole.flows.at(0).stalls);
  EXPECT_FALSE(flow.stalls->total.wait);
  EXPECT_EQ(flow.stalls->total.duration, whole.flows.at(0).stalls->total.duration);
  EXPECT_EQ(flow.stalls->total.time_ns, whole.flows.at(0).stalls->total.time_ns);
  EXPECT_EQ(flow.sndbuf.requested, whole.flows.at(0).sndbuf.requested);
  EXPECT_EQ(flow.goodput_bytes_per_s, whole.flows.at(0).goodput_bytes_per_s);
}

TEST(ReportStream, EveryCutIsRefused) {
  const auto text = read_file(kGolden);
  const auto end = text.find_last_of('}');
  for (std::size_t size = 0; size <= end; size += 97) {
    EXPECT_NE(refusal(text.substr(0, size)), "none") << size;
  }
  EXPECT_NE(refusal(text.substr(0, end)), "none");
  EXPECT_THAT(refusal(text + "x"), HasSubstr("after its end"));
  EXPECT_THAT(refusal(""), HasSubstr("ends in the middle"));
}

TEST(ReportStream, FaultsHaveTheirPlaceInTheWholeReport) {
  EXPECT_THAT(refusal(changed("\"ok\"", "\"fine\"")), HasSubstr("/cells/0/repetitions/0/status"));
  EXPECT_THAT(refusal(changed("\"parameters\": {", "\"parameters\": 3, \"x\": {")),
              HasSubstr("/cells/0/parameters"));
  EXPECT_THAT(refusal(changed("\"seed\":", "\"sead\":")), HasSubstr("/seed"));
  EXPECT_THAT(refusal(changed("\"kind\":", "\"schema\": 1, \"kind\":")), HasSubstr("twice"));
}

TEST(ReportStream, OfSeveralFaultsTheFirstIsSaid) {
  auto report = nlohmann::json::parse(read_file(kGolden));
  auto& cells = report["cells"];
  cells = nlohmann::json::array({cells[0], cells[0], cells[0]});
  cells[1]["parameters"] = 3;
  const auto one = report.dump();
  EXPECT_THAT(refusal(one), HasSubstr("/cells/1/parameters"));
  cells[2]["parameters"] = 3;
  EXPECT_THAT(refusal(report.dump()), HasSubstr("/cells/1/parameters"));
  EXPECT_THAT(refusal(one + "x"), HasSubstr("/cells/1/parameters"));
}

TEST(ReportStream, AnotherSchemaIsSaidBeforeItsCellsAreRead) {
  const auto message =
      refusal(R"({"schema": "netstall/report/2", "kind": "run", "cells": [{"odd": 1}]})");
  EXPECT_THAT(message, HasSubstr("netstall/report/2"));
  EXPECT_THAT(message, HasSubstr("netstall/report/1"));
}

}  // namespace
}  // namespace netstall
