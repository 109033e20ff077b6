#include "loadgen/effective.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "loadgen/endpoint.hpp"
#include "loadgen/reader_schedule.hpp"

namespace netstall {
namespace {

std::string buffer_text(const std::optional<Bytes>& size) {
  return size ? to_text(*size) : "the kernel's default";
}

std::string reader_text(const FlowTask& task) {
  std::string text = is_udp(task.pattern)
                         ? "reader: a datagram a recv(), "
                         : fmt::format("reader: {} a recv(), ", to_text(Bytes{read_size(task)}));
  text +=
      task.reader.bytes_per_s
          ? fmt::format("{} a connection", to_text(Rate{*task.reader.bytes_per_s, Rate::Of::bytes}))
          : "at once";
  if (task.reader.io == ReaderIo::blocking) text += ", a thread a connection in blocking recv()s";
  if (task.reader.rate_sigma > 0) {
    text += fmt::format(" in the median, log-normal with sigma {}", task.reader.rate_sigma);
  }
  for (const auto& [at, lasting] : task.reader.freeze) {
    text += fmt::format(", frozen from {} for {}", to_text(at), to_text(lasting));
  }
  if (task.reader.stop_after) {
    text += fmt::format(", nothing more {} after traffic began", to_text(*task.reader.stop_after));
  }
  if (task.acknowledge) text += ", acknowledges each message";
  if (task.reader.share < 1) {
    text += fmt::format("; so {} of the connections, the others at once", task.reader.share);
  }
  return text;
}

std::string options_text(const SocketSpec& socket) {
  std::string text;
  for (const auto& [name, value] : requested_options(socket)) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, value);
  }
  return "options of both ends: " + (text.empty() ? "the kernel's defaults" : text);
}

std::string sizes_text(const PayloadSpec& payload) {
  const auto range = [](Bytes min, Bytes max) {
    return fmt::format("{} to {}", to_text(min), to_text(max));
  };
  if (!payload.sequence.empty()) {
    return fmt::format("{} sizes in order, over and over", payload.sequence.size());
  }
  if (!payload.weighted.empty()) {
    std::string text;
    for (const auto& [size, weight] : payload.weighted) {
      text += fmt::format("{}{} with weight {}", text.empty() ? "" : ", ", to_text(size), weight);
    }
    return text;
  }
  if (const auto& sizes = payload.pareto) {
    return fmt::format("{}, Pareto with shape {}", range(sizes->min, sizes->max), sizes->shape);
  }
  if (const auto& sizes = payload.log_normal) {
    return fmt::format("{}, log-normal with median {} and sigma {}", range(sizes->min, sizes->max),
                       to_text(sizes->median), sizes->sigma);
  }
  if (const auto& sizes = payload.uniform) {
    return fmt::format("{}, uniform", range(sizes->min, sizes->max));
  }
  return to_text(payload.fixed) + " each";
}

std::string pace_text(const std::optional<PaceSpec>& pace) {
  if (!pace) return "as fast as the socket takes them";
  // Shared by a group or made of a mean size, a rate may have no end of digits.
  const auto rate = [](double per_second) {
    return to_text(Rate{std::stod(fmt::format("{:.6g}", per_second)), Rate::Of::events});
  };
  auto text = fmt::format("{} a connection", rate(pace->messages_per_s));
  if (pace->arrival == Arrival::poisson) text += " by Poisson arrivals";
  if (pace->burst) {
    text += fmt::format(", within bursts of {} with {} between", to_text(pace->burst->on),
                        to_text(pace->burst->off));
  }
  for (const auto& [at, per_second] : pace->schedule) {
    text += fmt::format(", {} from {} on", rate(per_second), to_text(at));
  }
  return text + ", due whatever happened before";
}

std::string requests_text(const FlowTask& task) {
  auto text = fmt::format("responses: {}, at most {} {} under way", sizes_text(task.response),
                          task.pipeline, task.pipeline == 1 ? "request" : "requests");
  if (!task.pace && task.think.count() > 0) {
    text += fmt::format(", the next one {} after a response", to_text(task.think));
  }
  if (is_udp(task.pattern)) text += ", given up after a second";
  return text;
}

std::string connects_text(const FlowTask& task) {
  return fmt::format("a connection for each, which the {} closes first; responses: {}",
                     name_of(task.closes), sizes_text(task.response));
}

}  // namespace

std::vector<std::string> effective_options(const FlowTask& task) {
  const bool blocking = task.io == Io::blocking;
  const bool level = task.io == Io::level_triggered;
  const bool connects = task.pattern == Pattern::connect;
  const bool requests = is_exchange(task.pattern);
  const bool udp = is_udp(task.pattern);
  const bool multicast = task.pattern == Pattern::multicast;
  const auto ports = udp && !multicast ? fmt::format("ports {} to {} of both ends", task.port,
                                                     task.port + std::max(task.connections, 1U) - 1)
                                       : fmt::format("port {}", task.port);
  std::vector<std::string> lines{fmt::format("flow {}: {} connections to {}, {}, {}", task.name,
                                             task.connections, ports, name_of(task.family),
                                             name_of(task.pattern))};
  if (task.pattern != Pattern::idle) {
    lines.push_back(fmt::format("sender: {}, {}, {}",
                                task.pattern == Pattern::duplex ? "both" : name_of(task.sender),
                                name_of(task.io),
                                blocking                   ? "a thread each"
                                : task.io == Io::io_uring  ? "operations of a ring in one thread"
                                : level || requests || udp ? "level-triggered epoll in one thread"
                                                           : "edge-triggered epoll in one thread"));
    lines.push_back(fmt::format(
        "messages: {}, {}", sizes_text(task.payload),
        (requests || connects) && !task.pace ? "one after each response" : pace_text(task.pace)));
    lines.push_back(requests   ? requests_text(task)
                    : connects ? connects_text(task)
                               : reader_text(task));
  }
  lines.push_back(fmt::format("buffers: SO_SNDBUF {} at the sender, SO_RCVBUF {} at the reader{}",
                              buffer_text(task.socket.sndbuf), buffer_text(task.socket.rcvbuf),
                              task.socket.force_buffers ? ", forced" : ""));
  lines.push_back(options_text(task.socket));
  if (multicast) {
    lines.push_back(
        fmt::format("multicast: {} groups, one socket sends to all of them, others "
                    "join up to {} each",
                    task.multicast.groups, task.multicast.per_socket));
  }
  return lines;
}

}  // namespace netstall
