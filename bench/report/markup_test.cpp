#include "bench/report/markup.hpp"

#include <gtest/gtest.h>

namespace netstall {
namespace {

TEST(Markup, NothingMeansAnythingToMarkdown) {
  EXPECT_EQ(markdown_text("a|b"), "a\\|b");
  EXPECT_EQ(markdown_text("<b>&`*_x_*`"), "&lt;b&gt;&amp;\\`\\*\\_x\\_\\*\\`");
  EXPECT_EQ(markdown_text("[x](y) ![z]"), "\\[x\\](y) \\!\\[z\\]");
  EXPECT_EQ(markdown_text("https://x @y"), "https&#58;//x &#64;y");
  EXPECT_EQ(markdown_text("a\n# b"), "a\xef\xbf\xbd\\# b");
  EXPECT_EQ(markdown_text("\\|"), "\\\\\\|");
}

TEST(Markup, NothingMeansAnythingToXml) {
  EXPECT_EQ(xml_text("<a b='c'>\"&]]>"), "&lt;a b=&apos;c&apos;&gt;&quot;&amp;]]&gt;");
  EXPECT_EQ(xml_text("\x01"), "\xef\xbf\xbd");
}

TEST(Markup, LinesAreWrappedAtSpacesAndLongWordsAnywhere) {
  EXPECT_EQ(wrapped("one two three", 2, 8), "one two\n  three\n");
  EXPECT_EQ(wrapped("abcdefghij", 2, 6), "abcdef\n  ghij\n");
  EXPECT_EQ(wrapped("→→→ →→→", 0, 4), "→→→\n→→→\n");
  EXPECT_EQ(wrapped("  abcdefgh", 2, 6), "  abcd\n  efgh\n");
  EXPECT_EQ(wrapped("", 2, 6), "\n");
}

}  // namespace
}  // namespace netstall
