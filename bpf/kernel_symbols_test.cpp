#include "bpf/kernel_symbols.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace netstall {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class KernelSymbolsFile : public testing::Test {
 protected:
  KernelSymbols symbols(const std::string& text) {
    std::ofstream(path_) << text;
    return KernelSymbols(path_);
  }
  ~KernelSymbolsFile() override {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  const std::filesystem::path path_ =
      std::filesystem::temp_directory_path() / ("kallsyms-" + std::to_string(::getpid()));
};

TEST_F(KernelSymbolsFile, AnAddressIsOfTheFunctionThatBeginsBeforeIt) {
  const auto known = symbols(
      "ffffffff81000200 t second\n"
      "ffffffff81000100 T first\n"
      "ffffffff81000180 d data\n"
      "ffffffffc0000000 t veth_xmit\t[veth]\n");
  EXPECT_EQ(known.name_of(0xffffffff81000100), "first");
  EXPECT_EQ(known.name_of(0xffffffff810001ff), "first");
  EXPECT_EQ(known.name_of(0xffffffff81000200), "second");
  EXPECT_EQ(known.name_of(0xffffffffc0000010), "veth_xmit");
  EXPECT_EQ(known.name_of(0xffffffff810000ff), std::nullopt);
}

TEST_F(KernelSymbolsFile, HiddenAddressesAreNone) {
  EXPECT_TRUE(symbols("0000000000000000 T first\n0000000000000000 t second\n").empty());
  EXPECT_TRUE(KernelSymbols("/nowhere/kallsyms").empty());
}

TEST(KernelStack, IsWithoutTheTracingThatTookIt) {
  EXPECT_THAT(
      without_tracing({"bpf_prog_0123_on_switch", "bpf_trace_run4", "__traceiter_sched_switch",
                       "__schedule", "schedule", "bpf_like_but_below"}),
      ElementsAre("__schedule", "schedule", "bpf_like_but_below"));
  EXPECT_THAT(without_tracing({}), IsEmpty());
}

}  // namespace
}  // namespace netstall
