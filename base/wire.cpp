#include "base/wire.hpp"

namespace netstall {

void WireWriter::put_varint(std::uint64_t value) {
  while (value >= 0x80) {
    bytes_.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  bytes_.push_back(static_cast<char>(value));
}

void WireWriter::put_bytes(std::string_view bytes) {
  put_varint(bytes.size());
  bytes_.append(bytes);
}

// The encoded form knows slots alone; exact bounds and what was clamped go beside it.
void WireWriter::put(const Histogram& histogram) {
  put_varint(histogram.count());
  if (histogram.empty()) return;
  put_bytes(histogram.encode());
  (*this)(*histogram.min(), *histogram.max(), histogram.saturated());
}

void WireReader::get(Histogram& histogram) {
  histogram = Histogram();
  const auto count = get_varint();
  if (count == 0) return;
  histogram = Histogram::decode(get_bytes());
  if (histogram.count() != count) fail("a histogram holds another number of values");
  std::uint64_t min = 0;
  std::uint64_t max = 0;
  std::uint64_t saturated = 0;
  (*this)(min, max, saturated);
  histogram.restore_bounds(min, max, saturated);
}

std::uint64_t WireReader::get_varint() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (bytes_.empty()) fail("it is truncated");
    const auto byte = static_cast<unsigned char>(bytes_.front());
    bytes_.remove_prefix(1);
    if (shift == 63 && byte > 1) break;
    value |= std::uint64_t{byte & 0x7fU} << shift;
    if (byte < 0x80) return value;
  }
  fail("a number is too long");
}

std::size_t WireReader::get_length() {
  const auto length = get_varint();
  if (length > bytes_.size()) fail("a length is beyond its end");
  return static_cast<std::size_t>(length);
}

std::string_view WireReader::get_bytes() {
  const auto length = get_length();
  const auto bytes = bytes_.substr(0, length);
  bytes_.remove_prefix(length);
  return bytes;
}

void WireReader::expect_end() const {
  if (!bytes_.empty()) fail("there is more of it than expected");
}

void WireReader::fail(std::string_view cause) {
  throw Error(ErrorKind::failed, "read a message", cause);
}

}  // namespace netstall
