// The worker's life: what it does on each message, and when.
#pragma once

#include <asio/posix/basic_stream_descriptor.hpp>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/frame.hpp"
#include "loadgen/acceptor.hpp"
#include "loadgen/connector.hpp"
#include "loadgen/edge_watch.hpp"
#include "loadgen/ends.hpp"
#include "loadgen/messages.hpp"
#include "loadgen/socket_survey.hpp"

namespace netstall {

// Bound to one thread; the channel outlives it. Ends the process (status 0) when
// the control stream ends.
class Session {
 public:
  explicit Session(FrameChannel& channel);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Returns after `closed`. Throws Error for what cannot be done; then threads may
  // still be running, and only the end of the process ends them.
  void run();

  // Where it stands: "hello", "configure", "connect", "connected", "traffic",
  // "result", "close".
  std::string_view phase() const noexcept;

 private:
  enum class Phase : std::uint8_t { hello, configure, connect, connected, traffic, result, close };
  // One FlowTask, this worker's ends of it, and what is told of them.
  struct Task : Ends {
    const FlowTask* spec = nullptr;
    std::optional<std::uint64_t> sndbuf;
    std::optional<std::uint64_t> rcvbuf;
    OptionTexts options;
    std::uint64_t sampled_bytes = 0;
    std::uint32_t opened = 0;  // of UDP
    ErrorCounts not_opened;    // likewise
    std::optional<SocketSurvey> survey;
  };

  void watch_control();
  void handle(const Frame& frame);
  void expect(Phase phase, MessageType type) const;
  template <class Message>
  void send(MessageType type, const Message& message);

  void on_hello(const Hello& hello);
  void on_configure(Configure configure);
  void on_connect();
  void on_settle(const Settle& settle);
  void on_go(const Go& go);
  void on_close();

  void make_tasks();
  void open_datagram_sockets();
  void open_multicast_sockets(Task& task);
  void established(std::size_t task, Fd socket);
  void note_socket(Task& task, int fd);
  void report_connected();
  void schedule_survey();
  void schedule_sample(std::uint32_t index);
  void take_sample(std::uint32_t index);
  void await_result();
  void await_drained(std::int64_t at_ns);
  void report_result();
  void report_sent(Task& task, ResultTask& part, Result& result, bool& exact);

  asio::io_context io_;
  FrameChannel& channel_;
  asio::posix::basic_stream_descriptor<Executor> control_;
  Timer sample_timer_;
  Timer survey_timer_;
  Phase phase_ = Phase::hello;
  Configure configure_;
  std::string payload_;
  std::vector<char> read_buffer_;
  std::vector<Task> tasks_;
  std::optional<Connector> connector_;
  std::optional<Acceptor> acceptor_;
  std::optional<EdgeWatch> edge_watch_;
  Go go_;
};

}  // namespace netstall
