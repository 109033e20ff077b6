// The workers of one repetition: started in their namespaces, spoken to over
// their control sockets, and gone when this is.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/frame.hpp"
#include "base/netns.hpp"
#include "base/process.hpp"
#include "bench/run/interrupts.hpp"
#include "loadgen/messages.hpp"
#include "model/plan.hpp"

namespace netstall {

// Where the workers of the server, or of a client, live.
struct CrewPlace {
  const Netns* netns = nullptr;
  std::vector<std::string> cgroup_procs;
  std::string address_v4;
  std::string address_v6;
  CpuList cpus;  // none: all that this process may use
};

// As the plan numbers the clients.
struct CrewPlaces {
  std::vector<CrewPlace> clients;
  CrewPlace server;

  const CrewPlace& of(const WorkerPlan& worker) const {
    return worker.side == Side::server ? server : clients.at(worker.client);
  }
};

struct CrewOptions {
  int exe_fd = -1;
  std::uint64_t seed = 1;
  std::function<void(const std::string&)> verbose;  // effective options; may be empty
};

// The measured window, in this process's CLOCK_MONOTONIC.
struct Window {
  MonoTime traffic_from;
  MonoTime from;
  MonoTime to;
};

// Every method has a deadline of its own and throws Error when a worker fails,
// ends or stays silent beyond it, or when a signal is pending. Call all of them
// from the thread that made it: the workers die with that thread.
class Crew {
 public:
  // `worker` counts as Assignment::workers does; the sample's time is in our clock.
  using SampleSink = std::function<void(std::size_t worker, const Sample&)>;

  Crew(const Assignment& assignment, const Scenario& scenario, const CrewPlaces& places,
       const CrewOptions& options, const Interrupts& interrupts);

  // Servers listen, clients know what to do, and every clock is compared.
  void prepare();
  // The connect ramp. One answer a worker, in the order of the plan.
  std::vector<Connected> connect();
  // Starts the traffic; the window follows after `warmup`.
  Window go(Nanoseconds warmup, Nanoseconds measure, Nanoseconds sample_every);
  // Hands on samples until `until`.
  void attend(MonoTime until, const SampleSink& sink);
  // What each worker counted in the window; the traffic still runs.
  std::vector<Result> results(const SampleSink& sink);
  // Ends the traffic and the workers.
  void close();

  std::vector<pid_t> pids() const;

 private:
  struct Member {
    WorkerPlan plan;
    ChildProcess process;
    FrameChannel channel;
    std::string name;             // "server worker 0"
    Nanoseconds clock_offset{0};  // its clock less ours
    std::vector<Frame> inbox;
  };

  Member start(const WorkerPlan& plan, const CrewPlace& place) const;
  Configure configuration(const Member& member) const;
  FlowTask task_for(const WorkerPlan& plan, const Share& share) const;
  void compare_clocks();
  template <class Message>
  std::vector<Message> gather(MessageType type, const std::vector<Member*>& from,
                              const Deadline& deadline, std::string_view doing,
                              const SampleSink& sink = {});
  void pump(const Deadline& deadline, std::string_view doing, const SampleSink& sink);
  void take_frames(std::size_t worker, const SampleSink& sink);
  Nanoseconds connect_grace() const;
  Nanoseconds drain() const;
  static bool said_goodbye(const Member& member);
  [[noreturn]] void report_end(Member& member, std::string_view doing);
  std::vector<Member*> everyone();
  std::vector<Member*> of_side(Side side);

  const Scenario& scenario_;
  const CrewPlaces& places_;
  const CrewOptions& options_;
  const Interrupts& interrupts_;
  Fd ring_worker_;  // where a worker of the plan is one
  std::vector<Member> members_;
};

}  // namespace netstall
