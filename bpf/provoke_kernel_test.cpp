// The means of bpf/provoke.hpp, which only this room's kernel tier uses.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/error.hpp"
#include "base/file.hpp"
#include "bpf/provoke.hpp"

namespace netstall {
namespace {

void set_option(int fd, int name, int value) {
  if (value != 0 && ::setsockopt(fd, SOL_SOCKET, name, &value, sizeof value) != 0) {
    throw_errno("set a socket option", errno);
  }
}

Fd tcp_socket(const ConnectionOptions& options) {
  Fd fd(::socket(options.ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) throw_errno("make a socket", errno);
  // Beyond wmem_max, too.
  set_option(fd.get(), SO_SNDBUFFORCE, options.sndbuf);
  set_option(fd.get(), SO_RCVBUF, options.rcvbuf);
  set_option(fd.get(), SO_REUSEADDR, 1);
  return fd;
}

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Address loopback_address(const ConnectionOptions& options) {
  Address address;
  if (options.ipv6) {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(options.port);
    v6.sin6_addr = in6addr_loopback;
    std::memcpy(&address.storage, &v6, sizeof v6);
    address.length = sizeof v6;
  } else {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(options.port);
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    std::memcpy(&address.storage, &v4, sizeof v4);
    address.length = sizeof v4;
  }
  return address;
}

std::uint64_t timespec_ns(const timespec& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(time.tv_nsec);
}

std::uint64_t cpu_time_ns() {
  timespec cpu{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
  return timespec_ns(cpu);
}

// Of the calling thread.
Fd own_schedstat() {
  Fd file(::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC));
  if (!file) throw_errno("open the thread's schedstat", errno);
  return file;
}

// The second number of the thread's schedstat: ns that it waited for a CPU.
std::uint64_t queued_ns(const Fd& schedstat) {
  char text[96] = {};
  if (::pread(schedstat.get(), text, sizeof text - 1, 0) <= 0) return 0;
  char* end = nullptr;
  std::strtoull(text, &end, 10);
  return std::strtoull(end, nullptr, 10);
}

}  // namespace

std::uint64_t voluntary_switches() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  return static_cast<std::uint64_t>(usage.ru_nvcsw);
}

Netns make_loopback() {
  auto netns = Netns::create();
  const ScopedNetns inside(netns);
  const Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  if (::ioctl(fd.get(), SIOCSIFFLAGS, &request) != 0) throw_errno("set lo up", errno);
  return netns;
}

std::vector<Connection> connect_within(const Netns& netns, std::size_t count,
                                       const ConnectionOptions& options) {
  const ScopedNetns inside(netns);
  const auto address = loopback_address(options);
  const Fd listener = tcp_socket(options);
  if (::bind(listener.get(), address.get(), address.length) != 0 ||
      ::listen(listener.get(), 128) != 0) {
    throw_errno("listen", errno);
  }
  std::vector<Connection> connections;
  for (std::size_t i = 0; i < count; ++i) {
    if (options.limit != nullptr) options.limit->enter();
    Fd client = tcp_socket(options);
    if (options.limit != nullptr) options.limit->leave();
    if (::connect(client.get(), address.get(), address.length) != 0) throw_errno("connect", errno);
    if (options.server_limit != nullptr) options.server_limit->enter();
    Fd server(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (options.server_limit != nullptr) options.server_limit->leave();
    if (!server) throw_errno("accept", errno);
    connections.push_back({std::move(client), std::move(server)});
  }
  return connections;
}

bool eventually(const std::function<bool()>& condition, Nanoseconds within) {
  const Deadline deadline(within);
  while (!condition()) {
    if (deadline.passed()) return condition();
    const timespec pause{0, 1'000'000};
    ::nanosleep(&pause, nullptr);
  }
  return true;
}

bool settles(const std::vector<int>& fds, const std::function<bool()>& condition) {
  std::vector<int> before;
  auto since = mono_now();
  return eventually([&] {
    std::vector<int> queued;
    for (const int fd : fds) ::ioctl(fd, SIOCOUTQ, &queued.emplace_back());
    if (queued != before || !condition()) {
      before = std::move(queued);
      since = mono_now();
    }
    return mono_now() > since + std::chrono::milliseconds(300);
  });
}

bool emulated() {
  return read_file("/proc/cpuinfo").find("QEMU TCG") != std::string::npos;
}

void expect_none_lost(std::uint64_t lost_events) {
  EXPECT_LE(lost_events, emulated() ? 3U : 0U);
}

OwnClock& OwnClock::operator+=(const OwnClock& other) {
  sends += other.sends;
  stalls += other.stalls;
  waits += other.waits;
  wall_ns += other.wall_ns;
  off_cpu_ns += other.off_cpu_ns;
  queued_ns += other.queued_ns;
  spun_ns += other.spun_ns;
  short_sends += other.short_sends;
  return *this;
}

namespace {

OwnClock send_on(int fd, std::size_t bytes, std::size_t messages, SenderState& state) {
  const std::vector<char> message(bytes, 'x');
  const auto schedstat = own_schedstat();
  state.tid = ::gettid();
  OwnClock own;
  for (std::size_t i = 0; i < messages; ++i) {
    const auto queued = queued_ns(schedstat);
    const auto switches = voluntary_switches();
    const auto cpu = cpu_time_ns();
    const auto began = mono_now();
    state.stalled = true;
    const auto sent = ::send(fd, message.data(), message.size(), MSG_NOSIGNAL);
    state.stalled = false;
    const auto wall = static_cast<std::uint64_t>((mono_now() - began).count());
    const auto on_cpu = cpu_time_ns() - cpu;
    const auto slept = voluntary_switches() - switches;
    if (sent < 0 && errno != EAGAIN) break;
    ++own.sends;
    if (slept == 0) continue;
    ++own.stalls;
    own.waits += slept;
    own.wall_ns += wall;
    own.off_cpu_ns += wall > on_cpu ? wall - on_cpu : 0;
    own.queued_ns += queued_ns(schedstat) - queued;
  }
  return own;
}

struct NonblockingSender {
  int fd;
  std::size_t left;  // bytes
  std::optional<MonoTime> stalled_since;
  std::uint64_t tries = 0;   // in vain, since then
  bool took_a_part = false;  // of its last message
};

void end_stall(NonblockingSender& sender, MonoTime now, OwnClock& own) {
  constexpr std::uint64_t kSpins = 32;
  constexpr std::uint64_t kMillisecond = 1'000'000;
  const auto time = static_cast<std::uint64_t>((now - *sender.stalled_since).count());
  ++own.stalls;
  ++own.waits;
  own.wall_ns += time;
  if (sender.tries > kSpins && sender.tries > time / kMillisecond) own.spun_ns += time;
  sender.stalled_since.reset();
  sender.tries = 0;
}

// Until EAGAIN or the end.
void advance(NonblockingSender& sender, const std::vector<char>& message, OwnClock& own) {
  while (sender.left > 0) {
    const auto bytes = std::min(message.size(), sender.left);
    const auto sent = ::send(sender.fd, message.data(), bytes, MSG_NOSIGNAL);
    const auto now = mono_now();
    if (sent < 0 && errno == EAGAIN) {
      if (!sender.stalled_since) sender.stalled_since = now;
      ++sender.tries;
      sender.took_a_part = false;
      return;
    }
    if (sender.stalled_since) end_stall(sender, now, own);
    if (sent < 0) throw_errno("send", errno);
    ++own.sends;
    if (sender.took_a_part) ++own.short_sends;
    sender.took_a_part = static_cast<std::size_t>(sent) < bytes;
    sender.left -= static_cast<std::size_t>(sent);
  }
}

void await(const Fd& epoll, int fd, std::size_t sender, Readiness readiness) {
  epoll_event event{};
  event.events = EPOLLOUT;
  if (readiness == Readiness::edge) event.events |= EPOLLET;
  event.data.u64 = sender;
  if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) != 0) throw_errno("watch", errno);
}

}  // namespace

OwnClock send_blocking(const std::vector<int>& fds, std::size_t bytes, std::size_t messages,
                       std::span<SenderState> states) {
  std::vector<SenderState> unseen(fds.size());
  if (states.empty()) states = unseen;
  std::vector<OwnClock> clocks(fds.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < fds.size(); ++i) {
    threads.emplace_back([&, i] { clocks[i] = send_on(fds[i], bytes, messages, states[i]); });
  }
  OwnClock total;
  for (std::size_t i = 0; i < threads.size(); ++i) {
    threads[i].join();
    total += clocks[i];
  }
  return total;
}

OwnClock send_nonblocking(const std::vector<int>& fds, std::size_t bytes, std::size_t messages,
                          Readiness readiness, std::span<SenderState> states) {
  std::vector<SenderState> unseen(fds.size());
  if (states.empty()) states = unseen;
  const std::vector<char> message(bytes, 'x');
  const Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  std::vector<NonblockingSender> senders;
  for (const int fd : fds) {
    if (::fcntl(fd, F_SETFL, O_NONBLOCK) != 0) throw_errno("make a socket non-blocking", errno);
    await(epoll, fd, senders.size(), readiness);
    senders.push_back({fd, bytes * messages, {}});
  }
  const auto schedstat = own_schedstat();
  const auto queued = queued_ns(schedstat);
  OwnClock own;
  std::vector<epoll_event> events(fds.size());
  for (std::size_t done = 0; done < senders.size();) {
    const int ready = ::epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < ready; ++i) {
      const auto index = static_cast<std::size_t>(events[static_cast<std::size_t>(i)].data.u64);
      auto& sender = senders[index];
      if (sender.left == 0) continue;
      advance(sender, message, own);
      states[index].stalled = sender.stalled_since.has_value();
      if (sender.left > 0) continue;
      ++done;
      ::epoll_ctl(epoll.get(), EPOLL_CTL_DEL, sender.fd, nullptr);
    }
  }
  own.queued_ns = queued_ns(schedstat) - queued;
  return own;
}

std::vector<int> client_ends(const std::vector<Connection>& connections) {
  std::vector<int> fds;
  for (const auto& connection : connections) fds.push_back(connection.client.get());
  return fds;
}

std::vector<int> server_ends(const std::vector<Connection>& connections) {
  std::vector<int> fds;
  for (const auto& connection : connections) fds.push_back(connection.server.get());
  return fds;
}

std::vector<SendWaitBackend> all_backends() {
  std::vector<SendWaitBackend> backends;
  for (std::size_t i = 0; i < Names<SendWaitBackend>::list.size(); ++i) {
    backends.push_back(static_cast<SendWaitBackend>(i));
  }
  return backends;
}

SendWaitOptions probe_options(SendWaitBackend backend, const Netns& netns, std::uint32_t blocking,
                              std::uint32_t nonblocking) {
  SendWaitOptions options;
  options.client_cookies = {netns.cookie()};
  options.ports = {{kTestPort, 0, Side::client}};
  options.flows = 1;
  options.blocking_senders = blocking;
  options.nonblocking_senders = nonblocking;
  options.force = backend;
  return options;
}

Readers::Readers(std::vector<int> fds, std::size_t chunk, Nanoseconds pause)
    : thread_([this, fds = std::move(fds), chunk, pause] { run(fds, chunk, pause); }) {}

Readers::~Readers() {
  stopped_ = true;
  thread_.join();
}

void Readers::run(std::vector<int> fds, std::size_t chunk, Nanoseconds pause) {
  std::vector<char> buffer(chunk);
  const timespec time{pause.count() / 1'000'000'000, pause.count() % 1'000'000'000};
  while (!stopped_ && !fds.empty()) {
    for (auto fd = fds.begin(); fd != fds.end();) {
      const auto got = ::recv(*fd, buffer.data(), chunk, MSG_DONTWAIT);
      const bool ended = got == 0 || (got < 0 && errno != EAGAIN);
      fd = ended ? fds.erase(fd) : fd + 1;
    }
    ::nanosleep(&time, nullptr);
  }
}

namespace {

void put_thread_into(const std::string& group) {
  const auto tid = std::to_string(::syscall(SYS_gettid));
  if (const int error = write_kernel_file(group + "/tasks", tid); error != 0) {
    throw_errno("join " + group, error);
  }
}

std::string own_memory_cgroup() {
  constexpr std::string_view kController = ":memory:";
  const auto text = try_read_file("/proc/self/cgroup").value_or("");
  const auto at = text.find(kController);
  if (at == std::string::npos) return {};
  const auto begin = at + kController.size();
  return "/sys/fs/cgroup/memory" + text.substr(begin, text.find('\n', begin) - begin);
}

class CgroupLimit : public TcpMemoryLimit {
 public:
  explicit CgroupLimit(std::string parent)
      : parent_(std::move(parent)),
        path_(parent_ + "/netstall-test-" + std::to_string(::getpid())) {
    if (::mkdir(path_.c_str(), 0755) != 0) throw_errno("make " + path_, errno);
    try {
      set(true);
    } catch (const Error&) {
      ::rmdir(path_.c_str());
      throw;
    }
  }
  ~CgroupLimit() override {
    EXPECT_TRUE(eventually([&] { return ::rmdir(path_.c_str()) == 0; }))
        << "remove " << path_ << ": " << std::strerror(errno);
  }
  void enter() const override { put_thread_into(path_); }
  void leave() const override { put_thread_into(parent_); }
  void set(bool limited) final {
    const int error = write_kernel_file(path_ + kLimitFile, limited ? "1048576" : "-1");
    if (error != 0) throw_errno("limit TCP memory", error);
  }
  SubCause sub_cause() const override { return SubCause::cgroup; }

  static constexpr const char* kLimitFile = "/memory.kmem.tcp.limit_in_bytes";

 private:
  std::string parent_;
  std::string path_;
};

class MachineLimit : public TcpMemoryLimit {
 public:
  explicit MachineLimit(const char* limits) : limits_(limits), before_(read_file(kTcpMem)) {
    set(true);
  }
  ~MachineLimit() override { write_kernel_file(kTcpMem, before_); }
  void set(bool limited) final {
    const int error = write_kernel_file(kTcpMem, limited ? limits_ : before_);
    if (error != 0) throw_errno("limit TCP memory", error);
  }
  SubCause sub_cause() const override { return SubCause::global; }

 private:
  static constexpr const char* kTcpMem = "/proc/sys/net/ipv4/tcp_mem";
  std::string limits_;
  std::string before_;
};

std::unique_ptr<TcpMemoryLimit> make_limit(const char* limits) {
  const auto group = own_memory_cgroup();
  if (!group.empty() && try_read_file(group + CgroupLimit::kLimitFile)) {
    return std::make_unique<CgroupLimit>(group);
  }
  if (std::getenv("NETSTALL_TEST_OWNS_MACHINE") == nullptr) return nullptr;
  return std::make_unique<MachineLimit>(limits);
}

}  // namespace

std::unique_ptr<TcpMemoryLimit> TcpMemoryLimit::make() {
  return make_limit("512 768 1024");
}

std::unique_ptr<TcpMemoryLimit> TcpMemoryLimit::make_for_one_side() {
  return make_limit("1 2 800");
}

}  // namespace netstall
