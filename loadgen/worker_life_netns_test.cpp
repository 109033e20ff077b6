// A worker's life: what it refuses, what it counts of connections that fail, its end.
#include <gmock/gmock.h>
#include <sys/socket.h>

#include "loadgen/endpoint.hpp"
#include "loadgen/worker_pair.hpp"

namespace netstall {
namespace {

Configure client_of(FlowTask task) {
  Configure configure;
  configure.local_v4 = "127.0.0.1";
  configure.local_v6 = "::1";
  task.peer = task.family == Family::ipv4 ? configure.local_v4 : configure.local_v6;
  configure.tasks = {std::move(task)};
  configure.connect_deadline = 300ms;
  return configure;
}

TEST(Worker, RefusedConnectsAreCountedByTheirError) {
  const LoopbackNetns netns;
  TestWorker client(netns.get());
  client.configure(client_of(task_with(20)));
  client.send(MessageType::connect);
  const auto connected = client.expect<Connected>(MessageType::connected);
  EXPECT_EQ(connected.tasks.at(0).established, 0U);
  EXPECT_EQ(connected.tasks.at(0).failed,
            (std::map<std::string, std::uint64_t>{{"ECONNREFUSED", 20}}));
  EXPECT_FALSE(connected.tasks.at(0).sndbuf);
}

TEST(Worker, ConnectsThatNobodyAnswersTimeOut) {
  const LoopbackNetns netns;
  Fd listener;
  {
    const ScopedNetns inside(netns.get());
    listener = make_socket(FlowTask{}, Side::server);
    const auto address = address_of(Family::ipv4, "127.0.0.1", 5001);
    ASSERT_EQ(::bind(listener.get(), address.get(), address.length), 0);
    // The queue takes one more than asked for; the SYNs behind it are dropped.
    ASSERT_EQ(::listen(listener.get(), 0), 0);
  }
  TestWorker client(netns.get());
  auto configure = client_of(task_with(600));
  client.configure(configure);
  client.send(MessageType::connect);
  const auto connected = client.expect<Connected>(MessageType::connected);
  EXPECT_EQ(connected.tasks.at(0).established + connected.tasks.at(0).failed.at("ETIMEDOUT"), 600U);
  EXPECT_LE(connected.tasks.at(0).established, 2U);
}

TEST(Worker, ClosesInEveryPhase) {
  const LoopbackNetns netns;
  const auto close = [](TestWorker& worker) {
    worker.send(MessageType::close);
    worker.expect(MessageType::closed);
    EXPECT_EQ(worker.process().wait(Deadline(20s)), 0);
  };
  TestWorker server(netns.get());
  auto configure = client_of(task_with(20));
  configure.side = Side::server;
  configure.connect_deadline = 60s;
  server.configure(configure);
  configure.side = Side::client;
  TestWorker configured(netns.get());
  configured.configure(configure);
  close(configured);
  // A ramp of an hour has hardly begun.
  configure.ramp = std::chrono::hours(1);
  TestWorker connecting(netns.get());
  connecting.configure(configure);
  connecting.send(MessageType::connect);
  close(connecting);
  close(server);
  WorkerPair connected({task_with(20)});
  connected.connect();
  connected.close();
  WorkerPair waiting({task_with(20)});
  waiting.connect();
  waiting.begin(30s, 30s);
  waiting.close();
}

TEST(Worker, AServerThatMissesSomeSaysSoInTime) {
  const LoopbackNetns netns;
  TestWorker server(netns.get());
  auto configure = client_of(task_with(20));
  configure.side = Side::server;
  server.configure(configure);
  const auto connected = server.expect<Connected>(MessageType::connected);
  EXPECT_EQ(connected.tasks.at(0).established, 0U);
}

TEST(Worker, AServerSettlesForWhatItsClientsHave) {
  const LoopbackNetns netns;
  TestWorker server(netns.get());
  auto configure = client_of(task_with(20));
  configure.side = Side::server;
  configure.connect_deadline = 20s;
  server.configure(configure);
  const auto before = mono_now();
  server.send(MessageType::settle, Settle{{0}});
  EXPECT_EQ(server.expect<Connected>(MessageType::connected).tasks.at(0).established, 0U);
  EXPECT_LT(mono_now() - before, 5s);
}

TEST(Worker, ASenderCountsWhatResetItsConnections) {
  auto task = task_with(10);
  task.io = Io::blocking;
  task.reader.stop_after = 0ns;
  WorkerPair pair({task});
  pair.connect();
  pair.begin(200ms, 500ms);
  // The reading end dies: its sockets reset their connections.
  while (from_wire<Sample>(pair.client.next().payload).tasks.at(0).blocked_senders < 10) {
  }
  pair.server.process().kill(SIGKILL);
  const auto result = pair.client.result();
  EXPECT_EQ(result.tasks.at(0).alive, 0U);
  EXPECT_EQ(result.tasks.at(0).errors, (std::map<std::string, std::uint64_t>{{"ECONNRESET", 10}}));
  const auto& stalls = result.tasks.at(0).sent->own_clock;
  EXPECT_EQ(stalls.count, 10U);
  EXPECT_EQ(stalls.open_at_start, 10U);
  EXPECT_EQ(stalls.open_at_end, 0U);
}

TEST(Worker, EndsWithItsControlStream) {
  for (const Io io : {Io::blocking, Io::nonblocking}) {
    auto task = task_with(20);
    task.io = io;
    task.reader.stop_after = 0ns;
    WorkerPair pair({task});
    pair.connect();
    pair.begin(100ms, 60s);
    pair.client.next();
    for (auto* worker : {&pair.client, &pair.server}) {
      worker->hang_up();
      EXPECT_EQ(worker->process().wait(Deadline(20s)), 0);
    }
  }
  const LoopbackNetns netns;
  TestWorker fresh(netns.get());
  fresh.hang_up();
  EXPECT_EQ(fresh.process().wait(Deadline(20s)), 0);
}

TEST(Worker, AnswersClockProbes) {
  const LoopbackNetns netns;
  TestWorker worker(netns.get());
  worker.greet();
  const auto before = mono_now().ns;
  worker.send(MessageType::clock_probe, ClockProbe{42});
  const auto reply = worker.expect<ClockReply>(MessageType::clock_reply);
  EXPECT_EQ(reply.controller_ns, 42);
  // On one machine both have the same clock.
  EXPECT_GE(reply.worker_ns, before);
  EXPECT_LE(reply.worker_ns, mono_now().ns);
}

// The text of `failed`, and that the worker ends with 1.
std::string failure_of(TestWorker& worker) {
  std::string text;
  try {
    worker.next();
  } catch (const Error& error) {
    text = error.what();
  }
  EXPECT_EQ(worker.process().wait(Deadline(20s)), 256);
  return text;
}

TEST(Worker, RefusesAnotherProtocol) {
  const LoopbackNetns netns;
  TestWorker worker(netns.get());
  worker.send(MessageType::hello, Hello{kWorkerProtocol + 1, 0});
  EXPECT_EQ(failure_of(worker), "hello: greet the controller: it speaks protocol " +
                                    std::to_string(kWorkerProtocol + 1) + ", this worker " +
                                    std::to_string(kWorkerProtocol));
}

TEST(Worker, RefusesMessagesOutOfTurn) {
  const LoopbackNetns netns;
  TestWorker early(netns.get());
  early.send(MessageType::go, Go{1, 2, 3});
  EXPECT_EQ(failure_of(early),
            "hello: serve the controller: message 8 does not belong into phase hello");
  TestWorker unknown(netns.get());
  unknown.greet();
  unknown.send(static_cast<MessageType>(99));
  EXPECT_EQ(failure_of(unknown), "configure: serve the controller: message 99 is unknown");
  TestWorker garbled(netns.get());
  garbled.greet();
  garbled.send(MessageType::configure, Hello{});
  EXPECT_THAT(failure_of(garbled), testing::StartsWith("configure: read a message: "));
}

TEST(Worker, SaysWhichPortItCannotHave) {
  const LoopbackNetns netns;
  TestWorker first(netns.get());
  auto configure = client_of(task_with(1));
  configure.side = Side::server;
  first.configure(configure);
  TestWorker second(netns.get());
  second.greet();
  second.send(MessageType::configure, configure);
  EXPECT_EQ(failure_of(second), "configure: listen on 127.0.0.1 port 5001: Address already in use");
}

}  // namespace
}  // namespace netstall
