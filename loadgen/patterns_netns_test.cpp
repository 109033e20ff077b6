// Workers against each other in the patterns beyond a plain stream, and in faults.
#include <gtest/gtest.h>

#include <csignal>

#include "base/file.hpp"
#include "loadgen/worker_pair.hpp"

namespace netstall {
namespace {

FlowTask requests(std::uint32_t connections) {
  auto task = task_with(connections);
  task.pattern = Pattern::request_response;
  task.payload.fixed = Bytes{100};
  task.response.fixed = Bytes{1'000};
  return task;
}

class RequestsBySide : public testing::TestWithParam<Side> {};

TEST_P(RequestsBySide, EachIsAnsweredWholeBeforeTheNext) {
  auto task = requests(10);
  task.sender = GetParam();
  WorkerPair pair({task});
  pair.run(100ms, 500ms);
  const auto& asked = pair.sent(task.sender);
  const auto& answered = pair.read(task.sender);
  ASSERT_TRUE(asked.sent);
  EXPECT_GT(asked.sent->messages, 500U);
  EXPECT_EQ(asked.sent->acked->count(), asked.sent->messages);
  EXPECT_FALSE(asked.sent->backlog);
  EXPECT_EQ(asked.alive, 10U) << testing::PrintToString(asked.errors);
  EXPECT_EQ(answered.alive, 10U) << testing::PrintToString(answered.errors);
  // One a connection may be cut by each edge of the window, at either end.
  const auto messages = static_cast<double>(asked.sent->messages);
  EXPECT_NEAR(static_cast<double>(*asked.bytes_read), messages * 1'000, 20'000);
  EXPECT_NEAR(static_cast<double>(*answered.bytes_read), messages * 100, 2'000);
  pair.close();
}

INSTANTIATE_TEST_SUITE_P(Worker, RequestsBySide, testing::Values(Side::client, Side::server),
                         [](const auto& side) { return std::string(name_of(side.param)); });

TEST(Requests, OfEverySizeAreAnsweredByTheSizeThatIsDue) {
  auto task = requests(5);
  task.payload.log_normal = LogNormalSizes{Bytes{1'000}, 1.5, Bytes{1}, Bytes{300'000}};
  task.response.pareto = ParetoSizes{Bytes{10}, 1.1, Bytes{500'000}};
  task.pipeline = 7;
  task.socket.sndbuf = task.socket.rcvbuf = Bytes{8'192};
  WorkerPair pair({task});
  pair.run(100ms, 1s);
  const auto& asked = pair.sent(Side::client);
  // An end that took another size than the other sent would hang, or find "unasked data".
  EXPECT_TRUE(asked.errors.empty()) << testing::PrintToString(asked.errors);
  EXPECT_TRUE(pair.read(Side::client).errors.empty());
  EXPECT_EQ(asked.alive, 5U);
  EXPECT_GT(asked.sent->messages, 100U);
  EXPECT_EQ(asked.sent->acked->count(), asked.sent->messages);
  pair.close();
}

TEST(Requests, ThinkTimeLiesBetweenThem) {
  auto task = requests(20);
  task.think = 20ms;
  WorkerPair pair({task});
  pair.run(100ms, 1s);
  // A connection asks at most every 20 ms; timers and the network take their part.
  EXPECT_LE(pair.sent(Side::client).sent->messages, 20U * 51);
  EXPECT_GT(pair.sent(Side::client).sent->messages, 20U * 20);
  pair.close();
}

TEST(Requests, PacedOnesAreDueWhateverBecameOfThoseBefore) {
  auto task = requests(10);
  task.pace = PaceSpec{100, Arrival::poisson};
  task.pipeline = 4;
  WorkerPair pair({task});
  pair.run(100ms, 1s);
  const auto& sent = *pair.sent(Side::client).sent;
  ASSERT_TRUE(sent.backlog);
  const auto backlog = static_cast<double>(*sent.backlog);
  // 10 · 100/s, by Poisson: four standard deviations, and what came 100 ms late.
  EXPECT_NEAR(static_cast<double>(sent.messages) + backlog, 1'000, 4 * 32 + 100);
  EXPECT_LE(backlog, 4 * 10 + 100);
  pair.close();
}

class Duplex : public testing::TestWithParam<Io> {};

TEST_P(Duplex, BothSidesSendAndBothRead) {
  if (GetParam() == Io::io_uring) SKIP_WITHOUT_IO_URING();
  auto task = task_with(4);
  task.pattern = Pattern::duplex;
  task.io = GetParam();
  task.payload.fixed = Bytes{5'000};
  task.pace = PaceSpec{250};
  WorkerPair pair({task});
  pair.run(100ms, 1s);
  for (const auto* result : {&pair.client_result, &pair.server_result}) {
    const auto& part = result->tasks.at(0);
    ASSERT_TRUE(part.sent && part.bytes_read);
    const auto due = part.sent->messages + part.sent->backlog.value_or(0);
    EXPECT_NEAR(static_cast<double>(due), 1'000, 100);  // what came 100 ms late
    EXPECT_NEAR(static_cast<double>(*part.bytes_read), 5e6, 1e6);
    EXPECT_EQ(part.alive, 4U) << testing::PrintToString(part.errors);
  }
  pair.close();
}

INSTANTIATE_TEST_SUITE_P(Worker, Duplex,
                         testing::Values(Io::nonblocking, Io::level_triggered, Io::io_uring),
                         [](const auto& io) {
                           std::string name(name_of(io.param));
                           std::erase(name, '-');
                           return name;
                         });

// The reading end dies: each of its 50 connections is an error.
void expect_resets_counted(const FlowTask& task) {
  WorkerPair pair({task});
  pair.connect();
  pair.begin(50ms, 500ms);
  pair.client.next();  // a sample: traffic runs
  pair.server.process().kill(SIGKILL);
  const auto result = pair.client.result();
  EXPECT_EQ(result.tasks.at(0).alive, 0U);
  std::uint64_t errors = 0;
  for (const auto& [name, count] : result.tasks.at(0).errors) errors += count;
  EXPECT_EQ(errors, 50U) << testing::PrintToString(result.tasks.at(0).errors);
}

TEST(Faults, SendersByIoUringCountResets) {
  SKIP_WITHOUT_IO_URING();
  auto task = task_with(50);
  task.io = Io::io_uring;
  expect_resets_counted(task);
}

// What it would send by epoll is not what was asked for.
TEST(Faults, AWorkerThatIsNotOfIoUringRefusesToSendSo) {
  const LoopbackNetns netns;
  TestWorker worker(netns.get());
  worker.greet();
  Configure configure;
  configure.side = Side::client;
  configure.tasks = {task_with(1)};
  configure.tasks[0].io = Io::io_uring;
  worker.send(MessageType::configure, configure);
  EXPECT_THROW(worker.expect(MessageType::ready), Error);
}

TEST(Idle, ConnectionsAreHeldAndCarryNothing) {
  auto task = task_with(500);
  task.pattern = Pattern::idle;
  WorkerPair pair({task});
  pair.run(50ms, 200ms);
  for (const auto* result : {&pair.client_result, &pair.server_result}) {
    const auto& part = result->tasks.at(0);
    EXPECT_EQ(part.alive, 500U) << testing::PrintToString(part.errors);
    EXPECT_FALSE(part.sent);
    EXPECT_FALSE(part.bytes_read);
    EXPECT_EQ(part.sndbuf.count(), 500U);
    EXPECT_EQ(part.options.at("nodelay"), "false");
  }
  pair.close();
}

TEST(Idle, AnEndThatIsGoneIsCounted) {
  auto task = task_with(50);
  task.pattern = Pattern::idle;
  WorkerPair pair({task});
  pair.connect();
  pair.begin(50ms, 300ms);
  pair.server.process().kill(SIGKILL);
  const auto result = pair.client.result();
  EXPECT_EQ(result.tasks.at(0).alive, 0U);
  EXPECT_EQ(result.tasks.at(0).errors, (std::map<std::string, std::uint64_t>{{"ECONNRESET", 50}}));
}

TEST(Faults, RequestersCountResets) {
  expect_resets_counted(requests(50));
}

TEST(Faults, SourcePortsThatRunOutAreCounted) {
  WorkerPair pair({task_with(20)});
  {
    const ScopedNetns inside(pair.netns.get());
    ASSERT_EQ(write_kernel_file("/proc/sys/net/ipv4/ip_local_port_range", "40000 40009"), 0);
  }
  pair.client.send(MessageType::connect);
  const auto connected = pair.client.expect<Connected>(MessageType::connected);
  EXPECT_EQ(connected.tasks.at(0).established, 10U);
  EXPECT_EQ(connected.tasks.at(0).failed,
            (std::map<std::string, std::uint64_t>{{"EADDRNOTAVAIL", 10}}));
}

}  // namespace
}  // namespace netstall
