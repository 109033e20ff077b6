// An onlooker that tells why senders are stalled, to hold the probe against. It shares
// nothing with it: it asks both ends of each connection for their state, many times a
// second (TCP_INFO, SO_MEMINFO, /proc/N/stack), and judges a wait when it is over
// by all that it saw of it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "bpf/provoke.hpp"

struct tcp_info;

namespace netstall {

// What a wait looks like from outside.
enum class Look : std::uint8_t {
  throttled,  // the thread slept in the cgroup's memory.high
  room,       // never as much as two thirds of a send buffer were queued, and a charge can fail:
              // a buffer that the kernel sizes is cut instead, down to 4608 bytes
  late,       // never a whole one, and not room: it may have been full at first
  missing,    // for half of the time, the receiver lacked what it had dropped on a lossless link
  cut,        // full, and the buffer was smaller than it had been
  shut,       // full, and the peer's window was too small to go on, for two thirds of the time
  part_shut,  // or for more than a third
  open,       // full, and for two thirds of the time it was not
};

// One wait, or several without a byte accepted between them.
struct OracleWait {
  std::uint64_t position = 0;  // bytes accepted so far
  std::uint64_t time_ns = 0;
  std::uint64_t missing_ns = 0;
  std::uint64_t shut_ns = 0;
  std::uint64_t throttled_ns = 0;
  double fullest = 0;  // highest share of the send buffer
  bool cut = false;
};

class Oracle {
 public:
  struct Sender {
    const Connection* connection;  // the client's end sends
    const SenderState* state;
    bool sized;  // by SO_SNDBUF; else tcp_wmem must leave no size but one to tune to
  };
  // All must outlive it. Looks from now on, on a thread of its own. `stacks`: also at where
  // threads sleep.
  Oracle(const std::vector<Sender>& senders, bool stacks);
  Oracle(const Oracle&) = delete;
  Oracle& operator=(const Oracle&) = delete;
  ~Oracle();

  // Whether what was sent arrives at once, unless the receiver drops it.
  void set_lossless(bool lossless) { lossless_ = lossless; }

  // Of one connection, since the last call.
  struct Seen {
    std::map<Look, std::uint64_t> time_ns;  // stalled, by what it looked like
    // How often the onlooker slept for the sender's socket and then held it: only then can
    // the sender have slept for the onlooker, once each time.
    std::uint64_t held = 0;
  };
  // None of the senders may be stalled.
  std::vector<Seen> take();

 private:
  struct Watched {
    Sender sender;
    std::uint32_t sndbuf = 0;  // the largest so far
    std::int64_t drops = 0;    // of its receiver, but for second copies, when that last had all
    std::optional<OracleWait> wait;
    Seen seen;
  };

  void run();
  static bool is_missing(Watched& watched);
  void look_at(Watched& watched, std::uint64_t time_ns) const;
  static void judge(Watched& watched);
  static tcp_info ask_sender(Watched& watched);

  std::vector<Watched> watched_;
  const bool stacks_;
  std::atomic<bool> lossless_{false};
  std::atomic<bool> stopped_{false};
  std::mutex mutex_;
  std::thread thread_;
};

}  // namespace netstall
