#include "loadgen/effective.hpp"

#include <fmt/format.h>

#include "loadgen/reader_schedule.hpp"

namespace netstall {
namespace {

std::string buffer_text(const std::optional<Bytes>& size) {
  return size ? to_text(*size) : "the kernel's default";
}

std::string reader_text(const FlowTask& task) {
  std::string text = fmt::format("reader: {} a recv(), ", to_text(Bytes{read_size(task)}));
  text += task.bytes_per_s
              ? fmt::format("{} a connection", to_text(Rate{*task.bytes_per_s, Rate::Of::bytes}))
              : "at once";
  if (task.stop_after) {
    text += fmt::format(", nothing more {} after traffic began", to_text(*task.stop_after));
  }
  return text;
}

}  // namespace

std::vector<std::string> effective_options(const FlowTask& task) {
  const bool blocking = task.io == Io::blocking;
  std::string messages = fmt::format("messages: {} each, ", to_text(task.payload));
  messages += task.messages_per_s
                  ? fmt::format("{} a connection, due whatever happened before",
                                to_text(Rate{*task.messages_per_s, Rate::Of::events}))
                  : "as fast as the socket takes them";
  const std::string_view nodelay = !task.nodelay   ? "the kernel's default (off)"
                                   : *task.nodelay ? "on, both ends"
                                                   : "off, both ends";
  return {
      fmt::format("flow {}: {} connections to port {}, {}", task.name, task.connections, task.port,
                  name_of(task.family)),
      fmt::format("sender: {}, {}, {}", name_of(task.sender), name_of(task.io),
                  blocking ? "a thread each" : "edge-triggered epoll in one thread"),
      std::move(messages),
      reader_text(task),
      fmt::format("buffers: SO_SNDBUF {} at the sender, SO_RCVBUF {} at the reader, TCP_NODELAY {}",
                  buffer_text(task.sndbuf), buffer_text(task.rcvbuf), nodelay),
  };
}

}  // namespace netstall
