// The table of probes that are BPF programs: a new one is a row here.
#include <array>

#include "bpf/autotuning.hpp"
#include "bpf/drops.hpp"
#include "bpf/epoll_waits.hpp"
#include "bpf/kernel_probe.hpp"
#include "bpf/memory_pressure.hpp"
#include "bpf/qdisc_drops.hpp"
#include "bpf/reader_waits.hpp"
#include "bpf/retransmits.hpp"
#include "bpf/run_queue.hpp"
#include "bpf/zero_window.hpp"

namespace netstall {
namespace {

constexpr std::array kRows{
    KernelProbeRow{ProbeId::retransmits, load_retransmits, retransmits_memory},
    KernelProbeRow{ProbeId::drops, load_drops, drops_memory},
    KernelProbeRow{ProbeId::qdisc_drops, load_qdisc_drops, qdisc_drops_memory},
    KernelProbeRow{ProbeId::zero_window, load_zero_window, zero_window_memory},
    KernelProbeRow{ProbeId::memory_pressure, load_memory_pressure, memory_pressure_memory},
    KernelProbeRow{ProbeId::autotuning, load_autotuning, autotuning_memory},
    KernelProbeRow{ProbeId::reader_waits, load_reader_waits, reader_waits_memory},
    KernelProbeRow{ProbeId::epoll_waits, load_epoll_waits, epoll_waits_memory},
    KernelProbeRow{ProbeId::run_queue, load_run_queue, run_queue_memory},
};

}  // namespace

const KernelProbeRow* kernel_probe(ProbeId id) {
  for (const auto& row : kRows) {
    if (row.id == id) return &row;
  }
  return nullptr;
}

}  // namespace netstall
