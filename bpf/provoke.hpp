// What the kernel tier of this room provokes stalls with: a namespace with its
// loopback up, TCP connections in it, senders that measure themselves, readers as
// slow as a test wants, and the probe by a backend of the test's choice.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/fd.hpp"
#include "base/netns.hpp"
#include "bpf/send_wait.hpp"

namespace netstall {

// A new namespace with its loopback up.
Netns make_loopback();

constexpr std::uint16_t kTestPort = 5001;

class TcpMemoryLimit;

struct ConnectionOptions {
  std::uint16_t port = kTestPort;
  int sndbuf = 0;  // SO_SNDBUF of both ends, bytes; 0: the kernel's
  int rcvbuf = 0;
  bool ipv6 = false;
  const TcpMemoryLimit* limit = nullptr;         // of the client's end
  const TcpMemoryLimit* server_limit = nullptr;  // of the server's end
};

struct Connection {
  Fd client;
  Fd server;
};

// Connections to one port within a namespace.
std::vector<Connection> connect_within(const Netns& netns, std::size_t count,
                                       const ConnectionOptions& options);

// Waits for a condition; false if it has not come true by then.
bool eventually(const std::function<bool()>& condition,
                Nanoseconds within = std::chrono::seconds(20));

// Waits for a condition under which nothing moves in these senders' queues for
// 300 ms: the last acknowledgement of what fits into a reader's buffer may come
// 200 ms late, and lets a blocked sender go on once. False if it never comes.
bool settles(const std::vector<int>& fds, const std::function<bool()>& condition);

// How often the calling thread has slept so far.
std::uint64_t voluntary_switches();

// This machine is QEMU's software emulation.
bool emulated();

// None: but an emulated CPU takes so long for a program that an interrupt finds it at
// work now and then, and the kernel does not run it twice.
void expect_none_lost(std::uint64_t lost_events);

// What senders know of their own stalls. Blocking: from the thread's voluntary
// context switches within a send(); non-blocking: from EAGAIN to progress.
struct OwnClock {
  std::uint64_t sends = 0;
  std::uint64_t stalls = 0;  // send() calls in which it slept
  std::uint64_t waits = 0;   // how often it slept in them
  // Of the stalls. Blocking: wall time of the whole send(), the part of it off the
  // CPU, and what of that the thread queued for one. Non-blocking: wall time from
  // EAGAIN to progress; queued_ns is of all the time.
  std::uint64_t wall_ns = 0;
  std::uint64_t off_cpu_ns = 0;
  std::uint64_t queued_ns = 0;
  // Non-blocking: of wall_ns, stalls in which the sender was told over and over, at
  // least 32 times and once a millisecond, that it could write, and could not.
  std::uint64_t spun_ns = 0;
  // Non-blocking, and none of the stalls: room came between a send() that took a part
  // and the next.
  std::uint64_t short_sends = 0;
  OwnClock& operator+=(const OwnClock& other);
};

// What a sender does now, for an onlooker.
struct SenderState {
  std::atomic<bool> stalled{false};  // in a send() (blocking), between EAGAIN and progress
  std::atomic<pid_t> tid{0};         // of a blocking sender's thread
};

// Sends messages on blocking sockets as fast as they take them, a thread for each.
// `states`, if any, are kept up to date, one for each descriptor.
OwnClock send_blocking(const std::vector<int>& fds, std::size_t bytes, std::size_t messages,
                       std::span<SenderState> states = {});

// How a sender that does not block learns that it can write, after EAGAIN.
enum class Readiness : std::uint8_t { level, edge };

// The same on sockets that it makes non-blocking, on the calling thread.
OwnClock send_nonblocking(const std::vector<int>& fds, std::size_t bytes, std::size_t messages,
                          Readiness readiness = Readiness::level,
                          std::span<SenderState> states = {});

std::vector<int> client_ends(const std::vector<Connection>& connections);
std::vector<int> server_ends(const std::vector<Connection>& connections);

// To force in turn.
std::vector<SendWaitBackend> all_backends();

// One flow group, sent by clients to kTestPort, by a given backend alone.
SendWaitOptions probe_options(SendWaitBackend backend, const Netns& netns, std::uint32_t blocking,
                              std::uint32_t nonblocking = 0);

// Reads all connections in turn, `chunk` bytes each and then `pause`, until their
// end or stop(). A thread of its own.
class Readers {
 public:
  Readers(std::vector<int> fds, std::size_t chunk, Nanoseconds pause);
  Readers(const Readers&) = delete;
  Readers& operator=(const Readers&) = delete;
  ~Readers();

 private:
  void run(std::vector<int> fds, std::size_t chunk, Nanoseconds pause);
  std::atomic<bool> stopped_{false};
  std::thread thread_;
};

// A limit on TCP memory that 16 senders with nobody to read overrun: a child
// cgroup (v1), else, on a machine that is the test's own (a guest), net.ipv4.tcp_mem.
class TcpMemoryLimit {
 public:
  // Nothing where the machine has no cgroup v1 with kmem.tcp, and the environment
  // does not say NETSTALL_TEST_OWNS_MACHINE.
  static std::unique_ptr<TcpMemoryLimit> make();
  // One that hits those of its `enter()` alone: a cgroup too, else a tcp_mem of which each of
  // some 200 sockets may have four pages. Those that it is to spare need a tcp_wmem[0] or
  // tcp_rmem[0] as large as all that they want.
  static std::unique_ptr<TcpMemoryLimit> make_for_one_side();
  TcpMemoryLimit(const TcpMemoryLimit&) = delete;
  TcpMemoryLimit& operator=(const TcpMemoryLimit&) = delete;
  // The sockets must be closed.
  virtual ~TcpMemoryLimit() = default;

  // Around the making of a socket that is to be limited: it is charged to the
  // cgroup of the thread that makes it.
  virtual void enter() const {}
  virtual void leave() const {}

  // Holds from the making on; may be lifted and set again. Throws Error.
  virtual void set(bool limited) = 0;
  // Whose it is: the machine's, or the cgroup's.
  virtual SubCause sub_cause() const = 0;

 protected:
  TcpMemoryLimit() = default;
};

}  // namespace netstall
