#include "loadgen/messages.hpp"

namespace netstall {

FlowTask task_of(const FlowGroup& group, std::uint32_t flow, std::uint16_t port,
                 std::uint32_t connections) {
  FlowTask task;
  task.flow = flow;
  task.name = group.name;
  task.port = port;
  task.connections = connections;
  task.sender = group.sender;
  task.pattern = group.pattern;
  task.io = group.io;
  task.family = group.family;
  task.payload = group.payload.fixed;
  if (group.pace) task.messages_per_s = group.pace->messages_per_s;
  task.bytes_per_s = group.reader.bytes_per_s;
  task.chunk = group.reader.chunk;
  task.stop_after = group.reader.stop_after;
  task.sndbuf = group.socket.sndbuf;
  task.rcvbuf = group.socket.rcvbuf;
  task.nodelay = group.socket.nodelay;
  return task;
}

}  // namespace netstall
