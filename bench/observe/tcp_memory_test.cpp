#include "bench/observe/tcp_memory.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include "base/error.hpp"
#include "bench/observe/machine_fixture.hpp"

namespace netstall {
namespace {

TEST(TcpMemory, PagesAndLimits) {
  TcpMemory memory(server_machine() / "proc");
  EXPECT_EQ(memory.pages(), 800000);
  const auto limits = memory.limits();
  EXPECT_EQ(limits.low, 764103);
  EXPECT_EQ(limits.pressure, 1018807);
  EXPECT_EQ(limits.high, 1528206);
}

TEST(TcpMemory, EachReadingIsNew) {
  const MachineCopy machine(server_machine());
  TcpMemory memory(machine.root() / "proc");
  EXPECT_EQ(memory.pages(), 800000);
  // Shorter than before: nothing of the first text may remain.
  machine.write("proc/thread-self/net/sockstat", "TCP: inuse 1 mem 7\n");
  EXPECT_EQ(memory.pages(), 7);
}

TEST(TcpMemory, MalformedTextIsRefused) {
  const MachineCopy machine(server_machine());
  TcpMemory memory(machine.root() / "proc");
  machine.write("proc/thread-self/net/sockstat", "TCP: inuse 1 mem 7");
  EXPECT_THROW(memory.pages(), Error);
  machine.write("proc/thread-self/net/sockstat", "TCP: inuse 1\n");
  EXPECT_THROW(memory.pages(), Error);
  for (const char* text : {"1 2\n", "1 2 3 4\n", "1 x 3\n", ""}) {
    machine.write("proc/sys/net/ipv4/tcp_mem", text);
    EXPECT_THROW(static_cast<void>(memory.limits()), Error) << text;
  }
}

TEST(TcpMemory, AMissingFileIsAnError) {
  EXPECT_THROW(TcpMemory("/nonexistent"), Error);
}

TEST(CgroupTcpMemory, UsageAndRefusals) {
  CgroupTcpMemory memory(vm_machine() / "sys/fs/cgroup/memory/lab");
  EXPECT_EQ(memory.usage_bytes(), 81920);
  EXPECT_EQ(memory.refusals(), 3);
}

TEST(CgroupTcpMemory, MalformedTextIsRefused) {
  const MachineCopy machine(vm_machine());
  const std::string folder = "sys/fs/cgroup/memory/lab";
  CgroupTcpMemory memory(machine.root() / folder);
  machine.write(folder + "/memory.kmem.tcp.usage_in_bytes", "12 34\n");
  EXPECT_THROW(memory.usage_bytes(), Error);
  EXPECT_THROW(CgroupTcpMemory(server_machine() / "sys/fs/cgroup/system.slice"), Error);
}

}  // namespace
}  // namespace netstall
