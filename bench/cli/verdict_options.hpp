// The options that commands which come to a verdict share, and how they give it.
#pragma once

#include <string>
#include <vector>

#include "bench/cli/exit_status.hpp"
#include "bench/verdict/compare.hpp"

namespace CLI {
class App;
}

namespace netstall {

enum class ComparisonFormat : std::uint8_t { text, json, markdown, junit, annotations };
template <>
struct Names<ComparisonFormat> {
  static constexpr std::array<std::string_view, 5> list{"text", "json", "markdown", "junit",
                                                        "annotations"};
};

struct VerdictOptions {
  ComparisonFormat format = ComparisonFormat::text;
  std::string output;                // a file; empty or "-": stdout
  std::vector<std::string> write;    // FORMAT=FILE, beside that
  std::vector<std::string> metrics;  // gating ones; empty: the catalogue's
  std::string noise;                 // a file of `calibrate`: the smallest changes of this machine
  bool strict = false;
  bool all = false;
};

void add_verdict_options(CLI::App& command, VerdictOptions& options);

// Throws Error (usage) for what is wrong with them: before anything is run or read.
void require_sound(const VerdictOptions& options);

// `how`, with the smallest changes of --noise. Throws Error (usage) for a bad file, or
// one of another machine than `environment`, unless that is allowed.
CompareOptions with_noise(CompareOptions how, const VerdictOptions& options,
                          const Environment& environment);

// Writes it where the options say; the status of its outcome.
ExitStatus deliver(const Comparison& comparison, const VerdictOptions& options);

// Throws Error (usage) where no file can be made there; "" and "-" are stdout.
void require_output_place(const std::string& file);

// Writes to a file, whole or not at all; or to stdout, a device or a pipe.
void write_output(const std::string& file, std::string_view text);

}  // namespace netstall
