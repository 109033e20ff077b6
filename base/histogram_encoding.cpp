// Histogram::encode and decode: the V2 form of HdrHistogram, which its ports for
// Java, C, JavaScript and others read.
//   deflated form: cookie, length, zlib stream of the plain form
//   plain form: cookie, payload length, normalizing offset, digits (4 bytes each),
//     lowest discernible, highest trackable value, ratio to doubles (8 bytes each),
//     then a number for each slot or run of empty slots
// Numbers of the headers are big-endian. Numbers of the payload are zig-zag
// LEB128, a ninth byte holding 8 bits; positive is a count, negative the length
// of a run of empty slots; slots after the last number are empty.
// Source: HdrHistogram, AbstractHistogram.java and ZigZagEncoding.java.
#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <memory>
#include <span>
#include <vector>

#include "base/error.hpp"
#include "base/histogram.hpp"

namespace netstall {
namespace {

using Byte = unsigned char;

constexpr std::uint32_t kPlainCookie = 0x1c849303 | 0x10;
constexpr std::uint32_t kDeflatedCookie = 0x1c849304 | 0x10;
constexpr std::size_t kPlainHeaderBytes = 40;
constexpr std::size_t kDeflatedHeaderBytes = 8;
constexpr std::size_t kLongestNumberBytes = 9;
constexpr std::size_t kLongestPlain = kPlainHeaderBytes + Histogram::kSlots * kLongestNumberBytes;
// Deflate stores what it cannot shrink: 5 bytes for each 16 KiB or less, and a
// frame. A generous bound; its use is to refuse long texts before work is done.
constexpr std::size_t kLongestDeflated = kDeflatedHeaderBytes + kLongestPlain + kLongestPlain / 64;
constexpr std::size_t kLongestText = (kLongestDeflated / 3 + 1) * 4;

[[noreturn]] void refuse(std::string_view cause) {
  throw Error(ErrorKind::usage, "decode a histogram", cause);
}

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr Byte kNotBase64 = 0xff;

constexpr auto kBase64Values = [] {
  std::array<Byte, 256> values{};
  values.fill(kNotBase64);
  for (std::size_t i = 0; i < kBase64.size(); ++i) {
    values[static_cast<Byte>(kBase64[i])] = static_cast<Byte>(i);
  }
  return values;
}();

std::string to_base64(std::span<const Byte> bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t there = std::min<std::size_t>(bytes.size() - i, 3);
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) group = group << 8 | (j < there ? bytes[i + j] : 0U);
    for (std::size_t j = 0; j < 4; ++j) {
      text.push_back(j <= there ? kBase64[group >> (18 - 6 * j) & 63U] : '=');
    }
  }
  return text;
}

std::vector<Byte> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) refuse("its base64 is truncated");
  std::size_t padding = 0;
  while (padding < 2 && text.ends_with('=')) {
    text.remove_suffix(1);
    ++padding;
  }
  std::vector<Byte> bytes(text.size() * 3 / 4);
  std::size_t size = 0;
  std::size_t at = 0;
  const auto value_of = [&text](std::size_t index) -> std::uint32_t {
    return kBase64Values[static_cast<Byte>(text[index])];
  };
  // What is no base64 has bits beyond the six of a value.
  constexpr std::uint32_t kBeyond = kNotBase64 & ~63U;
  for (; at + 4 <= text.size(); at += 4) {
    const std::uint32_t a = value_of(at);
    const std::uint32_t b = value_of(at + 1);
    const std::uint32_t c = value_of(at + 2);
    const std::uint32_t d = value_of(at + 3);
    if (((a | b | c | d) & kBeyond) != 0) refuse("it is not base64");
    const std::uint32_t group = a << 18 | b << 12 | c << 6 | d;
    bytes[size++] = static_cast<Byte>(group >> 16 & 0xffU);
    bytes[size++] = static_cast<Byte>(group >> 8 & 0xffU);
    bytes[size++] = static_cast<Byte>(group & 0xffU);
  }
  std::uint32_t group = 0;
  unsigned bits = 0;
  for (; at < text.size(); ++at) {
    const std::uint32_t value = value_of(at);
    if (value == kNotBase64) refuse("it is not base64");
    group = group << 6 | value;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[size++] = static_cast<Byte>(group >> bits & 0xffU);
    }
  }
  if ((group & ((1U << bits) - 1)) != 0) refuse("its base64 has stray bits at the end");
  bytes.resize(size);
  return bytes;
}

class Writer {
 public:
  explicit Writer(std::size_t expected) { bytes_.reserve(expected); }
  void put_32(std::uint32_t value) { put_big_endian(value, 32); }
  void put_64(std::uint64_t value) { put_big_endian(value, 64); }
  void put_number(std::int64_t value) {
    auto rest = (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
    for (std::size_t i = 1; rest >= 0x80 && i < kLongestNumberBytes; ++i) {
      bytes_.push_back(static_cast<Byte>((rest & 0x7f) | 0x80));
      rest >>= 7;
    }
    bytes_.push_back(static_cast<Byte>(rest));
  }
  std::vector<Byte>& bytes() noexcept { return bytes_; }

 private:
  void put_big_endian(std::uint64_t value, unsigned bits) {
    while (bits != 0) {
      bits -= 8;
      bytes_.push_back(static_cast<Byte>(value >> bits & 0xff));
    }
  }
  std::vector<Byte> bytes_;
};

class Reader {
 public:
  explicit Reader(std::span<const Byte> bytes) : bytes_(bytes) {}
  std::uint32_t get_32() { return static_cast<std::uint32_t>(get_big_endian(4)); }
  std::uint64_t get_64() { return get_big_endian(8); }
  std::int64_t get_number() {
    // Most counts, and runs of empty slots, take one byte.
    if (!bytes_.empty() && bytes_.front() < 0x80) return unfold(get());
    std::uint64_t value = 0;
    for (unsigned i = 0; i < kLongestNumberBytes; ++i) {
      const Byte byte = get();
      const bool last = i + 1 == kLongestNumberBytes;
      value |= std::uint64_t{last ? byte : byte & 0x7fU} << 7 * i;
      if (!last && byte >= 0x80) continue;
      if (i != 0 && byte == 0) refuse("a number is longer than it needs to be");
      break;
    }
    return unfold(value);
  }
  std::span<const Byte> rest() const noexcept { return bytes_; }

 private:
  // Of zig-zag: even numbers are those from 0 on, odd ones those below.
  static std::int64_t unfold(std::uint64_t value) noexcept {
    return static_cast<std::int64_t>((value >> 1) ^ (~(value & 1) + 1));
  }
  Byte get() {
    if (bytes_.empty()) refuse("it is truncated");
    const Byte byte = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return byte;
  }
  std::uint64_t get_big_endian(unsigned bytes) {
    std::uint64_t value = 0;
    while (bytes-- != 0) value = value << 8 | get();
    return value;
  }
  std::span<const Byte> bytes_;
};

std::vector<Byte> to_plain(const Histogram& histogram) {
  Writer payload(4096);
  std::size_t next = 0;
  const auto put_empty = [&](std::size_t slots) {
    if (slots == 1) payload.put_number(0);
    if (slots > 1) payload.put_number(-static_cast<std::int64_t>(slots));
  };
  histogram.for_each_slot([&](const Histogram::Slot& slot) {
    put_empty(slot.index - next);
    payload.put_number(static_cast<std::int64_t>(slot.count));
    next = slot.index + 1;
  });
  // No port writes an empty payload; one empty slot is what they write instead.
  if (histogram.empty()) put_empty(1);

  Writer plain(kPlainHeaderBytes + payload.bytes().size());
  plain.put_32(kPlainCookie);
  plain.put_32(static_cast<std::uint32_t>(payload.bytes().size()));
  plain.put_32(0);
  plain.put_32(NETSTALL_HDR_DIGITS);
  plain.put_64(1);
  plain.put_64(Histogram::kHighestTrackable);
  plain.put_64(std::bit_cast<std::uint64_t>(1.0));
  plain.bytes().insert(plain.bytes().end(), payload.bytes().begin(), payload.bytes().end());
  return std::move(plain.bytes());
}

void expect_our_layout(Reader& reader) {
  if (reader.get_32() != NETSTALL_HDR_DIGITS) refuse("it has not 3 significant digits");
  if (reader.get_64() != 1) refuse("its lowest discernible value is not 1");
  const std::uint64_t highest = reader.get_64();
  if (highest < 2 || highest > netstall_hdr_highest_of_index(Histogram::kSlots - 1)) {
    refuse("its highest trackable value is out of range");
  }
  // hdr-histogram-js writes the integer 1 where the others write the double.
  const std::uint64_t ratio = reader.get_64();
  if (ratio != 1 && ratio != std::bit_cast<std::uint64_t>(1.0)) refuse("its values are scaled");
}

}  // namespace

// Counts go where they belong at once, and what follows from all of them is worked out
// at the end: reports hold tens of thousands of histograms.
Histogram Histogram::from_plain(std::span<const unsigned char> plain) {
  Reader reader(plain);
  if (reader.get_32() != kPlainCookie) refuse("it has a wrong cookie");
  const std::uint32_t length = reader.get_32();
  // The normalizing offset: counts are in the order of values whatever it says.
  reader.get_32();
  expect_our_layout(reader);
  if (length != reader.rest().size()) refuse("its payload has another length than it says");

  Histogram histogram;
  std::size_t index = 0;
  std::size_t last = 0;
  while (!reader.rest().empty()) {
    const std::int64_t number = reader.get_number();
    const std::uint64_t left = kSlots - index;
    if (number < 0) {
      // Negated as unsigned: the lowest integer has no positive one.
      const std::uint64_t run = ~static_cast<std::uint64_t>(number) + 1;
      if (run > left) refuse("it has more slots than its range");
      index += static_cast<std::size_t>(run);
    } else {
      if (left == 0) refuse("it has more slots than its range");
      if (number > 0) histogram.put_slot(last = index, static_cast<std::uint64_t>(number));
      ++index;
    }
  }
  if (!histogram.empty()) {
    histogram.max_ =
        std::min<std::uint64_t>(netstall_hdr_highest_of_index(last), kHighestTrackable);
  }
  return histogram;
}

std::string Histogram::encode() const {
  const std::vector<Byte> plain = to_plain(*this);
  std::vector<Byte> deflated(::compressBound(plain.size()));
  uLongf size = deflated.size();
  if (::compress(deflated.data(), &size, plain.data(), plain.size()) != Z_OK) {
    throw Error(ErrorKind::failed, "encode a histogram", "zlib has no memory");
  }
  Writer whole(kDeflatedHeaderBytes + size);
  whole.put_32(kDeflatedCookie);
  whole.put_32(static_cast<std::uint32_t>(size));
  whole.bytes().insert(whole.bytes().end(), deflated.begin(),
                       deflated.begin() + static_cast<std::ptrdiff_t>(size));
  return to_base64(whole.bytes());
}

Histogram Histogram::decode(std::string_view text) {
  if (text.size() > kLongestText) refuse("it is longer than any histogram");
  const std::vector<Byte> whole = from_base64(text);
  Reader reader(whole);
  if (reader.get_32() != kDeflatedCookie) refuse("it has a wrong cookie");
  if (reader.get_32() != reader.rest().size()) refuse("it has another length than it says");

  // Left uninitialised: most histograms fill a few KiB of it.
  const auto plain = std::make_unique_for_overwrite<Byte[]>(kLongestPlain);
  uLongf size = kLongestPlain;
  uLong consumed = reader.rest().size();
  if (::uncompress2(plain.get(), &size, reader.rest().data(), &consumed) != Z_OK) {
    refuse("its zlib stream is broken, or inflates to more than any histogram");
  }
  if (consumed != reader.rest().size()) refuse("something follows its zlib stream");
  return from_plain({plain.get(), size});
}

}  // namespace netstall
