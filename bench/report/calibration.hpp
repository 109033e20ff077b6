// Noise floors for people, and as the file that later comparisons take.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bench/verdict/calibrate.hpp"

namespace netstall {

constexpr std::string_view kNoiseSchema = "netstall/noise/1";

// What `calibrate` found, and where.
struct Calibration {
  std::string scenario;
  std::string scenario_hash;
  std::uint32_t blocks = 0;
  std::uint64_t seed = 0;
  Environment environment;
  std::vector<NoiseFloor> floors;
};

// At most 80 columns: the gating metrics' floors, then those of the others; and
// whether A against A gave a false alarm.
std::string calibration_text(const Calibration& calibration, const Comparison& a_against_a);

// As results/noise.schema.json says.
std::string calibration_json(const Calibration& calibration);

// Throws Error (usage): another schema, no JSON, a wrong value, an unknown metric.
Calibration calibration_from_json(std::string_view text);

}  // namespace netstall
