#include "model/probes.hpp"

#include <array>

namespace netstall {
namespace {

using enum ProbeBackend;

constexpr std::array kSendWait{
    ProbeRung{fentry, "entry and return of sk_stream_wait_memory()", ""},
    ProbeRung{kprobe, "entry of sk_stream_wait_memory(), sched_switch", ""},
    ProbeRung{tracepoint, "sched_switch within a send(), its end", ""},
    ProbeRung{own_clock, "the workers' own clocks around send()", "single waits"},
};
constexpr std::array kRetransmits{
    ProbeRung{tracepoint, "tcp_retransmit_skb, tcp_retransmit_synack",
              "what could not be sent, or a queue refused (up to Linux 6.12)"},
    ProbeRung{counter, "Tcp.RetransSegs of each namespace", "flow group and state"},
};
constexpr std::array kDrops{
    ProbeRung{tracepoint, "kfree_skb",
              "the namespace of what TCP itself drops, but by its ports (up to Linux 6.10)"},
};
constexpr std::array kQdiscDrops{
    ProbeRung{tracepoint, "kfree_skb with a reason of the queueing layer", ""},
};
constexpr std::array kAcceptOverflow{
    ProbeRung{counter, "TcpExt.ListenOverflows and TcpExt.ListenDrops of the server's namespace",
              "which listener"},
};
constexpr std::array kNapiSqueeze{
    ProbeRung{counter, "/proc/net/softnet_stat, columns 2 and 3", "whose packets they were"},
};

constexpr std::array kZeroWindow{
    ProbeRung{tracepoint, "tcp_probe, inet_sock_set_state", ""},
    ProbeRung{counter, "TcpExt.TCPToZeroWindowAdv and TCPFromZeroWindowAdv of each namespace",
              "flow group, how long"},
};
constexpr std::array kMemoryPressure{
    ProbeRung{timer, "TCP's variable tcp_memory_pressure, once a millisecond", ""},
    ProbeRung{
        counter,
        "TcpExt.TCPMemoryPressures and TCPMemoryPressuresChrono of the namespaces and the host",
        "each spell; spells that last at the window's end"},
};
constexpr std::array kAutotuning{
    ProbeRung{tracepoint, "sock_send_length (sndbuf), tcp_rcv_space_adjust (rcvbuf)",
              "the send buffer where the kernel has no sock_send_length (6.1)"},
};
constexpr std::array kReaderWaits{
    ProbeRung{tracepoint, "sock_recv_length, inet_sock_set_state", ""},
};
constexpr std::array kEpollWaits{
    ProbeRung{tracepoint, "sched_switch, sched_process_exit", ""},
};
constexpr std::array kRunQueue{
    ProbeRung{tracepoint, "sched_switch, with sched_info.run_delay", ""},
};

constexpr std::array kWorstStalls{
    ProbeRung{fentry, "with send_wait: where a wait begins and a stall ends", ""},
    ProbeRung{kprobe, "with send_wait: where a wait begins and a stall ends", ""},
    ProbeRung{tracepoint, "with send_wait: where a wait begins and a stall ends", ""},
};

constexpr std::array kRegistry{
    ProbeInfo{
        .id = ProbeId::send_wait,
        .by_default = true,
        .answers = "How long, how often and why senders are blocked.",
        .unit = "stalls and waits, ns",
        .places = "flow group, cause",
        .why = "It is what netstall is for: [send_wait](send_wait.md) has the rules.",
        .needs = "CAP_BPF and CAP_PERFMON, the kernel's BTF",
        .cost = "see [figures](figures.md)",
        .where_none = "",
        .ladder = kSendWait,
    },
    ProbeInfo{
        .id = ProbeId::retransmits,
        .by_default = false,
        .answers = "Segments sent again, by the state that congestion control was in.",
        .unit = "segments",
        .places = "flow group; state: open, disorder, cwr, recovery, loss, syn, synack, failed",
        .why = "A sender that waits for an acknowledgement of what was lost looks like one with a "
               "slow peer. `loss` is a timeout of 200 ms at least, `recovery` a round trip, `open` "
               "a tail-loss probe.",
        .needs = "CAP_BPF and CAP_PERFMON, the kernel's BTF",
        .cost = "one program a retransmission, 0.35 µs",
        .where_none = "",
        .ladder = kRetransmits,
    },
    ProbeInfo{
        .id = ProbeId::drops,
        .by_default = false,
        .answers = "Packets that the kernel threw away, by its own name of the reason.",
        .unit = "packets",
        .places = "side; reason",
        .why = "Which layer dropped: PROTO_MEM and SOCKET_RCVBUFF are a receiver short of memory, "
               "QDISC_DROP a full queue, FULL_RING a slow NAPI.",
        .needs = "CAP_BPF and CAP_PERFMON, the kernel's BTF",
        .cost = "one program a packet dropped on the machine, 0.3 µs",
        .where_none = "no counter of /proc has reasons",
        .ladder = kDrops,
    },
    ProbeInfo{
        .id = ProbeId::qdisc_drops,
        .by_default = false,
        .answers = "Packets that a queueing discipline dropped.",
        .unit = "packets",
        .places = "side; kind of qdisc at the device's root",
        .why = "A queue that is too short, or a shaper, makes senders wait for retransmissions.",
        .needs = "CAP_BPF and CAP_PERFMON, the kernel's BTF",
        .cost = "one program a packet dropped on the machine, 0.3 µs",
        .where_none = "no counter of /proc has them",
        .ladder = kQdiscDrops,
    },
    ProbeInfo{
        .id = ProbeId::accept_overflow,
        .by_default = false,
        .answers = "Connections that came while the accept queue was full.",
        .unit = "connections",
        .places = "server; before the window (ramp and warm-up) and within it",
        .why = "Connects that take a second or three: the SYN or the last ACK was dropped, and is "
               "sent again by a timer.",
        .needs = "nothing",
        .cost = "nothing but three reads of a file",
        .where_none = "",
        .ladder = kAcceptOverflow,
    },
    ProbeInfo{
        .id = ProbeId::napi_squeeze,
        .by_default = false,
        .answers = "How often a softirq stopped polling with packets left, because "
                   "net.core.netdev_budget was used up, and packets dropped before a full backlog.",
        .unit = "events, packets",
        .places = "the whole machine, CPU",
        .why = "Packets wait for the next softirq, or for ksoftirqd to be scheduled.",
        .needs = "nothing",
        .cost = "nothing but two reads of a file",
        .where_none = "",
        .ladder = kNapiSqueeze,
    },
    ProbeInfo{
        .id = ProbeId::zero_window,
        .by_default = false,
        .answers = "Spells in which a reader's window was shut, as its sender saw it: from the "
                   "segment that shut it to the one that opened it.",
        .unit = "spells, ns",
        .places = "flow group",
        .why = "A program that reads too slowly, or a receive buffer that is too small.",
        .needs = "CAP_BPF and CAP_PERFMON, the kernel's BTF",
        .cost = "one program a segment that comes in on an established connection, 1.4 µs: off at "
                "scale",
        .where_none = "",
        .ladder = kZeroWindow,
    },
    ProbeInfo{
        .id = ProbeId::memory_pressure,
        .by_default = false,
        .answers = "Spells in which TCP was under memory pressure: above the second value of "
                   "tcp_mem, until it fell below the first.",
        .unit = "spells, ns",
        .places = "the whole machine",
        .why = "Under pressure windows and buffers shrink, long before a send() is refused memory.",
        .needs = "CAP_BPF and CAP_PERFMON, the kernel's BTF",
        .cost = "one program a millisecond",
        .where_none = "",
        .ladder = kMemoryPressure,
    },
    ProbeInfo{
        .id = ProbeId::autotuning,
        .by_default = false,
        .answers = "Steps in which the kernel changed the senders' send buffers and the readers' "
                   "receive buffers, and by how many bytes in all.",
        .unit = "steps, bytes",
        .places = "flow group; buffer and direction",
        .why = "Whether a buffer grows as it should, stays where an option has fixed it, or is cut "
               "for want of memory.",
        .needs = "CAP_BPF and CAP_PERFMON, the kernel's BTF",
        .cost = "one program a send() and one a recv(), 0.9 and 1.4 µs",
        .where_none = "no counter has them; the sizes at both ends of a run are in each flow's "
                      "`socket`",
        .ladder = kAutotuning,
    },
    ProbeInfo{
        .id = ProbeId::reader_waits,
        .by_default = false,
        .answers = "Spells in which a reader had nothing to read: from a recv() that returned "
                   "EAGAIN to the next that did not.",
        .unit = "spells, ns",
        .places = "flow group",
        .why = "Readers that wait while their senders are blocked: what is between them is slow.",
        .needs = "CAP_BPF and CAP_PERFMON, the kernel's BTF; sock_recv_length (6.3 and newer)",
        .cost = "one program a recv(), 0.3 µs",
        .where_none = "no counter has them",
        .ladder = kReaderWaits,
    },
    ProbeInfo{
        .id = ProbeId::epoll_waits,
        .by_default = false,
        .answers = "Spells in which a worker's thread slept in epoll_wait(): it had nothing to do.",
        .unit = "spells, ns",
        .places = "side",
        .why = "Workers that never sleep are the bottleneck themselves; their figures are those of "
               "a busy program.",
        .needs = "CAP_BPF and CAP_PERFMON, the kernel's BTF; x86-64",
        .cost = "one program a context switch of the machine",
        .where_none = "no counter has them",
        .ladder = kEpollWaits,
    },
    ProbeInfo{
        .id = ProbeId::run_queue,
        .by_default = false,
        .answers = "Spells in which a worker's thread could run and did not: another one had the "
                   "CPU.",
        .unit = "spells, ns",
        .places = "side",
        .why = "Too few CPUs make every wait longer; the part of it in stalls is their "
               "`run_queue_ns`.",
        .needs = "CAP_BPF and CAP_PERFMON, the kernel's BTF; CONFIG_SCHED_INFO",
        .cost = "one program a context switch of the machine",
        .where_none = "schedstat of /proc has the sum alone, of threads that are still there",
        .ladder = kRunQueue,
    },
    ProbeInfo{
        .id = ProbeId::worst_stalls,
        .by_default = false,
        .answers = "The ten longest stalls of a repetition: connection, cause, and what its socket "
                   "was like when the longest wait began, with the kernel's stack.",
        .unit = "stalls",
        .places = "repetition",
        .why = "One stall of a second among a million of a microsecond: whose it was, and where in "
               "the kernel it waited.",
        .needs = "send_wait among the probes, and what that needs",
        .cost = "a stack at each wait; nothing a send() that does not wait",
        .where_none = "the workers' own clocks know of no single stall",
        .ladder = kWorstStalls,
    },
};

constexpr bool in_order() {
  if (kRegistry.size() != Names<ProbeId>::list.size()) return false;
  for (std::size_t i = 0; i < kRegistry.size(); ++i) {
    if (static_cast<std::size_t>(kRegistry[i].id) != i || kRegistry[i].ladder.empty()) return false;
  }
  return true;
}
static_assert(in_order());

}  // namespace

std::span<const ProbeInfo> probe_registry() {
  return kRegistry;
}

const ProbeInfo& info_of(ProbeId id) {
  return kRegistry[static_cast<std::size_t>(id)];
}

std::vector<ProbeId> default_probes() {
  std::vector<ProbeId> ids;
  for (const auto& probe : kRegistry) {
    if (probe.by_default) ids.push_back(probe.id);
  }
  return ids;
}

std::vector<Cause> causes_untold(ProbeBackend backend) {
  if (backend == tracepoint) return {Cause::cgroup_throttle};
  if (backend == fentry || backend == kprobe) return {};
  std::vector<Cause> all;
  for (std::size_t i = 0; i < kCauses; ++i) all.push_back(static_cast<Cause>(i));
  return all;
}

}  // namespace netstall
