// A scenario as plain data: the lab, the sysctls, the flows, the timing, and
// what to sweep. What the JSON leaves out has its default here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/units.hpp"
#include "model/names.hpp"

namespace netstall {

// model/probes.hpp has the table of probes.
enum class ProbeId : std::uint8_t;
std::vector<ProbeId> default_probes();

template <class T>
struct PerSide {
  T client{};
  T server{};
  T& operator[](Side side) { return side == Side::client ? client : server; }
  const T& operator[](Side side) const { return side == Side::client ? client : server; }
};

// Sysctl name (dotted, as net.ipv4.tcp_rmem) → value. Ordered: written in this order.
using SysctlMap = std::map<std::string, std::string>;

// Offloads of both ends; the kernel's default when absent.
struct OffloadSpec {
  std::optional<bool> tso;  // the device segments what TCP sends
  std::optional<bool> gso;  // segmentation is put off until the device
  std::optional<bool> gro;  // what arrives is put together
  friend bool operator==(const OffloadSpec&, const OffloadSpec&) = default;
};

struct LinkSpec {
  std::optional<std::uint32_t> mtu;         // bytes; kernel default when absent
  std::optional<std::uint32_t> txqueuelen;  // packets
  // The root qdisc of each end, as tc is given it: "tbf rate 1gbit burst 64kb latency 20ms".
  PerSide<std::optional<std::string>> qdisc;
  // Of both directions, each by the root qdisc of its sending end; not beside one of
  // the scenario's own.
  std::optional<Nanoseconds> delay;   // one way
  std::optional<double> loss;         // share of packets, 0 to 1
  std::optional<double> bytes_per_s;  // rate
  OffloadSpec offload;
};

// CPUs as the kernel lists them, "0-3,8"; absent: model/placement.hpp.
struct PlacementSpec {
  std::optional<std::string> cpus;          // of the side's workers
  std::optional<std::string> softirq_cpus;  // that handle what arrives at its end of the link
};

// Of the client's side, each in a namespace of its own.
constexpr std::uint32_t kMaxClients = 32;

// Of all memory of a side's workers (cgroup v2), user memory and sockets alike.
struct MemoryLimitSpec {
  std::optional<Bytes> max;   // beyond it the kernel ends processes
  std::optional<Bytes> high;  // beyond it they are made to wait
  bool any() const { return max || high; }
};

struct LabSpec {
  // More than one meet the server on a bridge.
  std::uint32_t clients = 1;
  LinkSpec link;
  // Two ports of this machine, cabled to each other, in place of the veth pair.
  std::optional<PerSide<std::string>> devices;
  PerSide<std::optional<Bytes>> tcp_memory_limit;
  PerSide<MemoryLimitSpec> memory_limit;
  PerSide<PlacementSpec> placement;
};

struct SysctlSpec {
  PerSide<SysctlMap> side;  // net.* only; the scenario's own values replace its profile's
  SysctlMap host;           // while the lab stands; needs --allow-host-sysctl
  SysctlMap window;         // host-wide too, within the measured window alone; needs the same
  // Names that may be absent or refused without failing the run: a profile's
  // "-name = value", or the scenario's "optional".
  std::set<std::string> optional;
};

// Sizes of messages in bytes; what lies beyond the bounds of a distribution is never
// drawn, and moves no probability onto them.
struct UniformSizes {
  Bytes min;
  Bytes max;
  template <class V>
  void fields(V& v) {
    v(min, max);
  }
};

// ln(size) is normal: half of the sizes of the whole distribution are below the median.
struct LogNormalSizes {
  Bytes median;
  double sigma = 1;  // of ln(size)
  Bytes min{1};
  Bytes max;
  template <class V>
  void fields(V& v) {
    v(median, sigma, min, max);
  }
};

// P(size > x) falls as x^-shape, from min to max.
struct ParetoSizes {
  Bytes min;
  double shape = 1;
  Bytes max;
  template <class V>
  void fields(V& v) {
    v(min, shape, max);
  }
};

struct WeightedSize {
  Bytes size;
  double weight = 1;
  template <class V>
  void fields(V& v) {
    v(size, weight);
  }
};

// Bytes a message, one send() each where the socket takes it whole: the first of
// these that is there, from the last; else fixed.
struct PayloadSpec {
  Bytes fixed{16384};
  std::optional<UniformSizes> uniform{};
  std::optional<LogNormalSizes> log_normal{};
  std::optional<ParetoSizes> pareto{};
  std::vector<WeightedSize> weighted{};
  std::vector<Bytes> sequence{};  // in this order, over and over; a connection begins anywhere
  template <class V>
  void fields(V& v) {
    v(fixed, uniform, log_normal, pareto, weighted, sequence);
  }
};

// Messages are due within `on`, none within `off`, and so on from when traffic began.
struct PaceBurst {
  Nanoseconds on{0};
  Nanoseconds off{0};
  template <class V>
  void fields(V& v) {
    v(on, off);
  }
};

struct PaceChange {
  Nanoseconds at{0};  // since traffic began
  double messages_per_s = 0;
  template <class V>
  void fields(V& v) {
    v(at, messages_per_s);
  }
};

// Open loop, per connection: when messages are due does not depend on what became
// of those before. Constant: message n at start + n/rate. Poisson: intervals are
// exponential, with the mean 1/rate.
struct PaceSpec {
  double messages_per_s = 0;  // within bursts, where there are
  Arrival arrival = Arrival::constant;
  std::optional<PaceBurst> burst{};
  std::vector<PaceChange> schedule{};  // of the rate; times rise
  // Before a message is due nobody sleeps for so long, but looks at the clock: it goes out
  // on time, and takes a CPU for it.
  Nanoseconds spin{0};
  template <class V>
  void fields(V& v) {
    v(messages_per_s, arrival, burst, schedule, spin);
  }
};

// Times since traffic began: nothing is read from `at` on, for `lasting`.
struct ReaderFreeze {
  Nanoseconds at{0};
  Nanoseconds lasting{0};
  template <class V>
  void fields(V& v) {
    v(at, lasting);
  }
};

// How a reader takes what arrives. All absent: at once, as fast as it can.
struct ReaderSpec {
  ReaderIo io = ReaderIo::epoll;          // of all the group's connections
  std::optional<double> bytes_per_s;      // per connection
  double rate_sigma = 0;                  // rates are log-normal, bytes_per_s their median
  std::optional<Bytes> chunk;             // bytes a recv()
  std::optional<Nanoseconds> stop_after;  // reads no more, for ever, from then on
  std::vector<ReaderFreeze> freeze;       // one after the other
  double share = 1;  // of the group's connections; the others read at once, as fast as they can
  template <class V>
  void fields(V& v) {
    v(io, bytes_per_s, rate_sigma, chunk, stop_after, freeze, share);
  }
};

struct Keepalive {
  Nanoseconds idle{0};  // whole seconds, likewise the interval
  Nanoseconds interval{0};
  std::uint32_t probes = 1;
  template <class V>
  void fields(V& v) {
    v(idle, interval, probes);
  }
};

// Set before connect or listen; of both ends but for the buffers.
struct SocketSpec {
  std::optional<Bytes> sndbuf;  // SO_SNDBUF of an end that sends
  std::optional<Bytes> rcvbuf;  // SO_RCVBUF of an end that reads
  bool force_buffers = false;   // SO_SNDBUFFORCE, SO_RCVBUFFORCE: beyond net.core.[rw]mem_max
  std::optional<bool> nodelay;
  std::optional<Bytes> notsent_lowat;
  std::optional<std::string> congestion_control;
  std::optional<Nanoseconds> user_timeout;  // whole ms
  std::optional<Keepalive> keepalive;
  std::optional<Nanoseconds> busy_poll;  // whole us
  std::optional<std::uint32_t> dscp;
  std::optional<std::uint32_t> priority;
  bool zerocopy = false;              // SO_ZEROCOPY, and MSG_ZEROCOPY of an end that sends
  std::optional<Nanoseconds> linger;  // of connections that end while traffic runs; whole seconds
  template <class V>
  void fields(V& v) {
    v(sndbuf, rcvbuf, force_buffers, nodelay, notsent_lowat, congestion_control, user_timeout,
      keepalive, busy_poll, dscp, priority, zerocopy, linger);
  }
};

// Whether it takes CAP_NET_ADMIN to set them.
inline bool needs_net_admin(const SocketSpec& socket) {
  return socket.force_buffers || socket.busy_poll;
}

// Membership i of a flow group (its connections) is of multicast group i mod `groups`, and
// one of those of socket i / `per_socket`.
struct MulticastSpec {
  std::uint32_t groups = 1;
  std::uint32_t per_socket = 1;
  template <class V>
  void fields(V& v) {
    v(groups, per_socket);
  }
};

struct FlowGroup {
  std::string name;
  std::uint32_t connections = 1;
  Side sender = Side::client;  // of requests
  Pattern pattern = Pattern::stream;
  Io io = Io::nonblocking;
  Family family = Family::ipv4;
  PayloadSpec payload;           // of messages; of requests
  std::optional<PaceSpec> pace;  // absent: as fast as the socket takes it
  PayloadSpec response;          // of request-response and connect: sizes of the responses
  // Of request-response: requests under way on a connection at most, and from a response
  // to the next request where there is no pace.
  std::uint32_t pipeline = 1;
  Nanoseconds think{0};
  MulticastSpec multicast;     // of that pattern
  Side closes = Side::server;  // of connect: who closes first, and has the TIME_WAIT
  bool acknowledge = false;    // of stream: the reading program does, each message
  ReaderSpec reader;
  SocketSpec socket;
};

// More repetitions of a cell, until the median of a metric is known so well.
struct Precision {
  std::string flow = {};      // a flow group's name; empty: the whole repetition
  std::string metric = {};    // as "stall.p99"
  double within = 0;          // half of the median's interval at 95 %, as a share of it
  std::uint32_t at_most = 0;  // repetitions of a cell
};

// Whether this side of a group's connections sends by io_uring, which takes a worker of its
// own program: Asio has one way to wait for sockets in one program.
inline bool sends_by_ring(const FlowGroup& flow, Side side) {
  return flow.io == Io::io_uring && (flow.sender == side || flow.pattern == Pattern::duplex);
}

// Whether this side of a group's connections has a thread for each that reads.
inline bool reads_in_threads(const FlowGroup& flow, Side side) {
  return flow.reader.io == ReaderIo::blocking && flow.sender != side;
}

struct Timing {
  Nanoseconds ramp = std::chrono::seconds(1);  // connects are spread over this
  Nanoseconds warmup = std::chrono::milliseconds(500);
  Nanoseconds measure = std::chrono::seconds(5);
  std::uint32_t repetitions = 3;  // with `until`, the fewest
  std::optional<Precision> until = {};

  std::uint32_t most_repetitions() const { return until ? until->at_most : repetitions; }
};

// How a limit was written: "10ms", "64KiB", "200/s", "1gbit", or a bare number.
enum class Quantity : std::uint8_t { number, duration, bytes, rate, byte_rate };
template <>
struct Names<Quantity> {
  static constexpr std::array<std::string_view, 5> list{"number", "duration", "bytes", "rate",
                                                        "byte_rate"};
};

struct Expectation {
  std::string flow;               // a flow group's name; empty: the whole repetition
  std::string metric;             // as "stall.p99"
  std::optional<double> at_most;  // in the metric's base unit (ns, bytes, 1/s, count)
  std::optional<double> at_least;
  Quantity quantity = Quantity::number;  // of the limits; the same for all
  std::optional<double> equals = {};     // to the metric's resolution; alone
  // Axis → label: of another cell of the sweep, in which the other axes are as they are
  // here. The limits are then factors of what that cell has. Empty: plain limits.
  std::map<std::string, std::string> against = {};
};

// One point of an axis: what is set where, as JSON text; absent removes the key.
struct AxisValue {
  std::string label;
  std::map<std::string, std::optional<std::string>> set;  // JSON pointer → JSON text
};

struct Axis {
  std::string name;  // the JSON pointer, or the axis's own name
  std::vector<AxisValue> values;
};

struct Scenario {
  std::string name;
  std::string why;
  LabSpec lab;
  std::optional<std::string> profile;  // as the scenario, or --profile, names it
  SysctlSpec sysctl;
  std::vector<FlowGroup> flows;
  Timing timing;
  // The probes that are loaded; none but these.
  std::vector<ProbeId> probes = default_probes();
  std::vector<Expectation> expect;
};

// One cell of the sweep, resolved.
struct Cell {
  std::string id;  // stable: made of the labels, as "sndbuf=64KiB,readers=slow"
  std::map<std::string, std::string> parameters;  // axis → label
  Scenario scenario;
};

// Where cells come from: a sweep that makes them when asked, or a list.
// Constant once made, so it may be read from many threads.
class CellSource {
 public:
  CellSource() = default;
  CellSource(const CellSource&) = delete;
  CellSource& operator=(const CellSource&) = delete;
  virtual ~CellSource() = default;
  virtual std::size_t size() const = 0;
  virtual Cell cell(std::size_t index) const = 0;
  virtual Timing timing(std::size_t index) const = 0;
  virtual std::size_t shape(std::size_t index) const = 0;
};

// The cells of a campaign: reads like a constant std::vector<Cell>, but an element
// is a value made when it is asked for, so that a sweep of 100,000 cells costs the
// memory of one. Copies share their source. An index must be below size().
class Cells {
 public:
  Cells() = default;
  explicit Cells(std::vector<Cell> cells);
  explicit Cells(std::shared_ptr<const CellSource> source) : source_(std::move(source)) {}

  std::size_t size() const { return source_ == nullptr ? 0 : source_->size(); }
  bool empty() const { return size() == 0; }
  Cell operator[](std::size_t index) const { return source_->cell(index); }

  // The timing of one cell alone, without making the rest of it.
  Timing timing(std::size_t index) const { return source_->timing(index); }
  // Below size(); cells of equal shape have equal flows, clients, placements and client
  // sysctls, and so need the same workers.
  std::size_t shape(std::size_t index) const { return source_->shape(index); }

  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Cell;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = Cell;
    Iterator(const Cells* cells, std::size_t index) : cells_(cells), index_(index) {}
    Cell operator*() const { return (*cells_)[index_]; }
    Iterator& operator++() {
      ++index_;
      return *this;
    }
    Iterator operator++(int) { return {cells_, index_++}; }
    friend bool operator==(const Iterator& left, const Iterator& right) {
      return left.index_ == right.index_;
    }

   private:
    const Cells* cells_;
    std::size_t index_;
  };
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, size()}; }

 private:
  std::shared_ptr<const CellSource> source_;
};

// Some cells of a sweep, chosen to be run alone.
struct CellSelection {
  std::vector<std::string> ids;        // in the order of the sweep
  std::vector<std::uint32_t> indices;  // theirs in the whole sweep
  std::uint64_t of = 0;                // how many cells the sweep has
};

// A whole scenario file: its base, its axes, and every cell they make.
struct Campaign {
  Scenario base;
  std::vector<Axis> sweep;
  Cells cells;  // one cell, "base", without a sweep
  // The scenario after profile and --set, as JSON text with sorted keys. The
  // profile's values stand in it, so it needs no file beside it.
  std::string resolved_json;
  std::string hash;  // of resolved_json: equal hashes asked for the same thing
  // Present where `cells` are not all that the sweep makes.
  std::optional<CellSelection> selection = {};
};

}  // namespace netstall
