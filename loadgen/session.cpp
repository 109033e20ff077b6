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
#include "loadgen/idle_ends.hpp"
#include "loadgen/nonblocking_senders.hpp"
#include "loadgen/readers.hpp"
#include "loadgen/responders.hpp"
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
      sample_timer_(io_) {}

Session::~Session() {
  // The channel owns it.
  control_.release();
}

std::string_view Session::phase() const noexcept {
  return kPhaseNames.at(static_cast<std::size_t>(phase_));
}

void Session::run() {
  watch_control();
  io_.run();
}

void Session::watch_control() {
  control_.async_wait(control_.wait_read, [this](const asio::error_code& error) {
    if (error) return;
    const bool open = channel_.fill();
    while (auto frame = channel_.next()) handle(*frame);
    // The controller is gone: at once, threads and sockets with it.
    if (!open) ::_exit(0);
    if (phase_ != Phase::close) watch_control();
  });
}

template <class Message>
void Session::send(MessageType type, const Message& message) {
  channel_.send(static_cast<std::uint8_t>(type), to_wire(message));
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
    acceptor_.emplace(
        io_, configure_,
        Acceptor::Handlers{[this](std::size_t task, Fd fd) { established(task, std::move(fd)); },
                           [this] { report_connected(); }});
    acceptor_->listen();
  }
  phase_ = Phase::connect;
  channel_.send(static_cast<std::uint8_t>(MessageType::ready), {});
  // Without any connection it has all of them at once.
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
    make_ends(task);
  }
}

void Session::make_ends(Task& task) {
  const auto& spec = *task.spec;
  const bool asks = spec.sender == configure_.side;
  const bool alone = configure_.tasks.size() == 1;
  if (spec.pattern == Pattern::idle) {
    task.receivers = std::make_unique<IdleEnds>(spec);
    return;
  }
  if (spec.pattern == Pattern::request_response) {
    if (!asks) {
      task.receivers = std::make_unique<Responders>(io_, spec, payload_, read_buffer_, alone);
      return;
    }
    auto requesters =
        std::make_unique<Requesters>(io_, spec, configure_.seed, payload_, read_buffer_, alone);
    task.requesters = requesters.get();
    task.senders = std::move(requesters);
    return;
  }
  if (reads(spec, configure_.side)) {
    task.receivers = std::make_unique<Readers>(io_, spec, configure_.seed, read_buffer_);
  }
  if (!sends(spec, configure_.side)) return;
  if (spec.io == Io::blocking) {
    auto senders = std::make_unique<BlockingSenders>(spec, configure_.seed, payload_);
    task.blocking = senders.get();
    task.senders = std::move(senders);
  } else {
    task.senders = std::make_unique<NonblockingSenders>(io_, spec, configure_.seed, payload_);
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
  if (!task.sndbuf) {
    task.sndbuf = sndbuf_of(socket.get());
    task.rcvbuf = rcvbuf_of(socket.get());
    task.options = options_of(socket.get(), task.spec->family);
  }
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

void Session::report_connected() {
  // Kept for options of the sockets, which all have them by now; the senders' threads,
  // which are yet to come, get none.
  drop_capabilities();
  Connected connected;
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    auto& task = tasks_[i];
    if (task.senders) task.senders->prepare();
    ConnectedTask result;
    result.flow = task.spec->flow;
    result.sndbuf = task.sndbuf;
    result.rcvbuf = task.rcvbuf;
    result.options = task.options;
    if (connector_) {
      const auto& outcome = connector_->outcomes()[i];
      result.established = outcome.established;
      result.failed = outcome.failed;
      result.connect = outcome.connect;
    } else {
      const auto& outcome = acceptor_->outcomes()[i];
      result.established = outcome.established;
      result.failed = outcome.failed;
    }
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
  schedule_sample(1);
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
      report_result();
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
    if (const auto bytes = task.bytes_in_window()) {
      part.bytes_read = *bytes - std::exchange(task.sampled_bytes, *bytes);
    }
    if (task.senders) part.blocked_senders = task.senders->blocked_now();
    sample.tasks.push_back(part);
  }
  send(MessageType::sample, sample);
}

void Session::report_result() {
  if (edge_watch_) edge_watch_->finish();
  Result result;
  bool exact = true;
  for (auto& task : tasks_) {
    auto& part = result.tasks.emplace_back();
    part.flow = task.spec->flow;
    part.bytes_read = task.bytes_in_window();
    if (task.receivers) {
      auto collected = task.receivers->collect();
      part.alive = collected.alive;
      part.errors = std::move(collected.errors);
      part.sndbuf = std::move(collected.sndbuf);
      part.rcvbuf = std::move(collected.rcvbuf);
      part.options = std::move(collected.options);
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
  auto& sent = part.sent.emplace();
  sent.messages = collected.tally.messages;
  if (task.spec->pace) sent.backlog = collected.backlog;
  sent.send_call = std::move(collected.tally.send_call);
  sent.send_latency = std::move(collected.tally.send_latency);
  sent.acked = std::move(collected.acked);
  sent.own_clock = std::move(collected.tally.stalls);
  if (task.blocking == nullptr) return;
  exact = exact && collected.exact_gate;
  result.gate = exact ? "rseq" : "time";
  result.floor_ns = exact ? 0 : static_cast<std::uint64_t>(kSwitchFloorNs);
}

std::optional<std::uint64_t> Session::Task::bytes_in_window() const {
  if (spec->pattern == Pattern::idle) return std::nullopt;
  if (requesters != nullptr) return requesters->bytes_in_window();
  if (!receivers) return std::nullopt;
  return receivers->bytes_in_window();
}

void Session::on_close() {
  if (phase_ == Phase::hello || phase_ == Phase::configure) {
    throw Error(ErrorKind::failed, "serve the controller", "there is nothing to close yet");
  }
  phase_ = Phase::close;
  sample_timer_.cancel();
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
