// Names of the kernel's functions by their addresses.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace netstall {

// From /proc/kallsyms, read once. Empty where the kernel hides its addresses
// (kernel.kptr_restrict) or has no symbols.
class KernelSymbols {
 public:
  explicit KernelSymbols(const std::filesystem::path& file = "/proc/kallsyms");

  bool empty() const noexcept { return functions_.empty(); }
  // The function that holds this address; nothing where none is known.
  std::optional<std::string> name_of(std::uint64_t address) const;

 private:
  std::string text_;
  // Address and where its name stands in the text, by address.
  std::vector<std::pair<std::uint64_t, std::uint32_t>> functions_;
};

// A stack without what is only there because it was looked at: the BPF program's own
// frames and those of the tracing that called it.
std::vector<std::string> without_tracing(std::vector<std::string> frames);

}  // namespace netstall
