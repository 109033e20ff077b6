// What a run found, as plain data; report_json writes it under the names of the
// outer contract. Absent (nullopt) is "not measured" and becomes null: never 0.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/histogram.hpp"
#include "model/names.hpp"
#include "model/scenario.hpp"

namespace netstall {

// Stalls of one cause, or of all. Times in ns, clipped to the window.
struct StallCount {
  std::uint64_t count = 0;  // stalls
  std::uint64_t waits = 0;
  std::uint64_t time_ns = 0;       // of waits
  std::uint64_t run_queue_ns = 0;  // of it: after the wake-up, until running again
  Histogram duration;              // of stalls
  std::optional<Histogram> wait;   // of waits; a program's own clock knows their number alone
  std::uint64_t open_at_start = 0;
  std::uint64_t open_at_end = 0;
  // Adds the other's. Waits whose times one of them does not know have none together.
  void merge(const StallCount& other);
};

// The waits of one sub-cause; those of a cause whose sub-cause was not told are in
// none. Times in ns, clipped to the window.
struct WaitCount {
  std::uint64_t waits = 0;
  std::uint64_t time_ns = 0;
  void merge(const WaitCount& other);
};

struct Stalls {
  StallCount total;
  // An absent value: this backend cannot tell that cause.
  std::map<Cause, std::optional<StallCount>> by_cause;
  std::map<SubCause, std::optional<WaitCount>> by_sub_cause;  // likewise
  bool run_queue_known = false;
  // Adds the other's. A cause that one of them cannot tell, both together cannot;
  // one that is not listed did not happen. An empty one takes over the other.
  void merge(const Stalls& other);
};

// send() with MSG_ZEROCOPY, within the window.
struct ZerocopyResult {
  std::uint64_t sends = 0;      // that were taken
  std::uint64_t refused = 0;    // with ENOBUFS: the bytes were copied instead
  std::uint64_t completed = 0;  // sends whose completion was read
  std::uint64_t copied = 0;     // those of them that the kernel copied after all
};

// By how many the programs' own clocks may be off another clock, for what began or
// ended just at an edge of the window.
struct Unsure {
  std::uint64_t stalls = 0;
  std::uint64_t waits = 0;
  std::uint64_t open = 0;  // stalls open at an edge
};

// A socket buffer's size in bytes: asked for, after the set-up, at the end.
struct BufferSizes {
  std::optional<std::uint64_t> requested;
  std::optional<std::uint64_t> initial;
  std::optional<Histogram> final;
};

// A socket option as text: asked for, after the set-up, at the end.
struct OptionValues {
  std::optional<std::string> requested;
  std::optional<std::string> initial;
  std::optional<std::string> final;
};

// What became of the datagrams whose send() began within the window and was done: read by
// the other program, waiting in its socket at the end, or lost. Of requests: answered. Of
// multicast a message counts once for each that has joined its group.
struct DatagramCounts {
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::uint64_t unread = 0;
  std::uint64_t lost = 0;        // sent less received and unread
  std::uint64_t reordered = 0;   // of those received: after one that was sent later
  std::uint64_t duplicated = 0;  // came once more, and count once
  std::uint64_t delivered = 0;   // read within the window, whenever sent
};

// What the kernel said of some of a flow group's sockets (TCP_INFO, SO_MEMINFO). The times are
// sums over those that were asked at both edges of the window, and of ends that send.
struct TcpInfo {
  std::uint64_t connections = 0;
  std::uint64_t elapsed_ns = 0;
  std::uint64_t busy_ns = 0;            // something was sent, or waited to be sent
  std::uint64_t rwnd_limited_ns = 0;    // the peer's window held it back
  std::uint64_t sndbuf_limited_ns = 0;  // the send buffer was too small for the congestion window
  // Memory of what lies in a socket's queue, with all that the kernel counts to it: of ends that
  // send, and of those that read alone; readings all over the window.
  std::optional<Histogram> send_queue;
  std::optional<Histogram> receive_queue;
};

struct FlowResult {
  std::string name;
  std::uint64_t connections_requested = 0;
  std::uint64_t connections_established = 0;
  std::map<std::string, std::uint64_t> connections_failed;  // errno name → count
  // Without an error at either end by the window's end; absent when it did not come.
  std::optional<std::uint64_t> connections_alive;
  BufferSizes sndbuf;
  BufferSizes rcvbuf;
  std::map<std::string, OptionValues> options;  // of the sender's end, as its scenario key
  std::optional<TcpInfo> tcp_info;
  std::optional<double> goodput_bytes_per_s;
  std::optional<std::uint64_t>
      messages;  // accepted whole by the kernel; request-response: answered
  std::map<std::string, std::uint64_t> errors;  // errno name → count, while traffic ran
  std::optional<std::uint64_t> backlog;  // messages due and not yet accepted at the window's end
  // send() calls refused although the socket had been said to take more; absent where
  // senders block, or wait for nothing.
  std::optional<std::uint64_t> vain_sends;
  // Ends that send: of duplex 2, of idle 0. Absent in reports that know one alone.
  std::optional<std::uint64_t> senders_per_connection;
  std::optional<Histogram> send_call;      // time of a send() call
  std::optional<Histogram> send_latency;   // due → accepted by the kernel
  std::optional<Histogram> acked_latency;  // due → response, or acknowledgement, is read
  // Of the same messages of a stream: due → acknowledged by the peer's kernel.
  std::optional<Histogram> kernel_acked_latency;
  std::optional<Histogram> delivery_latency;  // stream, duplex: due → taken by the reading program
  std::optional<Histogram> connect;
  std::optional<DatagramCounts> datagrams;  // of UDP
  std::optional<Stalls> own_clock;
  std::optional<Unsure> own_clock_unsure;
  std::optional<ZerocopyResult> zerocopy;  // where it was asked for
  std::optional<Stalls> stalls;            // by the probe
};

// One of the longest stalls of a repetition: its connection, and what its socket was
// like when the longest of its waits began.
struct Offender {
  std::string flow;
  Cause cause = Cause::unknown;
  std::optional<SubCause> sub_cause;
  std::uint64_t duration_ns = 0;  // clipped to the window
  std::uint64_t waits = 0;
  std::int64_t began_ns = 0;  // since the window's start; below 0: before it
  bool open_at_end = false;
  std::string local;  // the sender's end, as "10.78.0.1:5001"
  std::string remote;
  std::uint64_t queued_bytes = 0;  // sent or to be sent, and not acknowledged
  std::uint64_t sndbuf_bytes = 0;
  std::uint64_t peer_window_bytes = 0;
  std::uint64_t tcp_mem_pages = 0;  // of the whole machine
  // The kernel's functions, innermost first; absent for the reason beside it.
  std::optional<std::vector<std::string>> stack;
  std::optional<std::string> no_stack;
};

// Spells of one kind, each with a beginning and an end. Times in ns, clipped to the
// window.
struct SpellCount {
  std::uint64_t count = 0;
  std::uint64_t time_ns = 0;
  Histogram duration;
  std::uint64_t open_at_start = 0;
  std::uint64_t open_at_end = 0;
  void merge(const SpellCount& other);
};

// What one probe found in the window; docs/probes.md says of each what its places
// and kinds are. A kind that is listed with 0 was looked for and did not happen.
struct ProbeFinding {
  std::string backend;
  std::map<std::string, std::map<std::string, std::uint64_t>> events;  // place → kind → number
  std::map<std::string, std::map<std::string, SpellCount>> spells;     // likewise
  std::vector<std::string> notes;  // what is particular about this backend here
  std::uint64_t lost_events = 0;   // what could not be recorded
  // Of its programs, over ProbeReport::cost_interval_ns.
  std::optional<std::uint64_t> cost_runs;
  std::optional<std::uint64_t> cost_time_ns;
};

struct ProbeReport {
  std::string backend = "none";                // fentry, kprobe, tracepoint, own_clock, none
  std::map<std::string, std::string> missing;  // probe or backend → why
  std::vector<std::string> cannot_tell;        // causes that this backend cannot tell
  std::vector<std::string> notes;              // what is particular about this backend here
  std::optional<std::uint64_t> lost_events;
  // Stalls that may be missing among the worst, though they are counted.
  std::optional<std::uint64_t> lost_offenders;
  // Of the probe's programs, over cost_interval_ns of the warm-up: measuring it
  // costs time itself, so it is off within the window.
  std::optional<std::uint64_t> cost_runs;
  std::optional<std::uint64_t> cost_time_ns;
  std::optional<std::uint64_t> cost_interval_ns;
};

// Kernel counters of one namespace (or the host) over the window.
struct KernelCounters {
  std::map<std::string, std::int64_t>
      counters;  // "TcpExt.TCPTimeouts" → increase; zero ones left out
  std::map<std::string, std::pair<std::int64_t, std::int64_t>>
      gauges;  // "TCP.mem" → at start, at end
};

// Sampled together, every 100 ms of the window.
struct Series {
  std::vector<std::int64_t> t_ns;  // since the window's start
  std::vector<std::optional<std::int64_t>> tcp_mem_pages;
  std::vector<std::optional<double>> goodput_bytes_per_s;
  std::vector<std::optional<std::int64_t>> blocked_senders;
};

// A repetition's is for information; a cell's, on the median over its good
// repetitions, decides.
struct ExpectationResult {
  Expectation expectation;
  std::optional<double> observed;
  bool passed = false;
  std::string reason;  // why there is no value, or why it did not pass; else empty
  // Against another cell: its id, and what it has.
  std::string against_cell = {};
  std::optional<double> against_observed = {};
};

// A port of the machine that was an end of the link. What driver and kernel do not tell is
// absent, never 0.
// Of a veth's end: with GRO it polls what arrives by NAPI, from a ring of 256 packets
// (VETH_RING_SIZE, which nothing sets), if the sending end leaves segmentation to nobody
// (no TSO): the kernel else hands packets to the softirq as without.
struct NapiFacts {
  bool enabled = false;
  std::optional<std::int64_t> polled;   // packets within the window; 0: NAPI was not in use
  std::optional<std::int64_t> dropped;  // of those meant for the full ring; where enabled
};

struct DeviceFacts {
  std::string name;
  std::optional<std::string> driver;
  std::uint32_t mtu = 0;  // bytes
  std::optional<std::uint64_t> speed_bits_per_s;
  // "rx", "tx" and the most that each can be, in packets.
  std::optional<std::map<std::string, std::int64_t>> ring;
  // "rx_usecs", "rx_frames", "adaptive_rx" (1: yes) and the same of tx.
  std::optional<std::map<std::string, std::int64_t>> coalescing;
  std::optional<std::map<std::string, std::string>> interrupts;  // number → CPUs, as "0-1"
  // Within the window, as the kernel counts them; and those of the driver's own counters whose
  // names tell of drops.
  std::map<std::string, std::int64_t> drops;
  std::optional<std::map<std::string, std::int64_t>> driver_drops;
  std::optional<NapiFacts> napi = {};  // of a veth's end alone
};

struct Repetition {
  std::uint32_t cell = 0;
  std::uint32_t index = 0;
  std::uint32_t order = 0;
  Status status = Status::failed;
  std::optional<std::string> reason;
  std::string started_at;
  std::int64_t duration_ns = 0;
  std::int64_t window_ns = 0;
  std::vector<FlowResult> flows;
  std::optional<Stalls> stalls;  // of all flows
  // Longest first; absent: no probe measured stalls.
  std::optional<std::vector<Offender>> worst_stalls;
  ProbeReport probes;
  // By probe, all but send_wait; absent: chosen, and not there (ProbeReport::missing).
  std::map<std::string, std::optional<ProbeFinding>> findings;
  KernelCounters client;
  KernelCounters server;
  KernelCounters host;
  std::map<std::string, std::string> memory_limit;  // side → "cgroup v1 kmem.tcp, 1048576 bytes"
  std::map<std::string, std::string> qdisc;         // side → its root qdisc, as tc was given it
  std::map<std::string, std::string> placement;     // "client.cpus" → "0-3", of the workers;
                                                    // "client.softirq_cpus"; where not the kernel's
  std::map<std::string, DeviceFacts> devices;  // side → its port, or its end of the veth pair
  std::map<std::string, std::string> sysctl_left_out;  // "client net.ipv4.x" → why; optional ones
  Series series;
  std::vector<ExpectationResult> expectations;
  bool restored = false;
  std::vector<std::string> not_restored;  // what could not be put back, and why
};

// What /timing/until came to. Absent bounds: too few repetitions tell any.
struct PrecisionResult {
  Precision asked;
  std::uint32_t repetitions = 0;  // good ones, that have the value
  std::optional<double> median;   // in the metric's base unit, as its interval at 95 %
  std::optional<double> low;
  std::optional<double> high;
  bool reached = false;
};

struct CellResult {
  std::string id;
  std::map<std::string, std::string> parameters;
  std::vector<Repetition> repetitions;
  std::vector<ExpectationResult> expectations;
  std::optional<PrecisionResult> precision = {};
};

struct Tool {
  std::string version;
  std::string revision;  // git; "-dirty" appended for a changed tree; "unknown" outside a checkout
  std::string compiler;
  std::string libbpf;
};

// Facts of the machine, as name → value; nested names with dots
// ("cpu.model", "sysctl.host.net.ipv4.tcp_mem").
using Environment = std::map<std::string, std::string>;

struct Report {
  Tool tool;
  Environment environment;
  std::string scenario_json;  // resolved
  std::string scenario_hash;
  std::uint64_t seed = 0;
  std::string started_at;
  std::vector<CellResult> cells;
  std::string command = {};  // that runs the scenario again, quoted for a shell; empty: not known
  std::optional<CellSelection> selection = {};  // present where not all cells were to be run
};

}  // namespace netstall
