#include "bpf/libbpf_messages.hpp"

#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <array>
#include <cstdarg>
#include <cstdio>
#include <string_view>

#include "base/error.hpp"
#include "base/file.hpp"

namespace netstall {
namespace {

// libbpf's callback has no argument of its own: the thread's collector is the only
// way to tell whose load it speaks of.
LibbpfMessages*& collector() {
  thread_local LibbpfMessages* current = nullptr;
  return current;
}

// Lines that say that something failed, and not why.
bool says_nothing(std::string_view line) {
  constexpr std::array<std::string_view, 6> kEmpty{
      "failed to load object",  "failed to load BPF skeleton", "permission error while running",
      "-- BEGIN PROG LOAD LOG", "-- END PROG LOAD LOG",        "processed "};
  for (const auto text : kEmpty) {
    if (line.find(text) != std::string_view::npos) return true;
  }
  return line.empty();
}

}  // namespace

struct LibbpfPrinter {
  static int print(libbpf_print_level level, const char* format, va_list arguments) {
    auto* const into = collector();
    if (into == nullptr || level == LIBBPF_DEBUG) return 0;
    va_list again;
    va_copy(again, arguments);
    const int length = std::vsnprintf(nullptr, 0, format, again);
    va_end(again);
    if (length <= 0) return 0;
    std::string text(static_cast<std::size_t>(length), '\0');
    std::vsnprintf(text.data(), text.size() + 1, format, arguments);
    for (std::size_t begin = 0; begin < text.size();) {
      const auto end = std::min(text.find('\n', begin), text.size());
      into->lines_.emplace_back(trimmed(std::string_view(text).substr(begin, end - begin)));
      begin = end + 1;
    }
    return 0;
  }
};

LibbpfMessages::LibbpfMessages() {
  collector() = this;
  libbpf_set_print(&LibbpfPrinter::print);
}

LibbpfMessages::~LibbpfMessages() {
  collector() = nullptr;
}

std::string LibbpfMessages::reason(int error_number) const {
  std::string_view first;
  std::string_view verifier;
  bool in_log = false;
  for (const auto& line : lines_) {
    if (line.find("-- BEGIN PROG LOAD LOG") != std::string::npos) in_log = true;
    if (line.find("-- END PROG LOAD LOG") != std::string::npos) in_log = false;
    if (says_nothing(line)) continue;
    if (in_log) {
      verifier = line;
    } else if (first.empty()) {
      first = line;
    }
  }
  auto text = fmt::format("{} ({})", errno_text(error_number), errno_name(error_number));
  for (auto line : {first, verifier}) {
    if (line.starts_with("libbpf: ")) line.remove_prefix(8);
    if (!line.empty()) text += fmt::format("; {}", line);
  }
  return text;
}

}  // namespace netstall
