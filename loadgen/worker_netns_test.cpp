// Workers against each other: traffic in every form.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/file.hpp"
#include "loadgen/worker_pair.hpp"

namespace netstall {
namespace {

struct Form {
  Side sender;
  Family family;
  Io io;
};

std::string name_of_form(const testing::TestParamInfo<Form>& form) {
  auto name = std::string(name_of(form.param.sender)) + "_" +
              std::string(name_of(form.param.family)) + "_" + std::string(name_of(form.param.io));
  std::erase(name, '-');
  return name;
}

class Traffic : public testing::TestWithParam<Form> {
 protected:
  void SetUp() override {
    if (GetParam().io == Io::io_uring) SKIP_WITHOUT_IO_URING();
  }
  FlowTask task(std::uint32_t connections) const {
    auto task = task_with(connections);
    task.sender = GetParam().sender;
    task.family = GetParam().family;
    task.io = GetParam().io;
    return task;
  }
};

TEST_P(Traffic, TheKernelIsAskedAboutBothEnds) {
  auto task = this->task(3);
  task.reader.stop_after = 0ms;
  WorkerPair pair({task});
  pair.run(300ms, 1s);
  const auto& sent = pair.sent(task.sender).survey;
  const auto& read = pair.read(task.sender).survey;
  ASSERT_TRUE(sent && read);
  EXPECT_EQ(sent->connections, 3U);
  const auto elapsed = static_cast<double>(sent->elapsed_ns);
  EXPECT_GT(elapsed, 2.7e9);
  EXPECT_GT(static_cast<double>(sent->busy_ns) / elapsed, 0.9);
  EXPECT_GT(static_cast<double>(sent->rwnd_limited_ns) / elapsed, 0.8) << "nobody reads";
  EXPECT_GT(sent->queue.count(), 0U);
  EXPECT_GT(sent->queue.min(), 0U);
  EXPECT_EQ(read->connections, 0U);
  EXPECT_GT(read->queue.min(), 0U);
}

TEST_P(Traffic, PaceIsKeptAndBytesArrive) {
  auto task = this->task(4);
  task.payload.fixed = Bytes{5000};
  task.pace = PaceSpec{250};
  WorkerPair pair({task});
  pair.run(100ms, 1s);
  const auto& sent = pair.sent(task.sender);
  const auto& read = pair.read(task.sender);
  for (const auto* connected : {&pair.client_connected, &pair.server_connected}) {
    EXPECT_EQ(connected->tasks.at(0).established, 4U);
    EXPECT_TRUE(connected->tasks.at(0).failed.empty());
  }
  ASSERT_TRUE(sent.sent);
  // What is late at the first edge counts, what is late at the last is the backlog: on
  // a machine that had no CPU for the senders, some periods of each. That each message
  // is sent when it is due is the business of pacer_test.cpp.
  const auto backlog = static_cast<double>(*sent.sent->backlog);
  EXPECT_NEAR(static_cast<double>(sent.sent->messages) + backlog, 1000, 4 * 25);
  EXPECT_LE(backlog, 4 * 25);
  EXPECT_EQ(sent.sent->send_latency.count(), sent.sent->messages);
  EXPECT_EQ(sent.alive, 4U) << testing::PrintToString(sent.errors);
  ASSERT_TRUE(read.bytes_read) << testing::PrintToString(read.errors);
  // What is on its way at an edge depends on when the reader gets a CPU; that not
  // a byte is lost or counted twice is the business of senders_test.cpp.
  EXPECT_NEAR(static_cast<double>(*read.bytes_read), 5e6, 1e6);
  EXPECT_TRUE(sent.errors.empty());
  EXPECT_TRUE(read.errors.empty());
  pair.close();
}

// What a Sample says of goodput adds up to the result.
std::uint64_t sampled_bytes(const std::vector<Sample>& samples) {
  std::uint64_t sum = 0;
  for (const auto& sample : samples) sum += sample.tasks.at(0).bytes_read;
  return sum;
}

TEST_P(Traffic, SlowReadersBlockTheirSenders) {
  auto task = this->task(4);
  task.payload.fixed = Bytes{8'192};
  task.socket.sndbuf = Bytes{16'384};
  task.socket.rcvbuf = Bytes{16'384};
  task.reader.bytes_per_s = 500'000;
  task.reader.chunk = Bytes{4'096};
  WorkerPair pair({task});
  pair.run(300ms, 1s);
  const auto& read = pair.read(task.sender);
  EXPECT_NEAR(static_cast<double>(*read.bytes_read), 2e6, 2e5);
  const auto& stalls = pair.sent(task.sender).sent->own_clock;
  EXPECT_GT(stalls.count, 20U);
  EXPECT_GE(stalls.waits, stalls.count);
  EXPECT_EQ(stalls.duration.count(), stalls.count);
  // Unpaced senders before slow readers wait nearly all the time.
  EXPECT_GT(stalls.time_ns, 3'600'000'000U);
  EXPECT_LE(stalls.time_ns, 4'000'000'000U);
  auto& reader = task.sender == Side::client ? pair.server : pair.client;
  auto& sender = task.sender == Side::client ? pair.client : pair.server;
  EXPECT_EQ(sampled_bytes(reader.samples), *read.bytes_read);
  ASSERT_EQ(sender.samples.size(), 10U);
  std::uint64_t blocked = 0;
  for (const auto& sample : sender.samples) blocked += sample.tasks.at(0).blocked_senders;
  // A look may fall between one send and the next, and more often where that takes long.
  EXPECT_GT(blocked, 20U);
  EXPECT_LE(blocked, 40U);
  pair.close();
}

// No orphan, no TIME_WAIT: nothing but the heading.
void expect_no_sockets(const WorkerPair& pair) {
  const ScopedNetns inside(pair.netns.get());
  for (const char* table : {"/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"}) {
    const auto text = read_file(table);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
  }
}

// Whatever sends: one that does not block has its reader's thread all the same.
TEST_P(Traffic, AThreadReadsEachConnection) {
  auto task = this->task(4);
  task.payload.fixed = Bytes{20'000};
  task.reader.io = ReaderIo::blocking;
  WorkerPair pair({task});
  pair.run(100ms, 500ms);
  const auto& sent = pair.sent(task.sender);
  const auto& read = pair.read(task.sender);
  EXPECT_TRUE(sent.errors.empty()) << testing::PrintToString(sent.errors);
  EXPECT_TRUE(read.errors.empty()) << testing::PrintToString(read.errors);
  EXPECT_EQ(read.alive, 4U);
  const auto bytes = static_cast<double>(*read.bytes_read);
  EXPECT_GT(bytes, 1e6);
  auto& reader = task.sender == Side::client ? pair.server : pair.client;
  EXPECT_EQ(sampled_bytes(reader.samples), *read.bytes_read);
  // What is under way at an edge fills two buffers of each at most.
  const auto room = 4.0 * (4 << 20) + 4.0 * (6 << 20);
  EXPECT_NEAR(static_cast<double>(sent.sent->messages) * 20'000, bytes, room);
  EXPECT_NEAR(static_cast<double>(read.delivery->count()) * 20'000, bytes,
              4 * 20'000 + 65'536.0 * 4);
  pair.close();
  expect_no_sockets(pair);
}

TEST_P(Traffic, ReadersThatStopForEverLeaveOpenStalls) {
  auto task = this->task(3);
  task.reader.stop_after = 0ns;
  task.socket.sndbuf = task.socket.rcvbuf = Bytes{32'768};
  WorkerPair pair({task});
  pair.run(500ms, 500ms);
  const auto& stalls = pair.sent(task.sender).sent->own_clock;
  EXPECT_EQ(stalls.count, 3U);
  EXPECT_EQ(stalls.waits, 3U);
  EXPECT_EQ(stalls.open_at_start, 3U);
  EXPECT_EQ(stalls.open_at_end, 3U);
  EXPECT_EQ(stalls.time_ns, 1'500'000'000U);
  EXPECT_EQ(pair.read(task.sender).bytes_read, 0U);
  EXPECT_EQ(pair.sent(task.sender).sent->messages, 0U);
  pair.close();
}

TEST_P(Traffic, BuffersAreSetWhereTheyBelong) {
  auto task = this->task(2);
  task.socket.sndbuf = Bytes{20'000};
  task.socket.rcvbuf = Bytes{30'000};
  task.pace = PaceSpec{100};
  WorkerPair pair({task});
  pair.run(50ms, 200ms);
  // The kernel doubles what it is asked for.
  const auto& sender = task.sender == Side::client ? pair.client_connected : pair.server_connected;
  const auto& reader = task.sender == Side::client ? pair.server_connected : pair.client_connected;
  EXPECT_EQ(sender.tasks.at(0).sndbuf, 40'000U);
  EXPECT_EQ(reader.tasks.at(0).rcvbuf, 60'000U);
  EXPECT_NE(sender.tasks.at(0).rcvbuf, 60'000U);
  EXPECT_NE(reader.tasks.at(0).sndbuf, 40'000U);
  EXPECT_EQ(pair.sent(task.sender).sndbuf.count(), 2U);
  EXPECT_EQ(pair.sent(task.sender).sndbuf.max(), 40'000U);
  EXPECT_EQ(pair.read(task.sender).rcvbuf.min(), 60'000U);
  pair.close();
}

TEST_P(Traffic, ClosesAtOnceAndLeavesNothing) {
  auto task = this->task(50);
  task.reader.stop_after = 0ns;
  WorkerPair pair({task});
  pair.connect();
  pair.begin(200ms, 60s);
  auto& sender = task.sender == Side::client ? pair.client : pair.server;
  // Until all of them are blocked; the first sample comes after 300 ms.
  while (from_wire<Sample>(sender.next().payload).tasks.at(0).blocked_senders < 50) {
  }
  const auto before = mono_now();
  for (auto* worker : {&pair.client, &pair.server}) {
    worker->send(MessageType::close);
    while (worker->next().type != static_cast<std::uint8_t>(MessageType::closed)) {
    }
    EXPECT_EQ(worker->process().wait(Deadline(5s)), 0);
  }
  EXPECT_LT(mono_now() - before, 5s);
  expect_no_sockets(pair);
}

INSTANTIATE_TEST_SUITE_P(Worker, Traffic,
                         testing::Values(Form{Side::client, Family::ipv4, Io::blocking},
                                         Form{Side::server, Family::ipv4, Io::blocking},
                                         Form{Side::client, Family::ipv6, Io::blocking},
                                         Form{Side::server, Family::ipv6, Io::blocking},
                                         Form{Side::client, Family::ipv4, Io::nonblocking},
                                         Form{Side::server, Family::ipv4, Io::nonblocking},
                                         Form{Side::client, Family::ipv6, Io::nonblocking},
                                         Form{Side::server, Family::ipv6, Io::nonblocking},
                                         Form{Side::client, Family::ipv4, Io::io_uring},
                                         Form{Side::server, Family::ipv6, Io::io_uring}),
                         name_of_form);

TEST(Worker, TwoThousandConnections) {
  auto task = task_with(2'000);
  task.payload.fixed = Bytes{1'000};
  task.pace = PaceSpec{5};
  task.sender = Side::server;
  WorkerPair pair({task}, 500ms);
  const auto before = mono_now();
  pair.connect();
  EXPECT_GE(mono_now() - before, 490ms);
  EXPECT_EQ(pair.client_connected.tasks.at(0).established, 2'000U);
  EXPECT_EQ(pair.client_connected.tasks.at(0).connect->count(), 2'000U);
  EXPECT_EQ(pair.server_connected.tasks.at(0).established, 2'000U);
  EXPECT_FALSE(pair.server_connected.tasks.at(0).connect);
  pair.begin(300ms, 1s);
  pair.client_result = pair.client.result();
  pair.server_result = pair.server.result();
  EXPECT_EQ(pair.sent(Side::server).alive, 2'000U);
  EXPECT_EQ(pair.read(Side::server).alive, 2'000U);
  const auto& sent = *pair.sent(Side::server).sent;
  EXPECT_NEAR(static_cast<double>(sent.messages + sent.backlog.value_or(0)), 10'000, 1'000);
  EXPECT_NEAR(static_cast<double>(*pair.read(Side::server).bytes_read), 1e7, 1e6);
  pair.close();
}

TEST(Worker, TasksOfBothKindsInOnePair) {
  auto upload = task_with(3);
  upload.flow = 7;
  upload.io = Io::blocking;
  upload.payload.fixed = Bytes{2'000};
  upload.pace = PaceSpec{200};
  auto download = task_with(5);
  download.flow = 8;
  download.port = 5002;
  download.sender = Side::server;
  download.family = Family::ipv6;
  download.payload.fixed = Bytes{700};
  download.pace = PaceSpec{100};
  WorkerPair pair({upload, download});
  pair.run(100ms, 500ms);
  EXPECT_EQ(pair.client_result.tasks.at(0).flow, 7U);
  EXPECT_EQ(pair.client_result.tasks.at(1).flow, 8U);
  // What came 100 ms late at either edge.
  const auto due = [](const SentResult& sent) {
    return static_cast<double>(sent.messages + sent.backlog.value_or(0));
  };
  EXPECT_NEAR(due(*pair.sent(Side::client, 0).sent), 300, 60);
  EXPECT_NEAR(due(*pair.sent(Side::server, 1).sent), 250, 50);
  EXPECT_FALSE(pair.sent(Side::client, 1).sent);
  EXPECT_FALSE(pair.sent(Side::client, 0).bytes_read);
  EXPECT_EQ(pair.client_result.gate.empty(), false);
  EXPECT_EQ(pair.server_result.gate, "");
  pair.close();
}

TEST(Worker, WithoutConnectionsItServesAllTheSame) {
  WorkerPair pair({task_with(0)});
  pair.run(10ms, 100ms);
  EXPECT_EQ(pair.sent(Side::client).sent->messages, 0U);
  EXPECT_EQ(pair.read(Side::client).bytes_read, 0U);
  pair.close();
}

}  // namespace
}  // namespace netstall
