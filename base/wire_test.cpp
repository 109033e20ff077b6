#include "base/wire.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace netstall {
namespace {

enum class Colour : std::uint8_t { red, green };

struct Inner {
  std::int64_t number = 0;
  std::optional<double> ratio;
  template <class V>
  void fields(V& v) {
    v(number, ratio);
  }
};

struct Outer {
  std::string name;
  Colour colour = Colour::red;
  bool on = false;
  std::uint16_t port = 0;
  Nanoseconds delay{0};
  Bytes size;
  std::vector<Inner> inner;
  std::map<std::string, std::uint64_t> counts;
  Histogram histogram;
  template <class V>
  void fields(V& v) {
    v(name, colour, on, port, delay, size, inner, counts, histogram);
  }
};

Outer sample() {
  Outer outer{"a name", Colour::green, true, 65535, Nanoseconds(-5), Bytes{1ULL << 40}, {}, {}, {}};
  outer.inner = {{std::numeric_limits<std::int64_t>::min(), 0.1}, {-1, std::nullopt}};
  outer.counts = {{"ECONNRESET", 3}, {"EPIPE", std::numeric_limits<std::uint64_t>::max()}};
  outer.histogram.record(1'234'567, 3);
  outer.histogram.record(99);
  return outer;
}

TEST(Wire, ReadsWhatItWrote) {
  const auto before = sample();
  const auto after = from_wire<Outer>(to_wire(before));
  EXPECT_EQ(after.name, before.name);
  EXPECT_EQ(after.colour, before.colour);
  EXPECT_EQ(after.on, before.on);
  EXPECT_EQ(after.port, before.port);
  EXPECT_EQ(after.delay, before.delay);
  EXPECT_EQ(after.size, before.size);
  ASSERT_EQ(after.inner.size(), 2U);
  EXPECT_EQ(after.inner[0].number, before.inner[0].number);
  EXPECT_EQ(after.inner[0].ratio, before.inner[0].ratio);
  EXPECT_FALSE(after.inner[1].ratio.has_value());
  EXPECT_EQ(after.counts, before.counts);
  EXPECT_EQ(after.histogram, before.histogram);
  EXPECT_EQ(after.histogram.min(), 99U);
  EXPECT_EQ(after.histogram.max(), 1'234'567U);
}

TEST(Wire, EveryTruncationIsAnError) {
  const auto bytes = to_wire(sample());
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_THROW(from_wire<Outer>(std::string_view(bytes).substr(0, length)), Error) << length;
  }
  EXPECT_THROW(from_wire<Outer>(bytes + "x"), Error);
}

TEST(Wire, LengthsBeyondTheInputAreRefusedBeforeAnythingIsReserved) {
  const std::string hostile("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10);
  EXPECT_THROW(from_wire<Outer>(hostile), Error);
}

TEST(Wire, ANumberThatDoesNotFitIsAnError) {
  struct Wide {
    std::uint64_t value = 70000;
    void fields(WireWriter& v) { v(value); }
  };
  struct Narrow {
    std::uint16_t value = 0;
    void fields(WireReader& v) { v(value); }
  };
  EXPECT_THROW(from_wire<Narrow>(to_wire(Wide{})), Error);
}

}  // namespace
}  // namespace netstall
