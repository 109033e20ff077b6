// Traffic allocates nothing per message, whatever its form.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loadgen/worker_pair.hpp"

namespace netstall {
namespace {

// The counter that test workers, another user's programs, keep of their allocations.
class AllocationCount {
 public:
  AllocationCount() : path_(testing::TempDir() + "netstall-allocations-XXXXXX") {
    file_ = Fd(::mkostemp(path_.data(), O_CLOEXEC));
    EXPECT_EQ(::fchmod(file_.get(), 0666), 0);
    EXPECT_EQ(::ftruncate(file_.get(), sizeof(std::uint64_t)), 0);
  }
  ~AllocationCount() { ::unlink(path_.c_str()); }
  const std::string& path() const noexcept { return path_; }
  std::uint64_t get() const {
    std::uint64_t count = 0;
    EXPECT_EQ(::pread(file_.get(), &count, sizeof count, 0), static_cast<ssize_t>(sizeof count));
    return count;
  }

 private:
  std::string path_;
  Fd file_;
};

// Samples and the result are messages to the controller: some dozen allocations each.
void expect_no_allocation_per_message(const FlowTask& task, std::uint64_t least_messages) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizers allocate themselves";
#endif
  const AllocationCount allocations;
  WorkerPair pair({task}, 0ns, {allocations.path()});
  pair.connect();
  EXPECT_GT(allocations.get(), 20U) << "the count does not work";
  pair.begin(300ms, 1s);
  pair.client.next();
  const auto before = allocations.get();
  for (int i = 0; i < 8; ++i) pair.client.next();
  const auto after = allocations.get();
  pair.client_result = pair.client.result();
  pair.server_result = pair.server.result();
  EXPECT_GT(pair.sent(task.sender).sent->messages, least_messages);
  EXPECT_LT(after - before, 1'000U);
  pair.close();
}

TEST(Allocations, NoneAMessageNonblocking) {
  auto task = task_with(16);
  task.payload.fixed = Bytes{4'096};
  expect_no_allocation_per_message(task, 10'000);
}

TEST(Allocations, NoneAMessageBlocking) {
  auto task = task_with(16);
  task.io = Io::blocking;
  task.payload.fixed = Bytes{4'096};
  expect_no_allocation_per_message(task, 10'000);
}

TEST(Allocations, NoneAMessageLevelTriggered) {
  auto task = task_with(16);
  task.io = Io::level_triggered;
  task.payload.fixed = Bytes{4'096};
  expect_no_allocation_per_message(task, 10'000);
}

TEST(Allocations, NoneAMessageByIoUring) {
  SKIP_WITHOUT_IO_URING();
  auto task = task_with(16);
  task.io = Io::io_uring;
  task.payload.fixed = Bytes{4'096};
  expect_no_allocation_per_message(task, 10'000);
  task.connections = 300;
  task.socket.sndbuf = task.socket.rcvbuf = Bytes{4'096};
  task.pace = PaceSpec{100};
  expect_no_allocation_per_message(task, 10'000);
}

TEST(Allocations, NoneAMessageThatIsAcknowledged) {
  for (const auto io : {Io::nonblocking, Io::blocking}) {
    auto task = task_with(16);
    task.io = io;
    task.payload.fixed = Bytes{4'096};
    task.acknowledge = true;
    expect_no_allocation_per_message(task, 5'000);
  }
}

TEST(Allocations, NoneAMessagePaced) {
  auto task = task_with(200);
  task.payload.fixed = Bytes{100};
  task.pace = PaceSpec{100};
  expect_no_allocation_per_message(task, 10'000);
}

TEST(Allocations, NoneAMessageByDistributions) {
  auto task = task_with(200);
  task.payload.log_normal = LogNormalSizes{Bytes{100}, 1, Bytes{1}, Bytes{4'096}};
  task.pace = PaceSpec{100, Arrival::poisson};
  expect_no_allocation_per_message(task, 10'000);
}

TEST(Allocations, NoneAMessageThatAThreadReads) {
  auto task = task_with(16);
  task.io = Io::blocking;
  task.reader.io = ReaderIo::blocking;
  expect_no_allocation_per_message(task, 10'000);
}

TEST(Allocations, NoneARequest) {
  auto task = task_with(16);
  task.pattern = Pattern::request_response;
  task.payload.fixed = task.response.fixed = Bytes{100};
  task.pipeline = 2;
  expect_no_allocation_per_message(task, 5'000);
}

TEST(Allocations, NoneADatagram) {
  for (const auto io : {Io::nonblocking, Io::blocking}) {
    auto task = task_with(16);
    task.pattern = Pattern::udp_stream;
    task.io = io;
    task.payload.fixed = Bytes{1'000};
    task.socket.sndbuf = Bytes{4'608};
    expect_no_allocation_per_message(task, 10'000);
  }
}

TEST(Allocations, NoneADatagramAtAReadersRate) {
  auto task = task_with(100);
  task.pattern = Pattern::udp_stream;
  task.payload.fixed = Bytes{100};
  task.pace = PaceSpec{200};
  task.reader.bytes_per_s = 10'000;
  expect_no_allocation_per_message(task, 10'000);
}

TEST(Allocations, NoneARequestInADatagram) {
  auto task = task_with(16);
  task.pattern = Pattern::udp_request_response;
  task.payload.fixed = task.response.fixed = Bytes{100};
  task.pipeline = 2;
  expect_no_allocation_per_message(task, 5'000);
}

TEST(Allocations, NoneAConnection) {
  auto task = task_with(16);
  task.pattern = Pattern::connect;
  task.payload.fixed = task.response.fixed = Bytes{100};
  expect_no_allocation_per_message(task, 2'000);
}

TEST(Allocations, NoneAStall) {
  auto task = task_with(100);
  task.payload.fixed = Bytes{4'096};
  task.socket.sndbuf = task.socket.rcvbuf = Bytes{4'096};
  task.reader.bytes_per_s = 400'000;
  task.reader.chunk = Bytes{4'096};
  expect_no_allocation_per_message(task, 5'000);
}

}  // namespace
}  // namespace netstall
