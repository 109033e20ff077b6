#include "bpf/memory_pressure.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "bpf/spells.hpp"
#include "memory_pressure.skel.h"

namespace netstall {
namespace {

// A socket that begins to listen and is closed again: by it the programs learn where
// the kernel keeps the state.
void show_a_socket() {
  const Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) throw_errno("make a socket", errno);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(fd.get(), 1) != 0) {
    throw_errno("listen on the loopback", errno);
  }
}

class MemoryPressure : public SpellProbe<memory_pressure_bpf> {
 public:
  MemoryPressure(SkeletonOf<memory_pressure_bpf> loaded, const KernelProbeOptions& told,
                 ProbeVariant variant)
      : SpellProbe(std::move(loaded), told, std::move(variant), {"host"}, "pressure") {
    show_a_socket();
    if (__atomic_load_n(&skeleton().bss->state_at, __ATOMIC_ACQUIRE) == 0) {
      throw Error(ErrorKind::incapable, "find where TCP keeps its memory pressure",
                  "no program saw a socket change its state");
    }
  }
};

const auto kPrepare = [](memory_pressure_bpf& skeleton) { size_spells(skeleton, 1, 1); };

}  // namespace

KernelProbeLoad load_memory_pressure(const KernelProbeOptions& options) {
  return load_probe<memory_pressure_bpf, MemoryPressure>(
      options, {{ProbeBackend::timer, {"on_state"}, {}}}, kPrepare);
}

std::uint64_t memory_pressure_memory(const KernelProbeOptions& options) {
  return memory_before_load<memory_pressure_bpf>(options, kPrepare);
}

}  // namespace netstall
