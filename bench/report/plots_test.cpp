#include "bench/report/plots.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"

namespace netstall {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(Plots, AreReadFromWhatABrowserPrints) {
  EXPECT_THAT(plots_of("<!DOCTYPE html>\n<html lang=\"en\"><script type=\"application/json\" "
                       "id=\"plots\">{\"path.svg\":\"\\u003csvg>1\\u003c/svg>\","
                       "\"sweep.svg\":\"\\u003csvg/>\"}</script></html>\n"),
              ElementsAre(Pair("path.svg", "<svg>1</svg>"), Pair("sweep.svg", "<svg/>")));
}

TEST(Plots, NamesCannotLeaveTheFolder) {
  EXPECT_THAT(
      plots_of(R"(<script id="plots">{"../../x.svg":"1","a.html":"2","ok.svg":"3"}</script>)"),
      ElementsAre(Pair("ok.svg", "3")));
}

TEST(Plots, ADocumentWithoutThemIsAnError) {
  for (const char* text :
       {"", "<html></html>", "<script id=\"plots\">", "<script id=\"plots\">{]</script>",
        "<script id=\"plots\">{}</script>"}) {
    EXPECT_THROW(plots_of(text), Error) << text;
  }
}

}  // namespace
}  // namespace netstall
