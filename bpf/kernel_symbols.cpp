#include "bpf/kernel_symbols.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <string_view>

#include "base/file.hpp"

namespace netstall {
namespace {

// "ffffffff81000000 T _stext", with a module's or BPF's name in brackets at the end.
constexpr std::string_view kFunctionTypes = "tTwW";

}  // namespace

KernelSymbols::KernelSymbols(const std::filesystem::path& file) {
  if (auto text = try_read_file(file)) text_ = std::move(*text);
  std::size_t at = 0;
  while (at < text_.size()) {
    const auto end = std::min(text_.find('\n', at), text_.size());
    const std::string_view line(text_.data() + at, end - at);
    const auto space = line.find(' ');
    if (space != std::string_view::npos && line.size() > space + 3 &&
        kFunctionTypes.find(line[space + 1]) != std::string_view::npos) {
      std::uint64_t address = 0;
      std::from_chars(line.data(), line.data() + space, address, 16);
      if (address != 0)
        functions_.emplace_back(address, static_cast<std::uint32_t>(at + space + 3));
    }
    at = end + 1;
  }
  std::stable_sort(functions_.begin(), functions_.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
}

std::optional<std::string> KernelSymbols::name_of(std::uint64_t address) const {
  const auto after = std::upper_bound(
      functions_.begin(), functions_.end(), address,
      [](std::uint64_t wanted, const auto& function) { return wanted < function.first; });
  if (after == functions_.begin()) return std::nullopt;
  const std::string_view rest = std::string_view(text_).substr(std::prev(after)->second);
  return std::string(rest.substr(0, rest.find_first_of(" \t\n")));
}

std::vector<std::string> without_tracing(std::vector<std::string> frames) {
  constexpr std::array<std::string_view, 9> kTracing{
      "bpf_",   "__bpf_", "__traceiter_",    "trace_call_bpf",    "perf_trace_",
      "kprobe", "ftrace", "opt_pre_handler", "optimized_callback"};
  const auto is_tracing = [&](const std::string& frame) {
    return std::any_of(kTracing.begin(), kTracing.end(),
                       [&](std::string_view prefix) { return frame.starts_with(prefix); });
  };
  frames.erase(frames.begin(), std::find_if_not(frames.begin(), frames.end(), is_tracing));
  return frames;
}

}  // namespace netstall
