#include <gtest/gtest.h>
#include <zlib.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <initializer_list>
#include <random>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/histogram.hpp"

namespace netstall {
namespace {

// Forges the outer forms, so that a test holds the bytes inside.
std::string big_endian(std::uint64_t value, unsigned bytes) {
  std::string text;
  while (bytes-- != 0) text.push_back(static_cast<char>(value >> 8 * bytes & 0xff));
  return text;
}

std::string base64(const std::string& bytes) {
  static constexpr char kAlphabet[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  std::uint32_t group = 0;
  unsigned bits = 0;
  for (const char byte : bytes) {
    group = group << 8 | static_cast<unsigned char>(byte);
    for (bits += 8; bits >= 6; bits -= 6) text.push_back(kAlphabet[group >> (bits - 6) & 63]);
  }
  if (bits != 0) text.push_back(kAlphabet[group << (6 - bits) & 63]);
  while (text.size() % 4 != 0) text.push_back('=');
  return text;
}

std::string deflated(const std::string& plain) {
  std::vector<unsigned char> source(plain.begin(), plain.end());
  std::vector<unsigned char> target(::compressBound(source.size()));
  uLongf size = target.size();
  EXPECT_EQ(::compress(target.data(), &size, source.data(), source.size()), Z_OK);
  return {target.begin(), target.begin() + static_cast<std::ptrdiff_t>(size)};
}

std::string wrapped(const std::string& zlib_stream) {
  return base64(big_endian(0x1c849314, 4) + big_endian(zlib_stream.size(), 4) + zlib_stream);
}

struct Plain {
  std::uint32_t cookie = 0x1c849313;
  std::uint32_t offset = 0;
  std::uint32_t digits = 3;
  std::uint64_t lowest = 1;
  std::uint64_t highest = Histogram::kHighestTrackable;
  std::uint64_t ratio = std::bit_cast<std::uint64_t>(1.0);
  std::string payload;
  std::uint64_t length_error = 0;  // modulo 2^32

  std::string encoded() const {
    const std::uint64_t length = payload.size() + length_error;
    return wrapped(deflated(big_endian(cookie, 4) + big_endian(length, 4) + big_endian(offset, 4) +
                            big_endian(digits, 4) + big_endian(lowest, 8) + big_endian(highest, 8) +
                            big_endian(ratio, 8) + payload));
  }
};

std::string bytes(std::initializer_list<int> list) {
  std::string text;
  for (const int byte : list) text.push_back(static_cast<char>(byte));
  return text;
}

Plain with_payload(std::initializer_list<int> payload) {
  Plain plain;
  plain.payload = bytes(payload);
  return plain;
}

// What the Error says, or "" where it decodes.
std::string refusal_of(const std::string& text) {
  try {
    Histogram::decode(text);
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.what();
  }
}

#define EXPECT_REFUSED(text, part) \
  EXPECT_NE(refusal_of(text).find(part), std::string::npos) << "'" << refusal_of(text) << "'"

TEST(HistogramEncoding, RoundTripsOverTheWholeRange) {
  std::mt19937_64 random(1);
  for (const std::size_t events : {0U, 1U, 2U, 10U, 1'000U, 50'000U}) {
    Histogram histogram;
    std::uniform_real_distribution<double> exponent(0, std::log(5e12));
    std::geometric_distribution<std::uint64_t> repeats(0.1);
    for (std::size_t i = 0; i < events; ++i) {
      histogram.record(static_cast<std::uint64_t>(std::exp(exponent(random))), repeats(random));
    }
    const Histogram decoded = Histogram::decode(histogram.encode());
    EXPECT_EQ(decoded, histogram);
    EXPECT_EQ(decoded.mean().has_value(), histogram.mean().has_value());
    EXPECT_EQ(decoded.encode(), histogram.encode());
  }
}

TEST(HistogramEncoding, RoundTripsTheExtremes) {
  for (const std::uint64_t value : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{2047},
                                    std::uint64_t{2048}, Histogram::kHighestTrackable}) {
    for (unsigned bit = 0; bit < 63; ++bit) {
      Histogram histogram;
      histogram.record(value, (1ULL << bit) + (bit > 1 ? 1 : 0));
      ASSERT_EQ(Histogram::decode(histogram.encode()), histogram) << value << " " << bit;
    }
    Histogram histogram;
    histogram.record(value, std::numeric_limits<std::int64_t>::max());
    ASSERT_EQ(Histogram::decode(histogram.encode()), histogram);
  }
}

TEST(HistogramEncoding, BoundsAndSaturationCanBePutBack) {
  Histogram histogram;
  histogram.record(1'000'001);
  histogram.record(~0ULL);
  Histogram decoded = Histogram::decode(histogram.encode());
  EXPECT_EQ(decoded.min(), 1'000'001U - 1'000'001U % 512);
  EXPECT_EQ(decoded.saturated(), 0U);
  decoded.restore_bounds(*histogram.min(), *histogram.max(), histogram.saturated());
  EXPECT_EQ(decoded.min(), histogram.min());
  EXPECT_EQ(decoded.max(), histogram.max());
  EXPECT_EQ(decoded.saturated(), 1U);
}

// Every slot taken, with counts that do not deflate: the longest text there is.
TEST(HistogramEncoding, FullestHistogramFits) {
  std::mt19937_64 random(2);
  Histogram histogram;
  for (std::size_t index = 0; index <= netstall_hdr_index_of(~0ULL); ++index) {
    histogram.add_slot(index, (random() >> 16) | 1);
  }
  EXPECT_EQ(Histogram::decode(histogram.encode()), histogram);
}

// Written by hdr-histogram-js 3.0.1: 10,000 times 1000, once 100,000,000; and empty.
TEST(HistogramEncoding, ReadsWhatAnotherProgramWrote) {
  const Histogram histogram = Histogram::decode(
      "HISTFAAAAC94nJNpmSzMwMDAycDAwMjAwMDMAAGMDAzMbgY7FjDA+Of5F8xhnN7BxAQAdx0GZQ==");
  EXPECT_EQ(histogram.count(), 10'001U);
  EXPECT_EQ(histogram.count_at(1000), 10'000U);
  EXPECT_EQ(histogram.count_at(100'000'000), 1U);
  EXPECT_DOUBLE_EQ(*histogram.mean(), 10996.417158284172);
  EXPECT_TRUE(
      Histogram::decode("HISTFAAAACB4nJNpmSzMwMDACMXMDBDAyMDA7GawYwEDnA8ASQ8DHw==").empty());
}

TEST(HistogramEncoding, ReadsForgedFormsThatAreRight) {
  // Slots 0 to 2 empty, 5 events in slot 3, a single empty slot, a run of one.
  const Histogram histogram = Histogram::decode(with_payload({0x05, 0x0a, 0x00, 0x01}).encoded());
  EXPECT_EQ(histogram.count(), 5U);
  EXPECT_EQ(histogram.count_at(3), 5U);
  EXPECT_TRUE(Histogram::decode(Plain{}.encoded()).empty());
  Plain offset = with_payload({2});
  offset.offset = 1;
  offset.highest = (1ULL << 42) - 1;
  offset.ratio = 1;
  EXPECT_EQ(Histogram::decode(offset.encoded()).count_at(0), 1U);
}

TEST(HistogramEncoding, RefusesWrongHeaders) {
  Plain plain = with_payload({2});
  ASSERT_EQ(refusal_of(plain.encoded()), "");
  plain.cookie = 0x1c849303;
  EXPECT_REFUSED(plain.encoded(), "cookie");
  plain = with_payload({2});
  plain.digits = 2;
  EXPECT_REFUSED(plain.encoded(), "3 significant digits");
  plain = with_payload({2});
  plain.lowest = 1000;
  EXPECT_REFUSED(plain.encoded(), "lowest discernible");
  for (const std::uint64_t highest : {0ULL, 1ULL, 1ULL << 42, ~0ULL}) {
    plain = with_payload({2});
    plain.highest = highest;
    EXPECT_REFUSED(plain.encoded(), "highest trackable");
  }
  plain = with_payload({2});
  plain.ratio = std::bit_cast<std::uint64_t>(0.5);
  EXPECT_REFUSED(plain.encoded(), "scaled");
  for (const std::uint64_t error : {~0ULL, 1ULL}) {
    plain = with_payload({2});
    plain.length_error = error;
    EXPECT_REFUSED(plain.encoded(), "another length");
  }
}

TEST(HistogramEncoding, RefusesWrongPayloads) {
  EXPECT_REFUSED(with_payload({0x80}).encoded(), "truncated");
  EXPECT_REFUSED(with_payload({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}).encoded(),
                 "truncated");
  EXPECT_REFUSED(with_payload({0x82, 0x00}).encoded(), "longer than it needs");
  EXPECT_REFUSED(with_payload({0x82, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00}).encoded(),
                 "longer than it needs");
  // The lowest integer, as a run of empty slots.
  EXPECT_REFUSED(with_payload({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}).encoded(),
                 "more slots");
  // A run of 33,793 slots, one too many; then 33,792 and a count behind them.
  EXPECT_REFUSED(with_payload({0x81, 0x90, 0x04}).encoded(), "more slots");
  ASSERT_EQ(refusal_of(with_payload({0xff, 0x8f, 0x04}).encoded()), "");
  EXPECT_REFUSED(with_payload({0xff, 0x8f, 0x04, 0x00}).encoded(), "more slots");
  EXPECT_REFUSED(with_payload({0xff, 0x8f, 0x04, 0x01}).encoded(), "more slots");
  // Twice 2^63 - 1 events.
  EXPECT_REFUSED(
      with_payload({0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02}).encoded(),
      "2^63 - 1");
}

TEST(HistogramEncoding, RefusesWrongOuterForms) {
  const std::string stream = deflated(std::string(40, '\0'));
  EXPECT_REFUSED("", "truncated");
  EXPECT_REFUSED("HIST", "truncated");
  EXPECT_REFUSED("HISTF", "base64");
  EXPECT_REFUSED("HIST\n===", "base64");
  EXPECT_REFUSED("====", "base64");
  EXPECT_REFUSED("HISTFAAAAB==", "stray bits");
  EXPECT_REFUSED(wrapped(stream), "cookie");
  EXPECT_REFUSED(base64(big_endian(0x1c849304, 4) + big_endian(stream.size(), 4) + stream),
                 "cookie");
  EXPECT_REFUSED(base64(big_endian(0x1c849314, 4) + big_endian(~0U, 4) + stream), "another length");
  EXPECT_REFUSED(wrapped(""), "zlib");
  EXPECT_REFUSED(wrapped("nonsense"), "zlib");
  EXPECT_REFUSED(wrapped(stream + "x"), "follows");
  EXPECT_REFUSED(wrapped(stream.substr(0, stream.size() - 1)), "zlib");
}

TEST(HistogramEncoding, RefusesBombsWithoutInflatingThem) {
  EXPECT_REFUSED(wrapped(deflated(std::string(64U << 20, '\0'))), "inflates to more");
  EXPECT_REFUSED(std::string(1U << 20, 'A'), "longer than any");
}

TEST(HistogramEncoding, EveryTruncationIsRefused) {
  Histogram histogram;
  for (std::uint64_t value = 1; value < 1'000'000'000; value = value * 3 + 1)
    histogram.record(value);
  const std::string text = histogram.encode();
  for (std::size_t length = 0; length < text.size(); ++length) {
    ASSERT_NE(refusal_of(text.substr(0, length)), "") << length;
  }
}

// Whatever it holds, hostile input ends in an Error or a histogram that is sound;
// the sanitizers watch.
TEST(HistogramEncoding, DamagedInputIsRefusedOrSound) {
  std::mt19937_64 random(3);
  Plain plain;
  for (int i = 0; i < 20'000; ++i) {
    plain.payload.clear();
    for (auto length = random() % 40; length != 0; --length) {
      plain.payload.push_back(static_cast<char>(random()));
    }
    try {
      const Histogram histogram = Histogram::decode(plain.encoded());
      ASSERT_EQ(Histogram::decode(histogram.encode()), histogram);
    } catch (const Error&) {
    }
  }
  const std::string text = with_payload({0x05, 0x0a, 0x00, 0x01}).encoded();
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string damaged = text;
      damaged[i] = static_cast<char>(byte);
      refusal_of(damaged);
    }
  }
}

}  // namespace
}  // namespace netstall
