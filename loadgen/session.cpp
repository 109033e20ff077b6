#include "loadgen/session.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/process.hpp"
#include "loadgen/datagram_sockets.hpp"
#include "model/size_distribution.hpp"

namespace netstall {
namespace {

constexpr std::array<std::string_view, 7> kPhaseNames{
    "hello", "configure", "connect", "connected", "traffic", "result", "close"};

}  // namespace

Session::Session(FrameChannel& channel)
    : io_(ASIO_CONCURRENCY_HINT_UNSAFE),
      channel_(channel),
      control_(io_, channel.fd()),
      sample_timer_(io_),
      survey_timer_(io_) {}

Session::~Session() {
  // The channel owns it.
  control_.release();
}

std::string_view Session::phase() const noexcept {
  return kPhaseNames.at(static_cast<std::size_t>(phase_));
}

namespace {

// At once, threads and sockets with it.
[[noreturn]] void controller_gone() {
  ::_exit(0);
}

}  // namespace

void Session::run() {
  watch_control();
  io_.run();
}

void Session::watch_control() {
  control_.async_wait(control_.wait_read, [this](const asio::error_code& error) {
    if (error) return;
    const bool open = channel_.fill();
    while (auto frame = channel_.next()) handle(*frame);
    if (!open) controller_gone();
    if (phase_ != Phase::close) watch_control();
  });
}

template <class Message>
void Session::send(MessageType type, const Message& message) {
  // The end of the stream may be there to be read, behind what is due now.
  if (!channel_.try_send(static_cast<std::uint8_t>(type), to_wire(message))) controller_gone();
}

void Session::expect(Phase phase, MessageType type) const {
  if (phase_ == phase) return;
  throw Error(ErrorKind::failed, "serve the controller",
              fmt::format("message {} does not belong into phase {}", static_cast<int>(type),
                          this->phase()));
}

void Session::handle(const Frame& frame) {
  const auto type = static_cast<MessageType>(frame.type);
  switch (type) {
    case MessageType::hello:
      expect(Phase::hello, type);
      return on_hello(from_wire<Hello>(frame.payload));
    case MessageType::configure:
      expect(Phase::configure, type);
      return on_configure(from_wire<Configure>(frame.payload));
    case MessageType::clock_probe: {
      const auto worker_ns = mono_now().ns;
      const auto probe = from_wire<ClockProbe>(frame.payload);
      return send(MessageType::clock_reply, ClockReply{probe.controller_ns, worker_ns});
    }
    case MessageType::connect:
      expect(Phase::connect, type);
      return on_connect();
    case MessageType::settle:
      return on_settle(from_wire<Settle>(frame.payload));
    case MessageType::go:
      expect(Phase::connected, type);
      return on_go(from_wire<Go>(frame.payload));
    case MessageType::close:
      return on_close();
    default:
      throw Error(ErrorKind::failed, "serve the controller",
                  fmt::format("message {} is unknown", frame.type));
  }
}

void Session::on_hello(const Hello& hello) {
  if (hello.protocol != kWorkerProtocol) {
    throw Error(
        ErrorKind::failed, "greet the controller",
        fmt::format("it speaks protocol {}, this worker {}", hello.protocol, kWorkerProtocol));
  }
  phase_ = Phase::configure;
  send(MessageType::hello, Hello{kWorkerProtocol, ::getpid()});
}

void Session::on_configure(Configure configure) {
  configure_ = std::move(configure);
  make_tasks();
  if (configure_.side == Side::server) {
    open_datagram_sockets();
    acceptor_.emplace(
        io_, configure_,
        Acceptor::Handlers{[this](std::size_t task, Fd fd) { established(task, std::move(fd)); },
                           [this] { report_connected(); }});
    acceptor_->listen();
  }
  phase_ = Phase::connect;
  channel_.send(static_cast<std::uint8_t>(MessageType::ready), {});
  if (acceptor_) acceptor_->start();
}

void Session::make_tasks() {
  std::uint64_t payload = 1;
  std::uint64_t read = kReadBytes;
  for (const auto& task : configure_.tasks) {
    for (const auto* sizes : {&task.payload, &task.response}) {
      const auto largest = SizeDistribution(*sizes).largest();
      if (largest == 0) throw Error(ErrorKind::failed, "configure", "a message of no bytes");
      if (sends(task, configure_.side)) payload = std::max(payload, largest);
    }
    read = std::max(read, read_size(task));
  }
  payload_.resize(payload);
  for (std::size_t i = 0; i < payload_.size(); ++i) payload_[i] = static_cast<char>('a' + i % 23);
  read_buffer_.resize(read);
  for (const auto& spec : configure_.tasks) {
    auto& task = tasks_.emplace_back();
    task.spec = &spec;
    static_cast<Ends&>(task) = make_ends(spec, {io_, configure_, payload_, read_buffer_});
  }
}

// A server that cannot is of no use; what a client cannot open is counted.
void Session::open_datagram_sockets() {
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    auto& task = tasks_[i];
    const auto& spec = *task.spec;
    if (!is_udp(spec.pattern)) continue;
    if (spec.pattern == Pattern::multicast) {
      open_multicast_sockets(task);
      continue;
    }
    for (std::uint32_t index = 0; index < spec.connections; ++index) {
      Fd socket = open_datagram_socket(configure_, spec, index);
      if (socket) {
        ++task.opened;
        established(i, std::move(socket));
      } else if (configure_.side == Side::server) {
        throw_errno(fmt::format("open UDP port {}", spec.port + index), errno);
      } else {
        ++task.not_opened[errno_name(errno)];
      }
    }
  }
}

// One socket sends, of the worker that has the first connection. Of those that receive,
// what the kernel does not grant is counted on either side.
void Session::open_multicast_sockets(Task& task) {
  const auto& spec = *task.spec;
  if (spec.sender == configure_.side) {
    if (spec.first != 0) return;
    const Fd socket = open_multicast_sender(configure_, spec);
    if (!socket) throw_errno("open the socket that sends to multicast groups", errno);
    note_socket(task, socket.get());
    for (std::uint32_t group = 0; group < spec.multicast.groups; ++group) {
      Fd twin(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 0));
      if (!twin) throw_errno("duplicate a socket", errno);
      task.senders->adopt(std::move(twin));
    }
    return;
  }
  const auto per_socket = spec.multicast.per_socket;
  for (std::uint32_t index = 0; index * per_socket < spec.connections; ++index) {
    auto joined = open_multicast_receiver(configure_, spec, index);
    if (!joined.socket) {
      task.not_opened[errno_name(errno)] +=
          std::min(per_socket, spec.connections - index * per_socket);
      continue;
    }
    for (const auto& [name, count] : joined.refused) task.not_opened[name] += count;
    if (joined.groups.empty()) continue;
    task.opened += static_cast<std::uint32_t>(joined.groups.size());
    note_socket(task, joined.socket.get());
    task.datagram_readers->adopt(std::move(joined.socket), std::move(joined.groups));
  }
}

void Session::on_connect() {
  if (configure_.side == Side::server || connector_) {
    throw Error(ErrorKind::failed, "serve the controller", "it is not this worker's to connect");
  }
  connector_.emplace(
      io_, configure_,
      Connector::Handlers{[this](std::size_t task, Fd fd) { established(task, std::move(fd)); },
                          [this] { report_connected(); }});
  open_datagram_sockets();
  connector_->start();
}

void Session::on_settle(const Settle& settle) {
  if (!acceptor_) {
    throw Error(ErrorKind::failed, "serve the controller", "a client has nothing to settle");
  }
  acceptor_->settle(settle.connections);
}

void Session::established(std::size_t index, Fd socket) {
  auto& task = tasks_[index];
  if (acceptor_) set_not_inherited(socket.get(), *task.spec);
  note_socket(task, socket.get());
  if (task.senders && task.receivers) {
    Fd twin(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 0));
    if (!twin) throw_errno("duplicate a socket", errno);
    task.receivers->adopt(std::move(twin));
  }
  if (task.senders) {
    task.senders->adopt(std::move(socket));
  } else {
    task.receivers->adopt(std::move(socket));
  }
}

// The task's first one tells for all of them.
void Session::note_socket(Task& task, int fd) {
  if (task.sndbuf) return;
  task.sndbuf = sndbuf_of(fd);
  task.rcvbuf = rcvbuf_of(fd);
  task.options = options_of(fd, task.spec->family);
}

void Session::report_connected() {
  // Kept for options of the sockets, which all have them by now; the threads, which are yet
  // to come, get none.
  drop_capabilities();
  Connected connected;
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    auto& task = tasks_[i];
    if (task.receivers) task.receivers->prepare();
    if (task.senders) task.senders->prepare();
    ConnectedTask result;
    result.flow = task.spec->flow;
    result.sndbuf = task.sndbuf;
    result.rcvbuf = task.rcvbuf;
    result.options = task.options;
    if (is_udp(task.spec->pattern)) {
      result.established = task.opened;
      result.failed = task.not_opened;
    } else if (connector_) {
      const auto& outcome = connector_->outcomes()[i];
      result.established = outcome.established;
      result.failed = outcome.failed;
      if (task.dialers == nullptr) result.connect = outcome.connect;
    } else {
      const auto& outcome = acceptor_->outcomes()[i];
      result.established = outcome.established;
      result.failed = outcome.failed;
    }
    // All of them are ready to connect.
    if (task.spec->pattern == Pattern::connect) result.established = task.spec->connections;
    connected.tasks.push_back(std::move(result));
  }
  phase_ = Phase::connected;
  send(MessageType::connected, connected);
}

void Session::on_go(const Go& go) {
  if (go.window_from_ns >= go.window_to_ns || go.traffic_from_ns > go.window_from_ns) {
    throw Error(ErrorKind::failed, "start traffic", "its times are out of order");
  }
  go_ = go;
  phase_ = Phase::traffic;
  const Window window{go.window_from_ns, go.window_to_ns};
  std::vector<BlockingSenders*> blocking;
  // Readers first: nothing that is sent shall wait for them to be told.
  for (auto& task : tasks_) {
    if (task.receivers) task.receivers->start(go.traffic_from_ns, window);
  }
  for (auto& task : tasks_) {
    if (task.senders) task.senders->start(go.traffic_from_ns, window);
    if (task.blocking != nullptr) blocking.push_back(task.blocking);
  }
  if (!blocking.empty()) edge_watch_.emplace(std::move(blocking), window);
  schedule_survey();
  schedule_sample(1);
}

void Session::schedule_survey() {
  if (configure_.survey_budget == 0) return;
  std::uint64_t all = 0;
  for (const auto& task : tasks_) all += task.spec->connections;
  if (all == 0) return;
  for (auto& task : tasks_) {
    if (is_udp(task.spec->pattern)) continue;
    const auto budget = std::max<std::uint64_t>(
        configure_.survey_budget * std::uint64_t{task.spec->connections} / all, 1);
    const auto survey = [&](auto* ends, bool sends) {
      if (ends == nullptr || ends->connection_count() == 0) return;
      task.survey.emplace(
          ends->connection_count(), [ends](std::size_t i) { return ends->descriptor(i); }, budget,
          sends);
    };
    if (task.senders) {
      survey(task.senders.get(), true);
    } else {
      survey(task.receivers.get(), false);
    }
  }
  survey_timer_.expires_at(time_point_of(go_.window_from_ns));
  survey_timer_.async_wait([this](const asio::error_code& error) {
    if (error || phase_ != Phase::traffic) return;
    for (auto& task : tasks_) {
      if (task.survey) task.survey->begin();
    }
  });
}

void Session::schedule_sample(std::uint32_t index) {
  auto due = go_.window_to_ns;
  if (go_.sample_every.count() > 0) {
    due = std::min(due, go_.window_from_ns + index * go_.sample_every.count());
  }
  sample_timer_.expires_at(time_point_of(due));
  sample_timer_.async_wait([this, index, due](const asio::error_code& error) {
    // A timer that had fired when it was cancelled says nothing of that.
    if (error || phase_ != Phase::traffic) return;
    take_sample(index);
    if (due == go_.window_to_ns) {
      await_result();
    } else {
      schedule_sample(index + 1);
    }
  });
}

void Session::take_sample(std::uint32_t index) {
  Sample sample;
  sample.index = index;
  sample.t_ns = mono_now().ns;
  for (auto& task : tasks_) {
    SampleTask part;
    part.flow = task.spec->flow;
    if (const auto bytes = task.bytes_in_window(task.spec->pattern)) {
      part.bytes_read = *bytes - std::exchange(task.sampled_bytes, *bytes);
    }
    if (task.senders) part.blocked_senders = task.senders->blocked_now();
    if (task.survey) task.survey->turn();
    sample.tasks.push_back(part);
  }
  send(MessageType::sample, sample);
}

// Datagrams of the window have their time to arrive; of a stream none is lost.
void Session::await_result() {
  const bool datagrams = std::any_of(tasks_.begin(), tasks_.end(),
                                     [](const Task& task) { return is_udp(task.spec->pattern); });
  if (!datagrams || go_.drain.count() == 0) return report_result();
  await_drained(go_.window_to_ns + go_.drain.count());
}

// For as long as they still come out of some queue on the way, they are not lost.
void Session::await_drained(std::int64_t at_ns) {
  sample_timer_.expires_at(time_point_of(at_ns));
  sample_timer_.async_wait([this](const asio::error_code& error) {
    if (error || phase_ != Phase::traffic) return;
    std::int64_t last = 0;
    for (const auto& task : tasks_) {
      if (task.receivers) last = std::max(last, task.receivers->last_of_window());
      if (task.senders) last = std::max(last, task.senders->last_of_window());
    }
    const auto quiet = std::min(last + go_.drain.count(), go_.window_to_ns + kMostDrain.count());
    if (quiet <= mono_now().ns) return report_result();
    await_drained(quiet);
  });
}

void Session::report_result() {
  if (edge_watch_) edge_watch_->finish();
  Result result;
  bool exact = true;
  for (auto& task : tasks_) {
    auto& part = result.tasks.emplace_back();
    part.flow = task.spec->flow;
    part.bytes_read = task.bytes_in_window(task.spec->pattern);
    if (task.survey) part.survey = task.survey->end();
    if (task.receivers) {
      auto collected = task.receivers->collect();
      part.alive = collected.alive;
      part.errors = std::move(collected.errors);
      part.sndbuf = std::move(collected.sndbuf);
      part.rcvbuf = std::move(collected.rcvbuf);
      part.options = std::move(collected.options);
      part.delivery = std::move(collected.delivery);
      part.datagrams = std::move(collected.datagrams);
    }
    if (task.senders) report_sent(task, part, result, exact);
  }
  phase_ = Phase::result;
  send(MessageType::result, result);
}

// Of a duplex task after its receivers: one connection counts once.
void Session::report_sent(Task& task, ResultTask& part, Result& result, bool& exact) {
  auto collected = task.senders->collect();
  part.alive = task.receivers ? std::min(part.alive, collected.alive) : collected.alive;
  for (const auto& [name, count] : collected.errors) {
    auto& errors = part.errors[name];
    errors = std::max(errors, count);
  }
  part.sndbuf = std::move(collected.sndbuf);
  part.rcvbuf = std::move(collected.rcvbuf);
  part.options = std::move(collected.options);
  if (collected.datagrams) part.datagrams = std::move(collected.datagrams);
  auto& sent = part.sent.emplace();
  sent.messages = collected.tally.messages;
  if (task.spec->pace) sent.backlog = collected.backlog;
  sent.vain_sends = collected.vain_sends;
  if (task.spec->socket.zerocopy) sent.zerocopy = collected.tally.zerocopy;
  if (collected.times_calls) sent.send_call = std::move(collected.tally.send_call);
  sent.send_latency = std::move(collected.tally.send_latency);
  sent.acked = std::move(collected.acked);
  if (task.acks != nullptr) {
    sent.acked = task.acks->latency();
    sent.kernel_acked = task.acks->kernel_latency();
  }
  sent.connect = std::move(collected.connect);
  sent.own_clock = std::move(collected.tally.stalls);
  if (task.blocking == nullptr) return;
  exact = exact && collected.exact_gate;
  result.gate = exact ? "rseq" : "time";
  result.floor_ns = exact ? 0 : static_cast<std::uint64_t>(kSwitchFloorNs);
}

void Session::on_close() {
  if (phase_ == Phase::hello || phase_ == Phase::configure) {
    throw Error(ErrorKind::failed, "serve the controller", "there is nothing to close yet");
  }
  phase_ = Phase::close;
  sample_timer_.cancel();
  survey_timer_.cancel();
  edge_watch_.reset();
  if (connector_) connector_->stop();
  if (acceptor_) acceptor_->stop();
  for (auto& task : tasks_) {
    if (task.senders) task.senders->stop();
    if (task.receivers) task.receivers->stop();
  }
  channel_.send(static_cast<std::uint8_t>(MessageType::closed), {});
}

}  // namespace netstall
