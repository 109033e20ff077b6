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
  EXPECT_GT(allocations.get(), 100U) << "the count does not work";
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
  task.payload = Bytes{4'096};
  expect_no_allocation_per_message(task, 10'000);
}

TEST(Allocations, NoneAMessageBlocking) {
  auto task = task_with(16);
  task.io = Io::blocking;
  task.payload = Bytes{4'096};
  expect_no_allocation_per_message(task, 10'000);
}

TEST(Allocations, NoneAMessagePaced) {
  auto task = task_with(200);
  task.payload = Bytes{100};
  task.messages_per_s = 100;
  expect_no_allocation_per_message(task, 10'000);
}

TEST(Allocations, NoneAStall) {
  auto task = task_with(100);
  task.payload = Bytes{4'096};
  task.sndbuf = task.rcvbuf = Bytes{4'096};
  task.bytes_per_s = 400'000;
  task.chunk = Bytes{4'096};
  expect_no_allocation_per_message(task, 5'000);
}

}  // namespace
}  // namespace netstall
