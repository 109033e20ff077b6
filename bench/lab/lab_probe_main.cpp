// A controller as small as it can be, for tests to kill at any point: a guardian,
// a lab, a worker a side with a TCP connection that is stuck, and the way back.
//
//   lab_probe ROOT [kill-at=STEP] [limit | limit-v2] [host=KEY=VALUE] [window=KEY=VALUE]
//             [hold-at-most=MS] [clients=N] [workers] [stubborn] [hold]
//
// Says on stdout what a test has to look for: "run ID", "worker PID", then "up",
// then "left SENTENCE" for what is not put back, and "down".
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/frame.hpp"
#include "base/process.hpp"
#include "bench/lab/lab.hpp"

namespace netstall {
namespace {

constexpr const char* kWorkerName = "netstall-lab-probe-worker";
constexpr std::uint16_t kPort = 7000;

struct ProbeOptions {
  std::string root;
  std::string kill_at;
  LabSpec lab;
  SysctlSpec sysctls;
  bool workers = false;
  bool stubborn = false;  // workers that do not follow their parent: the guardian's work
  bool hold = false;
  Nanoseconds longest_hold = std::chrono::hours(1);
};

ProbeOptions parse(int argc, char** argv) {
  ProbeOptions options;
  options.root = argc > 1 ? argv[1] : "";
  for (int i = 2; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument.starts_with("kill-at=")) {
      options.kill_at = argument.substr(8);
    } else if (argument.starts_with("host=")) {
      const auto equals = argument.find('=', 5);
      options.sysctls.host.emplace(argument.substr(5, equals - 5), argument.substr(equals + 1));
    } else if (argument.starts_with("window=")) {
      const auto equals = argument.find('=', 7);
      options.sysctls.window.emplace(argument.substr(7, equals - 7), argument.substr(equals + 1));
    } else if (argument.starts_with("hold-at-most=")) {
      options.longest_hold = std::chrono::milliseconds(std::stol(std::string(argument.substr(13))));
    } else if (argument.starts_with("clients=")) {
      options.lab.clients = static_cast<std::uint32_t>(std::stoul(std::string(argument.substr(8))));
    } else if (argument == "limit") {
      options.lab.tcp_memory_limit.server = Bytes{std::uint64_t{1} << 20};
    } else if (argument == "limit-v2") {
      options.lab.memory_limit.server.max = Bytes{std::uint64_t{256} << 20};
    } else if (argument == "workers" || argument == "stubborn") {
      options.workers = true;
      options.stubborn = argument == "stubborn";
    } else if (argument == "hold") {
      options.hold = true;
    } else {
      throw Error(ErrorKind::usage, "read the arguments", argument);
    }
  }
  return options;
}

void say(const std::string& line) {
  std::puts(line.c_str());
  std::fflush(stdout);
}

int socket_or_die() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  // Closed by a kill, it is gone at once; else it would hold its namespace while it
  // tries to get rid of its data.
  const linger at_once{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  return fd;
}

// The server sends without end to a client that never reads; descriptor 3 tells
// each that its part is ready to be met, and is closed when the parent is gone.
[[noreturn]] void run_worker(std::string_view side) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(kPort);
  ::inet_pton(AF_INET, "10.78.0.2", &address.sin_addr);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  const int fd = socket_or_die();
  if (side == "server") {
    const bool listening = ::bind(fd, generic, sizeof address) == 0 && ::listen(fd, 1) == 0;
    if (!listening || ::write(3, "r", 1) != 1) ::_exit(1);
    const int peer = ::accept(fd, nullptr, nullptr);
    const std::string data(1 << 16, 'x');
    while (::send(peer, data.data(), data.size(), MSG_NOSIGNAL) > 0) {
    }
  } else if (::connect(fd, generic, sizeof address) != 0 || ::write(3, "r", 1) != 1) {
    ::_exit(1);
  }
  ::pause();
  ::_exit(1);
}

struct Worker {
  Fd control;
  ChildProcess process;
};

Worker start_worker(const ProbeOptions& options, const Lab& lab, Side side, int exe_fd) {
  auto [ours, its] = make_control_pair();
  SpawnOptions spawn;
  spawn.argv = {kWorkerName, std::string(name_of(side))};
  spawn.exe_fd = exe_fd;
  spawn.control_fd = its.get();
  spawn.netns = &lab.netns(side, side == Side::client ? lab.clients() - 1 : 0);
  spawn.cgroup_procs = lab.cgroup_procs(side);
  spawn.die_with_parent = !options.stubborn;
  spawn.expendable = true;
  Worker worker{std::move(ours), ChildProcess::spawn(spawn)};
  its.reset();
  say("worker " + std::to_string(worker.process.pid()));
  return worker;
}

void await_worker(const Worker& worker) {
  char byte = 0;
  if (::read(worker.control.get(), &byte, 1) != 1) {
    throw Error(ErrorKind::failed, "start a worker", "it ended");
  }
}

void run_probe(const ProbeOptions& options) {
  const StepHook hook = [&](std::string_view step) {
    if (step == options.kill_at) ::kill(::getpid(), SIGKILL);
  };
  const auto exe = open_own_executable();
  auto guardian = Guardian::start(options.root, exe.get(), hook);
  say("run " + guardian.run_id());
  {
    LabOptions lab_options;
    lab_options.hook = hook;
    lab_options.longest_hold = options.longest_hold;
    Lab lab(options.lab, options.sysctls, guardian, lab_options);
    std::vector<Worker> workers;
    for (const auto side : {Side::server, Side::client}) {
      if (!options.workers) continue;
      workers.push_back(start_worker(options, lab, side, exe.get()));
      guardian.watch_process(workers.back().process.pid());
      await_worker(workers.back());
    }
    lab.open_window();
    say("up");
    char byte = 0;
    while (options.hold && ::read(STDIN_FILENO, &byte, 1) > 0) {
    }
    for (const auto& sentence : lab.close_window()) say("left " + sentence);
    workers.clear();
    for (const auto& sentence : lab.tear_down()) say("left " + sentence);
  }
  for (const auto& sentence : guardian.finish()) say("left " + sentence);
  say("down");
}

}  // namespace
}  // namespace netstall

int main(int argc, char** argv) {
  const std::string_view name = argc > 0 ? argv[0] : "";
  if (name == netstall::kGuardianName) return netstall::guardian_main();
  if (name == netstall::kWorkerName && argc > 1) netstall::run_worker(argv[1]);
  try {
    netstall::run_probe(netstall::parse(argc, argv));
    return 0;
  } catch (const netstall::Error& error) {
    std::fprintf(stderr, "lab_probe: %s %s\n", error.what(), error.remedy().c_str());
    return 1 + static_cast<int>(error.kind());
  }
}
