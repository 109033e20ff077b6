#include "bench/report/page_json.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

namespace netstall {
namespace {

TEST(PageJson, PutsCommasWhereTheyBelong) {
  std::string out;
  PageJson json(out);
  json.open('{').key("a").open('[').count(1).whole(-2).null().flag(true).close(']');
  json.key("b").open('{').close('}').key("c").text("").close('}');
  EXPECT_EQ(out, R"({"a":[1,-2,null,true],"b":{},"c":""})");
}

TEST(PageJson, TextCannotEndTheElementAroundIt) {
  std::string out;
  const std::string evil = "</script><!--<script>&quot;\"\\ \xe2\x80\xae \x01 \xff";
  PageJson(out).text(evil);
  EXPECT_EQ(out.find_first_of("<>&"), std::string::npos) << out;
  const auto read = nlohmann::json::parse(out).get<std::string>();
  EXPECT_TRUE(read.starts_with("</script><!--<script>&quot;\"\\ ")) << read;
}

TEST(PageJson, FiguresHaveFourDigitsAndNoNaN) {
  std::string out;
  PageJson json(out);
  json.open('[').figure(123456789.0).figure(0.25).figure(std::optional<double>());
  json.figure(std::numeric_limits<double>::quiet_NaN());
  json.figure(std::numeric_limits<double>::infinity()).close(']');
  EXPECT_EQ(out, "[1.235e+08,0.25,null,null,null]");
}

}  // namespace
}  // namespace netstall
