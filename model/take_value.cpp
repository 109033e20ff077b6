#include "model/take_value.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

namespace netstall {
namespace {

using nlohmann::json;

// Any JSON number that is a whole one, as 16384 or 1e3.
std::optional<std::uint64_t> whole(const json& value) {
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  if (value.is_number_float()) {
    const auto number = value.get<double>();
    if (number >= 0 && number < 9e15 && number == std::floor(number)) {
      return static_cast<std::uint64_t>(number);
    }
  }
  return std::nullopt;
}

}  // namespace

std::string_view text_of(const json& value) {
  return value.is_string() ? std::string_view(value.get_ref<const std::string&>())
                           : std::string_view();
}

bool take(const json& value, bool& out, const Flag&) {
  if (!value.is_boolean()) return false;
  out = value.get<bool>();
  return true;
}

bool take(const json& value, std::uint32_t& out, const Whole& what) {
  const auto number = whole(value);
  if (!number || *number < what.min || *number > what.max) return false;
  out = static_cast<std::uint32_t>(*number);
  return true;
}

bool take(const json& value, Bytes& out, const Size& what) {
  auto count = whole(value);
  if (value.is_string()) {
    if (const auto parsed = parse_bytes(text_of(value))) count = (*parsed).count;
  }
  if (!count || *count < what.min || *count > what.max) return false;
  out = Bytes{*count};
  return true;
}

bool take(const json& value, double& out, const Number& what) {
  if (!value.is_number()) return false;
  const auto number = value.get<double>();
  if (!(number >= what.min && number <= what.max)) return false;
  out = number;
  return true;
}

bool take(const json& value, std::vector<Bytes>& out, const SizeList& what) {
  if (!value.is_array() || value.empty() || value.size() > what.most) return false;
  out.clear();
  out.reserve(value.size());
  return std::all_of(value.begin(), value.end(), [&](const json& size) {
    return take(size, out.emplace_back(), Size{what.min, what.max});
  });
}

bool take(const json& value, Nanoseconds& out, const Duration& what) {
  const auto parsed = parse_duration(text_of(value));
  if (!parsed || *parsed < what.min || *parsed > what.max) return false;
  out = *parsed;
  return true;
}

bool take(const json& value, double& out, const ByteRate&) {
  const auto parsed = parse_rate(text_of(value));
  if (!parsed || (*parsed).of != Rate::Of::bytes) return false;
  if ((*parsed).per_second < ByteRate::kMin || (*parsed).per_second > ByteRate::kMax) return false;
  out = (*parsed).per_second;
  return true;
}

bool take(const json& value, Rate& out, const MessageRate&) {
  const auto parsed = parse_rate(text_of(value));
  if (!parsed || (*parsed).per_second <= 0) return false;
  out = *parsed;
  return true;
}

bool take(const json& value, BoundDraft& out, const Bound&) {
  const auto text = text_of(value);
  if (value.is_number()) {
    out = {value.get<double>(), Quantity::number};
  } else if (const auto duration = parse_duration(text)) {
    out = {static_cast<double>((*duration).count()), Quantity::duration};
  } else if (const auto bytes = parse_bytes(text)) {
    const bool bare = text.find_first_not_of("0123456789.") == std::string_view::npos;
    out = {static_cast<double>((*bytes).count), bare ? Quantity::number : Quantity::bytes};
  } else if (const auto rate = parse_rate(text)) {
    const bool of_bytes = (*rate).of == Rate::Of::bytes;
    out = {(*rate).per_second, of_bytes ? Quantity::byte_rate : Quantity::rate};
  } else {
    return false;
  }
  return out.value >= 0;
}

bool take(const json& value, std::string& out, const NameText&) {
  if (!NameText::accepts(text_of(value))) return false;
  out = text_of(value);
  return true;
}

bool take(const json& value, std::string& out, const AnyText&) {
  if (!value.is_string()) return false;
  out = text_of(value);
  return true;
}

bool take(const json& value, std::string& out, const PathText&) {
  if (text_of(value).empty()) return false;
  out = text_of(value);
  return true;
}

bool take(const json& value, std::string& out, const QdiscText&) {
  if (!QdiscText::accepts(text_of(value))) return false;
  out = text_of(value);
  return true;
}

bool take(const json& value, std::string& out, const CpuListText&) {
  if (!CpuListText::accepts(text_of(value))) return false;
  out = text_of(value);
  return true;
}

bool take(const json& value, std::string& out, const DeviceText&) {
  if (!DeviceText::accepts(text_of(value))) return false;
  out = text_of(value);
  return true;
}

bool take(const json& value, double& out, const Percentage&) {
  const auto text = text_of(value);
  if (!text.ends_with('%')) return false;
  const auto* last = text.data() + text.size() - 1;
  double percent = 0;
  const auto [end, error] = std::from_chars(text.data(), last, percent, std::chars_format::fixed);
  if (error != std::errc{} || end != last || !(percent >= 0 && percent <= 100)) return false;
  out = percent / 100;
  return true;
}

bool take(const json& value, bool& out, const Sweep&) {
  out = value.is_object();
  return out;
}

bool take(const json& value, bool& out, const Exclusions&) {
  out = value.is_array();
  return out;
}

}  // namespace netstall
