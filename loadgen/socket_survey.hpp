// What the kernel says of a task's sockets while traffic runs: of some at both edges of the
// window, of a few at each turn between them, so that a million connections cost no more
// than a thousand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "loadgen/messages.hpp"

namespace netstall {

// Counters of TCP_INFO, ns (the kernel's own step is a microsecond).
struct TcpTimes {
  std::int64_t busy = 0;  // something is sent or waits to be sent
  std::int64_t rwnd_limited = 0;
  std::int64_t sndbuf_limited = 0;
};
// Nothing where the socket is gone or is no TCP socket.
std::optional<TcpTimes> tcp_times_of(int fd) noexcept;

// Used from the worker's main thread: begin() at the window's start, turn() at will, end() once.
class SocketSurvey {
 public:
  // The descriptor of a connection below `connections`; -1 where it is gone.
  using SocketOf = std::function<int(std::size_t)>;

  // `budget`: sockets that are asked at each edge of the window, and at most at each turn; those
  // at the edges are spread evenly over the connections, the turns go round. `sends`: the
  // task's own end sends, and has times to tell.
  SocketSurvey(std::size_t connections, SocketOf socket_of, std::size_t budget, bool sends);

  void begin();
  void turn();
  SurveyResult end();

 private:
  struct Asked {
    std::size_t connection;
    std::int64_t at;
    TcpTimes times;
  };

  std::size_t connections_;
  SocketOf socket_of_;
  std::size_t budget_;
  bool sends_;
  std::vector<Asked> asked_;
  std::size_t next_ = 0;
  SurveyResult result_;
};

}  // namespace netstall
