// Senders by io_uring: each send is an operation of a ring, and those of many connections
// reach the kernel with one system call.
#pragma once

#include <asio/posix/basic_stream_descriptor.hpp>
#include <deque>
#include <span>

#include "loadgen/message_source.hpp"
#include "loadgen/reactor_stalls.hpp"
#include "loadgen/senders.hpp"

namespace netstall {

// A message, or its rest, is one sendmsg of the ring; a connection has one under way. The
// sockets block, so that the kernel does not hand EAGAIN on: it tries, waits for the socket
// to be writable, and tries again, while nobody is told. What the program can know of that
// is whether it was done when it first looked. So behind sends there goes a write to
// /dev/null, which is done as soon as the kernel comes by it: a send whose answer is not
// there when that of the write is was refused, and has stalled since it was handed over.
// A stall that was over by then is none. No call of send() is made, so none is timed, and
// what the kernel tried in vain is not known.
//
// Nothing is allocated while traffic runs. Messages are marked for their readers. Only in a
// program whose Asio is of io_uring (kRing): by epoll these would be no operations of a ring.
class RingSenders final : public Senders {
 public:
  // `payload` holds the largest message.
  RingSenders(asio::io_context& io, const FlowTask& task, std::uint64_t seed,
              std::span<const char> payload);
  ~RingSenders() override;

  void adopt(Fd socket) override;
  void prepare() override;
  void start(std::int64_t traffic_from, const Window& window) override;
  std::uint64_t blocked_now() override { return stalls_.open(); }
  std::size_t connection_count() const noexcept override;
  int descriptor(std::size_t index) noexcept override;
  Collected collect() override;
  void stop() override;

 private:
  struct Connection;
  struct Sent;
  struct Next;
  struct Look;
  struct Looked;
  struct Due {
    RingSenders* senders;
    void operator()(Connection& connection, std::int64_t due) const;
  };

  // Begins the next message, if it is due.
  void begin_message(Connection& connection, std::int64_t now);
  // Hands the rest of the message to the ring.
  void send_rest(Connection& connection, std::int64_t now);
  void sent(Connection& connection, const asio::error_code& error, std::size_t bytes);
  void whole(Connection& connection, std::int64_t now);
  // The write behind what was handed over.
  void look();
  void looked(const asio::error_code& error);
  void remember(Connection& connection) noexcept;
  void forget(Connection& connection) noexcept;
  void fail(Connection& connection, int error_number);

  asio::io_context& io_;
  const FlowTask& task_;
  std::span<const char> payload_;
  std::deque<Connection> connections_;
  // Those with a send under way of which it is not known whether it was refused, in order.
  Connection* first_ = nullptr;
  Connection* last_ = nullptr;
  std::uint64_t handed_over_ = 0;  // sends
  std::uint64_t look_covers_ = 0;  // those of them before the write that is under way
  bool look_posted_ = false;
  bool look_under_way_ = false;
  asio::posix::basic_stream_descriptor<asio::io_context::executor_type> nowhere_;
  OpMemory post_memory_;
  OpMemory look_memory_;
  MessageSource<Connection, Due> source_;
  std::int64_t traffic_from_ = 0;
  Window window_;
  SendTally tally_;
  std::uint64_t accepted_ = 0;  // whole messages before the window's end
  ReactorStalls stalls_;
  ErrorCounts errors_;
  bool collected_ = false;
  bool stopped_ = false;
};

}  // namespace netstall
