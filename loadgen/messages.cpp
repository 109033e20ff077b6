#include "loadgen/messages.hpp"

namespace netstall {

FlowTask task_of(const FlowGroup& group, const Share& share, std::uint64_t exchange_seed) {
  FlowTask task;
  task.flow = share.flow;
  task.name = group.name;
  task.port = share.port;
  task.connections = share.connections;
  task.sender = group.sender;
  task.pattern = group.pattern;
  task.io = group.io;
  task.family = group.family;
  task.payload = group.payload;
  task.pace = group.pace;
  task.response = group.response;
  task.pipeline = group.pipeline;
  task.think = group.think;
  task.multicast = group.multicast;
  task.closes = group.closes;
  task.acknowledge = group.acknowledge;
  task.reader = group.reader;
  task.socket = group.socket;
  task.first = share.first;
  task.exchange_seed = exchange_seed;
  return task;
}

bool sends(const FlowTask& task, Side side) {
  return !is_one_way(task.pattern) || task.sender == side;
}

bool reads(const FlowTask& task, Side side) {
  return !is_one_way(task.pattern) || task.sender != side;
}

}  // namespace netstall
