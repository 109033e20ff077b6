// For tests: workers as processes in a network namespace of their own, and the
// controller's part of the conversation.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/frame.hpp"
#include "base/netns.hpp"
#include "base/process.hpp"
#include "loadgen/messages.hpp"
#include "loadgen/ring_test.hpp"
#include "loadgen/worker.hpp"

namespace netstall {

using namespace std::chrono_literals;

// A namespace with its loopback up.
class LoopbackNetns {
 public:
  LoopbackNetns() : netns_(Netns::create()) {
    const ScopedNetns inside(netns_);
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    std::string("lo").copy(request.ifr_name, sizeof request.ifr_name - 1);
    request.ifr_flags = IFF_UP;
    if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) throw_errno("raise lo", errno);
  }
  const Netns& get() const noexcept { return netns_; }
  // Of the loopback in this thread's namespace.
  static void set_mtu(int mtu) {
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    std::string("lo").copy(request.ifr_name, sizeof request.ifr_name - 1);
    request.ifr_mtu = mtu;
    if (::ioctl(socket.get(), SIOCSIFMTU, &request) != 0) throw_errno("set lo's MTU", errno);
  }

 private:
  Netns netns_;
};

// Which program a worker is, by what a side sends.
enum class TestProgram : std::uint8_t { epoll, ring };
inline TestProgram program_for(const std::vector<FlowTask>& tasks, Side side) {
  for (const auto& task : tasks) {
    if (task.io == Io::io_uring && sends(task, side)) return TestProgram::ring;
  }
  return TestProgram::epoll;
}

// One worker, and this end of its control stream.
class TestWorker {
 public:
  explicit TestWorker(const Netns& netns, std::vector<std::string> arguments = {},
                      TestProgram program = TestProgram::epoll)
      : TestWorker(netns, std::move(arguments), program, make_control_pair()) {}

  template <class Message>
  void send(MessageType type, const Message& message) {
    channel_.send(static_cast<std::uint8_t>(type), to_wire(message));
  }
  void send(MessageType type) { channel_.send(static_cast<std::uint8_t>(type), {}); }

  // The next message; an Error where the worker says that it failed, is gone, or
  // says nothing for so long.
  Frame next(Nanoseconds within = 20s) {
    const Deadline deadline(within);
    for (;;) {
      if (auto frame = channel_.next()) {
        if (frame->type == static_cast<std::uint8_t>(MessageType::failed)) {
          const auto failed = from_wire<Failed>(frame->payload);
          throw Error(ErrorKind::failed, failed.phase, failed.text);
        }
        return *frame;
      }
      if (ended_) throw Error(ErrorKind::failed, "wait for a message", "end of stream");
      if (deadline.passed()) throw Error(ErrorKind::failed, "wait for a message", "none came");
      pollfd event{channel_.fd(), POLLIN, 0};
      ::poll(&event, 1, deadline.poll_timeout());
      // What came before the end is still to be had.
      ended_ = !channel_.fill();
    }
  }
  void expect(MessageType type) { EXPECT_EQ(next().type, static_cast<std::uint8_t>(type)); }
  template <class Message>
  Message expect(MessageType type) {
    const auto frame = next();
    EXPECT_EQ(frame.type, static_cast<std::uint8_t>(type));
    return from_wire<Message>(frame.payload);
  }

  void greet() {
    send(MessageType::hello, Hello{});
    EXPECT_EQ(expect<Hello>(MessageType::hello).pid, process_.pid());
  }
  // Up to `ready`.
  void configure(const Configure& configure) {
    greet();
    send(MessageType::configure, configure);
    expect(MessageType::ready);
  }
  // All samples up to the result.
  Result result() {
    for (;;) {
      const auto frame = next();
      if (frame.type == static_cast<std::uint8_t>(MessageType::result)) {
        return from_wire<Result>(frame.payload);
      }
      EXPECT_EQ(frame.type, static_cast<std::uint8_t>(MessageType::sample));
      samples.push_back(from_wire<Sample>(frame.payload));
    }
  }
  // The control stream ends here.
  void hang_up() { channel_ = FrameChannel(Fd()); }
  ChildProcess& process() noexcept { return process_; }

  std::vector<Sample> samples;

 private:
  TestWorker(const Netns& netns, std::vector<std::string> arguments, TestProgram program,
             std::pair<Fd, Fd> ends)
      : process_(start(netns, std::move(arguments), program, ends.second.get())),
        channel_(std::move(ends.first)) {}

  static ChildProcess start(const Netns& netns, std::vector<std::string> arguments,
                            TestProgram which, int control) {
    const Fd program(
        ::open(which == TestProgram::ring ? NETSTALL_TEST_WORKER_URING : NETSTALL_TEST_WORKER,
               O_PATH | O_CLOEXEC));
    SpawnOptions options;
    options.argv = std::move(arguments);
    options.argv.insert(options.argv.begin(), kWorkerName);
    options.exe_fd = program.get();
    options.control_fd = control;
    options.netns = &netns;
    options.may_lock_memory = true;
    return ChildProcess::spawn(options);
  }

  ChildProcess process_;
  FrameChannel channel_;
  bool ended_ = false;
};

inline FlowTask task_with(std::uint32_t connections) {
  FlowTask task;
  task.name = "flow";
  task.port = 5001;
  task.connections = connections;
  return task;
}

// A server and a client that talk over one loopback.
class WorkerPair {
 public:
  // Of UDP both ends have the same port, so that the client has an address of its own.
  explicit WorkerPair(std::vector<FlowTask> tasks, Nanoseconds ramp = 0ns,
                      const std::vector<std::string>& arguments = {})
      : server(netns.get(), arguments, program_for(tasks, Side::server)),
        client(netns.get(), arguments, program_for(tasks, Side::client)) {
    Configure configure;
    configure.side = Side::server;
    configure.local_v4 = "127.0.0.1";
    configure.local_v6 = "::1";
    configure.tasks = std::move(tasks);
    name_peers(configure.tasks, "127.0.0.2");
    configure.ramp = ramp;
    configure.connect_deadline = 10s;
    configure.survey_budget = 100;
    server.configure(configure);
    configure.side = Side::client;
    configure.local_v4 = "127.0.0.2";
    name_peers(configure.tasks, "127.0.0.1");
    configure.seed = 2;
    client.configure(configure);
  }

  void connect() {
    client.send(MessageType::connect);
    client_connected = client.expect<Connected>(MessageType::connected);
    Settle settle;
    for (const auto& task : client_connected.tasks) settle.connections.push_back(task.established);
    server.send(MessageType::settle, settle);
    server_connected = server.expect<Connected>(MessageType::connected);
  }

  // Connects, and measures for `window` after `warmup`.
  void run(Nanoseconds warmup, Nanoseconds window) {
    connect();
    begin(warmup, window);
    client_result = client.result();
    server_result = server.result();
  }

  void begin(Nanoseconds warmup, Nanoseconds window) {
    Go go;
    go.traffic_from_ns = (mono_now() + 50ms).ns;
    go.window_from_ns = go.traffic_from_ns + warmup.count();
    go.window_to_ns = go.window_from_ns + window.count();
    go.drain = 200ms;
    server.send(MessageType::go, go);
    client.send(MessageType::go, go);
  }

  // Ends both in good order.
  void close() {
    for (auto* worker : {&client, &server}) {
      worker->send(MessageType::close);
      worker->expect(MessageType::closed);
      const auto status = worker->process().wait(Deadline(5s));
      ASSERT_TRUE(status.has_value());
      EXPECT_EQ(*status, 0) << wait_status_text(*status);
    }
  }

  const ResultTask& sent(Side side, std::size_t task = 0) const {
    return (side == Side::client ? client_result : server_result).tasks.at(task);
  }
  const ResultTask& read(Side sender, std::size_t task = 0) const {
    return sent(other(sender), task);
  }

  static void name_peers(std::vector<FlowTask>& tasks, const char* v4) {
    for (auto& task : tasks) task.peer = task.family == Family::ipv4 ? v4 : "::1";
  }

  LoopbackNetns netns;
  TestWorker server;
  TestWorker client;
  Connected client_connected;
  Connected server_connected;
  Result client_result;
  Result server_result;
};

}  // namespace netstall
