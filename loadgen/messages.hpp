// What controller and worker say to each other: plain data, in the frames of
// base/frame.hpp, on a stream that is not TCP. The controller speaks first; the
// life of a worker is hello → configure → ready → (connect) → connected → go →
// sample… → result → close → closed, and it leaves at once when the stream ends.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/histogram.hpp"
#include "base/units.hpp"
#include "base/wire.hpp"
#include "model/names.hpp"
#include "model/plan.hpp"
#include "model/scenario.hpp"

namespace netstall {

// Of these messages; a worker that hears another version answers `failed`.
constexpr std::uint32_t kWorkerProtocol = 7;

// The type of a frame. (c): sent by the controller, (w): by the worker.
enum class MessageType : std::uint8_t {
  hello,        // (c) Hello, then (w) Hello
  configure,    // (c) Configure
  ready,        // (w) no payload; a server listens, a client is configured
  clock_probe,  // (c) ClockProbe, at any time after hello
  clock_reply,  // (w) ClockReply, at once
  connect,      // (c) no payload; to clients alone, when all servers are ready
  settle,       // (c) Settle; to servers, when all clients are connected
  connected,    // (w) Connected; a client's ramp is over, a server has what it expects
  go,           // (c) Go
  sample,       // (w) Sample
  result,       // (w) Result, after window_to; traffic goes on
  close,        // (c) no payload; at any time after configure
  closed,       // (w) no payload; no socket and no thread is left, the worker exits with 0
  failed        // (w) Failed; the worker exits with 1
};

struct Hello {
  std::uint32_t protocol = kWorkerProtocol;
  std::int64_t pid = 0;
  template <class V>
  void fields(V& v) {
    v(protocol, pid);
  }
};

// The connections of one flow group on one port. Rates and sizes are of a connection.
struct FlowTask {
  std::uint32_t flow = 0;  // the controller's number for the flow group
  std::string name;
  // The server's; tells it which task an accepted connection is of. Of UDP the first of
  // `connections` ports: connection i has port + i at both ends.
  std::uint16_t port = 0;
  // Address of the other end, of `family`: a client connects to it, of UDP a server does, too.
  std::string peer;
  std::uint32_t connections = 0;
  Side sender = Side::client;
  Pattern pattern = Pattern::stream;
  Io io = Io::nonblocking;
  Family family = Family::ipv4;
  PayloadSpec payload;
  std::optional<PaceSpec> pace;  // absent: as fast as the socket takes it
  PayloadSpec response;          // of request-response and connect
  std::uint32_t pipeline = 1;    // of request-response, as the next one
  Nanoseconds think{0};
  MulticastSpec multicast;
  Side closes = Side::server;  // of connect: who closes first
  bool acknowledge = false;    // of stream: the reading program does, each message
  ReaderSpec reader;           // times since traffic_from; chunk absent: kReadBytes
  SocketSpec socket;
  std::uint32_t first = 0;          // number of its first connection in the flow group
  std::uint64_t exchange_seed = 1;  // of sizes that both ends must know
  template <class V>
  void fields(V& v) {
    v(flow, name, port, peer, connections, sender, pattern, io, family, payload, pace, response,
      pipeline, think, multicast, closes, acknowledge, reader, socket, first, exchange_seed);
  }
};

// What a recv() asks for where the scenario names no chunk.
constexpr std::uint64_t kReadBytes = 65536;

// The part of a flow group that is a share's connections. `exchange_seed` is the same
// for all workers; who the peer is the caller says.
FlowTask task_of(const FlowGroup& group, const Share& share, std::uint64_t exchange_seed);

// Whether data leaves this side of a task's connections, and whether it arrives there;
// idle ones could do both.
bool sends(const FlowTask& task, Side side);
bool reads(const FlowTask& task, Side side);

struct Configure {
  Side side = Side::client;
  std::string local_v4;  // a server listens on them; a client does not bind
  std::string local_v6;
  std::vector<FlowTask> tasks;  // ports differ on a server
  Nanoseconds ramp{0};          // a client's connects are spread evenly over it
  // Beyond the ramp, which begins with `connect` (client) or `ready` (server); a
  // server's begins anew with `settle`. What is not established by then is counted
  // as ETIMEDOUT (client) or missing (server).
  Nanoseconds connect_deadline = std::chrono::seconds(30);
  std::uint64_t seed = 1;  // of sizes and due times; one per worker
  // Sockets of which the kernel is asked at each edge of the window, and as many at each sample.
  std::uint32_t survey_budget = 0;
  // Readers that are not limited try once more when they have taken all that there was: for the
  // probe reader_waits, to which that is how a wait begins.
  bool readers_try_in_vain = false;
  template <class V>
  void fields(V& v) {
    v(side, local_v4, local_v6, tasks, ramp, connect_deadline, seed, survey_budget,
      readers_try_in_vain);
  }
};

// Offset of the clocks: worker_ns - (send time + receive time) / 2, of the probe
// with the shortest round trip.
struct ClockProbe {
  std::int64_t controller_ns = 0;
  template <class V>
  void fields(V& v) {
    v(controller_ns);
  }
};

struct ClockReply {
  std::int64_t controller_ns = 0;  // as in the probe
  std::int64_t worker_ns = 0;      // CLOCK_MONOTONIC of the worker's machine
  template <class V>
  void fields(V& v) {
    v(controller_ns, worker_ns);
  }
};

// Tells a server how many connections its clients have established, so that it
// waits for no more; it answers `connected` when it has accepted as many.
struct Settle {
  std::vector<std::uint32_t> connections;  // as Configure::tasks
  template <class V>
  void fields(V& v) {
    v(connections);
  }
};

struct ConnectedTask {
  std::uint32_t flow = 0;
  std::uint32_t established = 0;
  std::map<std::string, std::uint64_t> failed;  // errno name → count
  std::optional<Histogram> connect;             // ns from connect() to established; of a client
  // getsockopt of the task's first connection when it was established, bytes.
  std::optional<std::uint64_t> sndbuf;
  std::optional<std::uint64_t> rcvbuf;
  std::map<std::string, std::string> options;  // likewise, as endpoint.hpp gives them
  template <class V>
  void fields(V& v) {
    v(flow, established, failed, connect, sndbuf, rcvbuf, options);
  }
};

struct Connected {
  std::vector<ConnectedTask> tasks;  // as Configure::tasks
  template <class V>
  void fields(V& v) {
    v(tasks);
  }
};

constexpr Nanoseconds kMostDrain = std::chrono::seconds(10);

// Absolute times of the worker's CLOCK_MONOTONIC: traffic_from ≤ window_from < window_to.
// A time that has passed already counts as now.
struct Go {
  std::int64_t traffic_from_ns = 0;
  std::int64_t window_from_ns = 0;
  std::int64_t window_to_ns = 0;
  Nanoseconds sample_every = std::chrono::milliseconds(100);
  // How long after window_to a worker of datagrams gives its result; where one of the window
  // came since, so long after the last, within kMostDrain. Until then what was sent in the
  // window is on its way, not lost.
  Nanoseconds drain{0};
  template <class V>
  void fields(V& v) {
    v(traffic_from_ns, window_from_ns, window_to_ns, sample_every, drain);
  }
};

struct SampleTask {
  std::uint32_t flow = 0;
  std::uint64_t bytes_read = 0;       // since the sample before, or the window's start
  std::uint64_t blocked_senders = 0;  // in a stall at this moment
  template <class V>
  void fields(V& v) {
    v(flow, bytes_read, blocked_senders);
  }
};

// Number `index` is due at window_from + index · sample_every: 1, 2, … up to the
// window's end, which has one always.
struct Sample {
  std::uint32_t index = 0;
  std::int64_t t_ns = 0;  // when it was taken, worker's clock
  std::vector<SampleTask> tasks;
  template <class V>
  void fields(V& v) {
    v(index, t_ns, tasks);
  }
};

// Stalls by the program's own clock, clipped to the window. loadgen/own_clock.hpp
// says how they are known.
struct OwnStalls {
  std::uint64_t count = 0;
  std::uint64_t waits = 0;    // that overlap the window, as far as a thread can tell
  std::uint64_t time_ns = 0;  // sum of the clipped durations
  Histogram duration;         // of each stall's part in the window, ns
  std::uint64_t open_at_start = 0;
  std::uint64_t open_at_end = 0;
  // Involuntary switches within blocking stalls: time_ns holds their time off the
  // CPU as well, which is no waiting for the socket.
  std::uint64_t preemptions = 0;
  // By how many another clock may count otherwise, for what began or ended just at
  // an edge of the window: stalls, waits, and stalls open at an edge.
  std::uint64_t unsure_stalls = 0;
  std::uint64_t unsure_waits = 0;
  std::uint64_t unsure_open = 0;
  template <class V>
  void fields(V& v) {
    v(count, waits, time_ns, duration, open_at_start, open_at_end, preemptions, unsure_stalls,
      unsure_waits, unsure_open);
  }
};

// send() calls with MSG_ZEROCOPY: those that took bytes; those refused with ENOBUFS, whose
// bytes were copied instead; those whose completion was read, and those of them that the
// kernel had copied after all.
struct ZerocopyCounts {
  std::uint64_t sends = 0;
  std::uint64_t refused = 0;
  std::uint64_t completed = 0;
  std::uint64_t copied = 0;
  template <class V>
  void fields(V& v) {
    v(sends, refused, completed, copied);
  }
};

// Of the end that sends. What counts: messages whose last byte the kernel took (of
// request-response and connect: whose response was read whole, and which are acked),
// connections that were established, and send() calls that returned, within [window_from,
// window_to).
struct SentResult {
  std::uint64_t messages = 0;
  std::optional<std::uint64_t> backlog;  // paced: due before window_to, by then not accepted
                                         // whole; requests: not answered
  // Of the reactor's streams: send() calls that were refused after the socket had been said
  // to take more.
  std::optional<std::uint64_t> vain_sends;
  std::optional<ZerocopyCounts> zerocopy;  // of a task that asks for it
  // ns of each send() call that took bytes, whole; absent where there are none (io_uring).
  std::optional<Histogram> send_call;
  Histogram send_latency;  // ns from due (unpaced: from its first send()) to accepted
  // Of requests: ns from due to the response read; of messages that are acknowledged, to
  // the acknowledgement read, and of the same ones to the peer's kernel's.
  std::optional<Histogram> acked;
  std::optional<Histogram> kernel_acked;
  std::optional<Histogram> connect;  // of connect: ns from connect() to established
  OwnStalls own_clock;
  template <class V>
  void fields(V& v) {
    v(messages, backlog, vain_sends, zerocopy, send_call, send_latency, acked, kernel_acked,
      connect, own_clock);
  }
};

// Of datagrams, each of which counts for when its send() began: an end that sends says
// what was sent, one that reads what came of it. Of requests the asking end says both.
struct DatagramResult {
  std::uint64_t sent = 0;             // within the window, and taken by the kernel
  std::uint64_t received = 0;         // of the window's: read by the result; requests: answered
  std::uint64_t unread = 0;           // of the window's: in the reader's socket at the result
  std::uint64_t reordered = 0;        // of those received: after one that was sent later
  std::uint64_t duplicated = 0;       // came once more, and count once
  std::uint64_t delivered = 0;        // read within the window, whenever sent
  std::optional<Histogram> delivery;  // of those: ns from due to read
  // Of each multicast group: `sent`; at an end that reads, how many memberships it has.
  std::vector<std::uint64_t> of_group;
  template <class V>
  void fields(V& v) {
    v(sent, received, unread, reordered, duplicated, delivered, delivery, of_group);
  }
};

// What the kernel said of some of the sockets, all of one end (loadgen/socket_survey.hpp).
struct SurveyResult {
  std::uint64_t connections = 0;  // that were asked at both edges of the window
  std::uint64_t elapsed_ns = 0;   // between, the sum over them; likewise the others
  std::uint64_t busy_ns = 0;
  std::uint64_t rwnd_limited_ns = 0;
  std::uint64_t sndbuf_limited_ns = 0;
  Histogram queue;  // bytes of memory in the send queue (an end that reads alone: receive queue)
  template <class V>
  void fields(V& v) {
    v(connections, elapsed_ns, busy_ns, rwnd_limited_ns, sndbuf_limited_ns, queue);
  }
};

struct ResultTask {
  std::uint32_t flow = 0;
  std::uint32_t alive = 0;                  // connections without an error by window_to
  std::optional<SentResult> sent;           // where this worker sends
  std::optional<std::uint64_t> bytes_read;  // where it reads; within the window
  // Where it reads a stream, of messages whose last byte was read in the window: ns from
  // due (unpaced: from its first send()) until then. Both ends' traffic_from are taken to
  // be one moment.
  std::optional<Histogram> delivery;
  std::map<std::string, std::uint64_t> errors;  // errno name → count, since traffic_from
  Histogram sndbuf;                             // getsockopt after window_to, bytes
  Histogram rcvbuf;
  std::map<std::string, std::string> options;  // of the first connection without an error
  std::optional<DatagramResult> datagrams;     // of UDP
  std::optional<SurveyResult> survey;          // of lasting TCP connections
  template <class V>
  void fields(V& v) {
    v(flow, alive, sent, bytes_read, delivery, errors, sndbuf, rcvbuf, options, datagrams, survey);
  }
};

struct Result {
  std::vector<ResultTask> tasks;  // as Configure::tasks
  // How the own clock decided that a blocking send() waited: "rseq" (exact) or
  // "time" (a send() shorter than floor_ns is taken not to have waited); empty
  // where nothing here sends so.
  std::string gate;
  std::uint64_t floor_ns = 0;
  template <class V>
  void fields(V& v) {
    v(tasks, gate, floor_ns);
  }
};

struct Failed {
  std::string phase;  // of the worker's life, as "configure"
  std::string text;   // "listen on 10.0.0.1 port 5001: Address already in use"
  template <class V>
  void fields(V& v) {
    v(phase, text);
  }
};

}  // namespace netstall
