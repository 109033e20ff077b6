#include "bench/run/crew.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "base/error.hpp"
#include "bench/run/ring_worker.hpp"
#include "loadgen/effective.hpp"
#include "loadgen/worker.hpp"
#include "model/probes.hpp"

namespace netstall {
namespace {

using namespace std::chrono_literals;

constexpr auto kStartDeadline = 20s;   // exec, hello, configure: a busy machine needs a while
constexpr auto kConnectGrace = 30s;    // a worker's, beyond the ramp,
constexpr auto kConnectEach = 100us;   // and for each connection of all workers
constexpr auto kAnswerGrace = 15s;     // ours beyond the worker's: it tells more than we can
constexpr auto kResultDeadline = 60s;  // histograms of thousands of connections
constexpr auto kCloseDeadline = 30s;
// Beyond the link's delay: datagrams of the window are on their way so long, not lost.
constexpr auto kDrain = 250ms;
constexpr auto kLead = 50ms;  // from `go` until every worker has read it
constexpr int kClockProbes = 5;
// Sockets that all workers together ask the kernel about at a sample; each takes a microsecond
// or two, so that ten samples a second take less than half a percent of a CPU.
constexpr std::size_t kSurveyed = 200;

}  // namespace

Crew::Crew(const Assignment& assignment, const Scenario& scenario, const CrewPlaces& places,
           const CrewOptions& options, const Interrupts& interrupts)
    : scenario_(scenario), places_(places), options_(options), interrupts_(interrupts) {
  if (std::any_of(assignment.workers.begin(), assignment.workers.end(),
                  [](const WorkerPlan& plan) { return plan.ring; })) {
    ring_worker_ = open_ring_worker();
  }
  members_.reserve(assignment.workers.size());
  for (const auto& plan : assignment.workers) members_.push_back(start(plan, places_.of(plan)));
}

Crew::Member Crew::start(const WorkerPlan& plan, const CrewPlace& place) const {
  auto [ours, theirs] = make_control_pair();
  SpawnOptions spawn;
  spawn.argv = {kWorkerName};
  spawn.exe_fd = plan.ring ? ring_worker_.get() : options_.exe_fd;
  spawn.control_fd = theirs.get();
  spawn.netns = place.netns;
  spawn.cgroup_procs = place.cgroup_procs;
  spawn.cpus = place.cpus;
  spawn.expendable = true;
  spawn.keep_net_admin = std::any_of(plan.shares.begin(), plan.shares.end(), [this](auto& share) {
    return needs_net_admin(scenario_.flows.at(share.flow).socket);
  });
  spawn.may_lock_memory = std::any_of(plan.shares.begin(), plan.shares.end(), [this](auto& share) {
    return scenario_.flows.at(share.flow).socket.zerocopy;
  });
  return {plan,
          ChildProcess::spawn(spawn),
          FrameChannel(std::move(ours)),
          fmt::format("{} worker {}", name_of(plan.side), plan.index),
          Nanoseconds(0),
          {}};
}

FlowTask Crew::task_for(const WorkerPlan& plan, const Share& share) const {
  auto task = task_of(scenario_.flows.at(share.flow), share, options_.seed);
  const auto& peer = plan.side == Side::client ? places_.server : places_.clients.at(share.client);
  task.peer = task.family == Family::ipv4 ? peer.address_v4 : peer.address_v6;
  return task;
}

Configure Crew::configuration(const Member& member) const {
  const auto& own = places_.of(member.plan);
  Configure configure;
  configure.side = member.plan.side;
  configure.local_v4 = own.address_v4;
  configure.local_v6 = own.address_v6;
  for (const auto& share : member.plan.shares) {
    configure.tasks.push_back(task_for(member.plan, share));
  }
  configure.ramp = scenario_.timing.ramp;
  configure.connect_deadline = connect_grace();
  const auto& probes = scenario_.probes;
  configure.readers_try_in_vain =
      std::find(probes.begin(), probes.end(), ProbeId::reader_waits) != probes.end();
  configure.survey_budget =
      static_cast<std::uint32_t>(std::max<std::size_t>(kSurveyed / members_.size(), 1));
  configure.seed = options_.seed * 1000003 + std::uint64_t{member.plan.index} * 2 +
                   (member.plan.side == Side::server ? 1U : 0U);
  return configure;
}

void Crew::prepare() {
  const Deadline deadline(kStartDeadline);
  for (auto& member : members_) {
    member.channel.send(static_cast<std::uint8_t>(MessageType::hello), to_wire(Hello{}));
  }
  gather<Hello>(MessageType::hello, everyone(), deadline, "start");
  for (auto& member : members_) {
    const auto configure = configuration(member);
    if (options_.verbose) {
      for (const auto& task : configure.tasks) {
        for (const auto& line : effective_options(task)) {
          options_.verbose(fmt::format("{}: {}", member.name, line));
        }
      }
    }
    member.channel.send(static_cast<std::uint8_t>(MessageType::configure), to_wire(configure));
  }
  struct Nothing {
    void fields(WireReader&) {}
  };
  gather<Nothing>(MessageType::ready, everyone(), deadline, "configure");
  compare_clocks();
}

void Crew::compare_clocks() {
  const Deadline deadline(kStartDeadline);
  for (auto& member : members_) {
    Nanoseconds shortest = Nanoseconds::max();
    for (int i = 0; i < kClockProbes; ++i) {
      const auto sent = mono_now();
      member.channel.send(static_cast<std::uint8_t>(MessageType::clock_probe),
                          to_wire(ClockProbe{sent.ns}));
      const auto reply =
          gather<ClockReply>(MessageType::clock_reply, {&member}, deadline, "compare clocks")
              .front();
      const auto round_trip = mono_now() - sent;
      if (round_trip >= shortest) continue;
      shortest = round_trip;
      member.clock_offset = Nanoseconds(reply.worker_ns - (sent.ns + round_trip.count() / 2));
    }
    // Half the round trip bounds the error: a smaller offset cannot be told from
    // none, and on one machine there is none.
    if (std::abs(member.clock_offset.count()) <= shortest.count() / 2) {
      member.clock_offset = Nanoseconds(0);
    }
  }
}

std::vector<Connected> Crew::connect() {
  const Deadline client_deadline(scenario_.timing.ramp + connect_grace() + kAnswerGrace);
  const auto clients = of_side(Side::client);
  for (auto* client : clients) {
    client->channel.send(static_cast<std::uint8_t>(MessageType::connect), {});
  }
  const auto client_answers =
      gather<Connected>(MessageType::connected, clients, client_deadline, "connect");
  // Of UDP both sides know their sockets; there is nothing to settle.
  std::map<std::uint16_t, std::uint32_t> established;
  for (std::size_t i = 0; i < clients.size(); ++i) {
    const auto& shares = clients[i]->plan.shares;
    for (std::size_t task = 0; task < shares.size(); ++task) {
      if (is_udp(scenario_.flows.at(shares[task].flow).pattern)) continue;
      established[shares[task].port] += client_answers[i].tasks.at(task).established;
    }
  }
  const auto servers = of_side(Side::server);
  for (auto* server : servers) {
    Settle settle;
    for (const auto& share : server->plan.shares)
      settle.connections.push_back(established[share.port]);
    server->channel.send(static_cast<std::uint8_t>(MessageType::settle), to_wire(settle));
  }
  const Deadline server_deadline(connect_grace() + kAnswerGrace);
  const auto server_answers =
      gather<Connected>(MessageType::connected, servers, server_deadline, "accept");

  std::vector<Connected> answers;
  std::size_t next_client = 0;
  std::size_t next_server = 0;
  for (const auto& member : members_) {
    answers.push_back(member.plan.side == Side::client ? client_answers.at(next_client++)
                                                       : server_answers.at(next_server++));
  }
  return answers;
}

Window Crew::go(Nanoseconds warmup, Nanoseconds measure, Nanoseconds sample_every) {
  const auto traffic_from = mono_now() + kLead;
  const Window window{traffic_from, traffic_from + warmup, traffic_from + warmup + measure};
  for (auto& member : members_) {
    const auto offset = member.clock_offset;
    const Go go{(window.traffic_from + offset).ns, (window.from + offset).ns,
                (window.to + offset).ns, sample_every, drain()};
    member.channel.send(static_cast<std::uint8_t>(MessageType::go), to_wire(go));
  }
  return window;
}

Nanoseconds Crew::connect_grace() const {
  std::int64_t connections = 0;
  for (const auto& flow : scenario_.flows) connections += flow.connections;
  return kConnectGrace + connections * kConnectEach;
}

// A request goes there, and its response back.
Nanoseconds Crew::drain() const {
  const bool datagrams = std::any_of(scenario_.flows.begin(), scenario_.flows.end(),
                                     [](const FlowGroup& flow) { return is_udp(flow.pattern); });
  if (!datagrams) return Nanoseconds(0);
  return kDrain + 2 * scenario_.lab.link.delay.value_or(Nanoseconds(0));
}

void Crew::attend(MonoTime until, const SampleSink& sink) {
  for (;;) {
    const auto left = until - mono_now();
    if (left.count() <= 0) return;
    pump(Deadline(left), {}, sink);
  }
}

std::vector<Result> Crew::results(const SampleSink& sink) {
  return gather<Result>(MessageType::result, everyone(),
                        Deadline(kResultDeadline + drain() + kMostDrain), "give results", sink);
}

void Crew::close() {
  const Deadline deadline(kCloseDeadline);
  for (auto& member : members_) {
    member.channel.send(static_cast<std::uint8_t>(MessageType::close), {});
  }
  struct Nothing {
    void fields(WireReader&) {}
  };
  gather<Nothing>(MessageType::closed, everyone(), deadline, "close");
  for (auto& member : members_) {
    const auto status = member.process.wait(deadline);
    if (!status) {
      throw Error(ErrorKind::failed, "close", fmt::format("{} did not end in time", member.name));
    }
    if (*status != 0) {
      throw Error(ErrorKind::failed, "close",
                  fmt::format("{} ended with {}", member.name, wait_status_text(*status)));
    }
  }
}

std::vector<pid_t> Crew::pids() const {
  std::vector<pid_t> pids;
  for (const auto& member : members_) pids.push_back(member.process.pid());
  return pids;
}

// One message of this type from each of `from`, in that order.
template <class Message>
std::vector<Message> Crew::gather(MessageType type, const std::vector<Member*>& from,
                                  const Deadline& deadline, std::string_view doing,
                                  const SampleSink& sink) {
  const auto wanted = static_cast<std::uint8_t>(type);
  const auto has_it = [&](const Member* member) {
    return !member->inbox.empty() && member->inbox.front().type == wanted;
  };
  while (!std::all_of(from.begin(), from.end(), has_it)) {
    for (const auto* member : from) {
      if (!member->inbox.empty() && !has_it(member)) {
        throw Error(ErrorKind::failed, doing,
                    fmt::format("{} sent message {} out of turn", member->name,
                                member->inbox.front().type));
      }
    }
    if (deadline.passed()) {
      const auto silent =
          std::find_if(from.begin(), from.end(), [&](const Member* m) { return !has_it(m); });
      throw Error(ErrorKind::failed, doing,
                  fmt::format("{} did not answer in time", (*silent)->name));
    }
    pump(deadline, doing, sink);
  }
  std::vector<Message> messages;
  for (auto* member : from) {
    messages.push_back(from_wire<Message>(member->inbox.front().payload));
    member->inbox.erase(member->inbox.begin());
  }
  return messages;
}

// Waits once for anything to read, and reads it.
void Crew::pump(const Deadline& deadline, std::string_view doing, const SampleSink& sink) {
  std::vector<pollfd> events;
  for (const auto& member : members_) {
    events.push_back({said_goodbye(member) ? -1 : member.channel.fd(), POLLIN, 0});
  }
  events.push_back({interrupts_.fd(), POLLIN, 0});
  const auto left = deadline.left();
  const timespec timeout{left.count() / 1'000'000'000, left.count() % 1'000'000'000};
  if (::ppoll(events.data(), events.size(), &timeout, nullptr) <= 0) return;
  interrupts_.check();
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (events[i].revents == 0) continue;
    auto& member = members_[i];
    const bool open = member.channel.fill();
    take_frames(i, sink);
    if (!open && !said_goodbye(member)) report_end(member, doing);
  }
}

bool Crew::said_goodbye(const Member& member) {
  return !member.inbox.empty() &&
         member.inbox.back().type == static_cast<std::uint8_t>(MessageType::closed);
}

void Crew::take_frames(std::size_t worker, const SampleSink& sink) {
  auto& member = members_[worker];
  while (auto frame = member.channel.next()) {
    if (frame->type == static_cast<std::uint8_t>(MessageType::failed)) {
      const auto failed = from_wire<Failed>(frame->payload);
      throw Error(ErrorKind::failed, fmt::format("{}: {}", member.name, failed.phase), failed.text);
    }
    if (frame->type == static_cast<std::uint8_t>(MessageType::sample)) {
      auto sample = from_wire<Sample>(frame->payload);
      sample.t_ns -= member.clock_offset.count();
      if (sink) sink(worker, sample);
    } else {
      member.inbox.push_back(std::move(*frame));
    }
  }
}

void Crew::report_end(Member& member, std::string_view doing) {
  const auto status = member.process.wait(Deadline(2s));
  throw Error(ErrorKind::failed, doing.empty() ? std::string_view("carry traffic") : doing,
              fmt::format("{} ended: {}", member.name,
                          status ? wait_status_text(*status) : "its control stream was closed"));
}

std::vector<Crew::Member*> Crew::everyone() {
  std::vector<Member*> all;
  for (auto& member : members_) all.push_back(&member);
  return all;
}

std::vector<Crew::Member*> Crew::of_side(Side side) {
  std::vector<Member*> some;
  for (auto& member : members_) {
    if (member.plan.side == side) some.push_back(&member);
  }
  return some;
}

}  // namespace netstall
