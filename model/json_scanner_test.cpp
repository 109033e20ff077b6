#include "model/json_scanner.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/file.hpp"

namespace netstall {
namespace {

Fd file_of(std::string_view text) {
  Fd file(::memfd_create("scanner", MFD_CLOEXEC));
  EXPECT_EQ(write_all(file.get(), text), 0);
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

// Whatever the buffer's size: the text of each value of a list.
std::vector<std::string> entries(std::string_view text, std::size_t buffer) {
  JsonScanner in(file_of(text), buffer);
  std::vector<std::string> found;
  in.list([&](std::size_t) { in.value(&found.emplace_back()); });
  in.expect_end();
  return found;
}

TEST(JsonScanner, CopiesValuesAsTheyStandAcrossTheBuffersEdge) {
  const std::string text =
      R"( [1.5e-3 ,null, "a\"\\]}", {"b": [1, {"c\\": "}"}], "d":""} , [] ,true] )"
      "\n";
  const std::vector<std::string> expected{
      "1.5e-3", "null", R"("a\"\\]}")", R"({"b": [1, {"c\\": "}"}], "d":""})", "[]", "true"};
  for (std::size_t buffer = 1; buffer < 80; ++buffer) {
    EXPECT_EQ(entries(text, buffer), expected) << buffer;
  }
}

TEST(JsonScanner, SkipsWhatIsNotCopied) {
  for (std::size_t buffer = 1; buffer < 40; ++buffer) {
    JsonScanner in(file_of(R"({"skip": {"x": ["]", 2]}, "keep": 7, "\u0061": ""})"), buffer);
    std::string kept;
    std::vector<std::string> keys;
    in.object([&](const std::string& key) {
      keys.push_back(key);
      in.value(key == "keep" ? &kept : nullptr);
    });
    in.expect_end();
    EXPECT_EQ(kept, "7");
    EXPECT_EQ(keys, (std::vector<std::string>{"skip", "keep", "\\u0061"}));
  }
}

TEST(JsonScanner, WhatIsCutOrDoesNotMatchIsRefused) {
  const std::string good = R"([{"a": "b"}, [1, "c\\"], null])";
  for (std::size_t size = 0; size < good.size(); ++size) {
    for (const std::size_t buffer : {1U, 5U, 100U}) {
      EXPECT_THROW(entries(good.substr(0, size), buffer), Error) << size;
    }
  }
  for (const char* bad :
       {"[1]]", "[1] x", "[1,]", "[,1]", "[{]", "[[}]", "{}", "[1 2]", "[\"a\" 1]"}) {
    EXPECT_THROW(entries(bad, 16), Error) << bad;
  }
  EXPECT_THROW(entries("[" + std::string(100, '[') + std::string(100, ']') + "]", 16), Error);
}

}  // namespace
}  // namespace netstall
