#include "loadgen/reader_schedule.hpp"

#include <algorithm>

#include "loadgen/seeded.hpp"
#include "model/size_distribution.hpp"

namespace netstall {
namespace {

std::uint64_t steady_read(double bytes_per_s) noexcept {
  const double brought = std::min(bytes_per_s / 20, static_cast<double>(kReadBytes));
  return std::max<std::uint64_t>(static_cast<std::uint64_t>(brought), 1);
}

// Spread evenly: of any first n connections it is n · share, rounded.
bool is_in_share(const FlowTask& task, std::uint32_t index) noexcept {
  const auto number = static_cast<double>(task.first + index);
  return std::floor((number + 1) * task.reader.share + 0.5) >
         std::floor(number * task.reader.share + 0.5);
}

}  // namespace

ReaderManner reader_manner(const FlowTask& task, std::uint64_t seed, std::uint32_t index) noexcept {
  const auto& reader = task.reader;
  ReaderManner manner;
  manner.read_bytes = kReadBytes;
  if (!is_in_share(task, index)) return manner;
  manner.limited = reader.bytes_per_s.has_value();
  manner.freezes = true;
  if (manner.limited) {
    manner.bytes_per_s = *reader.bytes_per_s;
    if (reader.rate_sigma > 0) {
      // Not 0, which has no quantile.
      const auto u = unit_of(stream_of(seed, Draw::reader_rate, task.port, index), 0);
      manner.bytes_per_s *= std::exp(reader.rate_sigma * normal_quantile(std::max(u, 0x1.0p-54)));
    }
    manner.read_bytes = steady_read(manner.bytes_per_s);
  }
  if (reader.chunk) manner.read_bytes = std::max<std::uint64_t>(reader.chunk->count, 1);
  return manner;
}

std::vector<ReaderTurn> reader_turns(const ReaderSpec& reader, std::int64_t traffic_from) {
  std::vector<ReaderTurn> turns{{traffic_from, true}};
  for (const auto& [at, lasting] : reader.freeze) {
    turns.push_back({traffic_from + at.count(), false});
    turns.push_back({traffic_from + (at + lasting).count(), true});
  }
  if (!reader.stop_after) return turns;
  const ReaderTurn stop{traffic_from + reader.stop_after->count(), false};
  std::erase_if(turns, [&](const ReaderTurn& turn) { return turn.at >= stop.at && turn.reading; });
  turns.push_back(stop);
  std::stable_sort(turns.begin(), turns.end(), [](const ReaderTurn& left, const ReaderTurn& right) {
    return left.at < right.at;
  });
  // Those that do not stop begin all the same.
  if (turns.front().at != traffic_from || !turns.front().reading) {
    turns.insert(turns.begin(), {traffic_from, true});
  }
  return turns;
}

std::uint64_t read_size(const FlowTask& task) noexcept {
  // A datagram is read whole.
  if (is_udp(task.pattern)) return kReadBytes;
  const auto& reader = task.reader;
  const bool all = reader.share >= 1 && reader.rate_sigma <= 0;
  if (all && reader.chunk) return std::max<std::uint64_t>(reader.chunk->count, 1);
  if (all && reader.bytes_per_s) return steady_read(*reader.bytes_per_s);
  return std::max(kReadBytes, reader.chunk ? reader.chunk->count : 1);
}

}  // namespace netstall
