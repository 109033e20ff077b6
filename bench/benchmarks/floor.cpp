#include "bench/benchmarks/floor.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <deque>
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/netns.hpp"
#include "base/process.hpp"
#include "bench/observe/limits.hpp"
#include "loadgen/local_ports.hpp"

namespace netstall {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t kPort = 4999;
constexpr std::uint64_t kSpareDescriptors = 100;
constexpr auto kStartDeadline = 300s;      // of a million connections
constexpr std::size_t kReadBytes = 65536;  // as netstall's readers ask for
constexpr int kEvents = 256;
constexpr int kSendsATurn = 16;

// What a side counts, and others read: one writer, in a mapping that both have.
using Count = std::atomic<std::uint64_t>;
static_assert(Count::is_always_lock_free);

void count_more(Count& count, std::uint64_t more) noexcept {
  count.store(count.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
}

class SharedCount {
 public:
  SharedCount()
      : page_(::mmap(nullptr, sizeof(Count), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                     0)) {
    if (page_ == MAP_FAILED) throw_errno("map a shared count", errno);
    count_ = new (page_) Count(0);
  }
  SharedCount(const SharedCount&) = delete;
  SharedCount& operator=(const SharedCount&) = delete;
  ~SharedCount() { ::munmap(page_, sizeof(Count)); }
  Count& get() noexcept { return *count_; }

 private:
  void* page_;
  Count* count_;
};

void require(bool good, const char* doing) {
  if (!good) throw_errno(doing, errno);
}

Fd make_socket() {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  require(static_cast<bool>(fd), "make a socket");
  // As netstall's: a close leaves no TIME_WAIT to the next.
  const linger at_once{1, 0};
  require(::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0,
          "set SO_LINGER");
  return fd;
}

sockaddr_in address_of(const std::string& text, std::uint16_t port = kPort) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  require(::inet_pton(AF_INET, text.c_str(), &address.sin_addr) == 1, "read an address");
  return address;
}

void set_nonblocking(int fd) {
  require(::fcntl(fd, F_SETFL, O_NONBLOCK) == 0, "make a socket non-blocking");
}

// A whole epoll set of sockets; the user's number is the index.
Fd watch(const std::vector<Fd>& sockets, std::uint32_t events) {
  Fd set(::epoll_create1(EPOLL_CLOEXEC));
  require(static_cast<bool>(set), "make an epoll set");
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    set_nonblocking(sockets[i].get());
    epoll_event event{};
    event.events = events;
    event.data.u64 = i;
    require(::epoll_ctl(set.get(), EPOLL_CTL_ADD, sockets[i].get(), &event) == 0, "watch a socket");
  }
  return set;
}

template <class OnReady>
[[noreturn]] void serve(const Fd& set, OnReady&& on_ready) {
  std::array<epoll_event, kEvents> events;
  for (;;) {
    const int count = ::epoll_wait(set.get(), events.data(), kEvents, -1);
    require(count >= 0 || errno == EINTR, "wait for events");
    for (int i = 0; i < count; ++i) on_ready(events[static_cast<std::size_t>(i)].data.u64);
  }
}

// One of several that count together.
[[noreturn]] void receive_one(int fd, Count& bytes) {
  std::vector<char> buffer(kReadBytes);
  for (;;) {
    const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
    require(got > 0, "receive");
    bytes.fetch_add(static_cast<std::uint64_t>(got), std::memory_order_relaxed);
  }
}

// Calls body(fd) for each socket in a thread of its own, the caller's among them; it does not
// return.
template <class Body>
[[noreturn]] void in_threads(const std::vector<Fd>& sockets, const Body& body) {
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < sockets.size(); ++i) {
    threads.emplace_back([fd = sockets[i].get(), &body] { body(fd); });
  }
  body(sockets[0].get());
  ::_exit(0);
}

[[noreturn]] void receive_many(const std::vector<Fd>& sockets, Count& bytes) {
  std::vector<char> buffer(kReadBytes);
  const auto set = watch(sockets, EPOLLIN);
  serve(set, [&](std::size_t i) {
    const ssize_t got = ::recv(sockets[i].get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EAGAIN) return;
    require(got > 0, "receive");
    count_more(bytes, static_cast<std::uint64_t>(got));
  });
}

[[noreturn]] void send_one(int fd, std::size_t size) {
  const std::vector<char> message(size);
  for (;;) require(::send(fd, message.data(), size, MSG_NOSIGNAL) > 0, "send");
}

[[noreturn]] void send_many(const std::vector<Fd>& sockets, std::size_t size) {
  const std::vector<char> message(size);
  std::vector<std::size_t> offset(sockets.size());
  const auto set = watch(sockets, EPOLLOUT);
  serve(set, [&](std::size_t i) {
    for (int sends = 0; sends < kSendsATurn; ++sends) {
      const ssize_t sent =
          ::send(sockets[i].get(), message.data() + offset[i], size - offset[i], MSG_NOSIGNAL);
      if (sent < 0 && errno == EAGAIN) return;
      require(sent > 0, "send");
      offset[i] = (offset[i] + static_cast<std::size_t>(sent)) % size;
    }
  });
}

void send_whole(int fd, const std::vector<char>& message) {
  const ssize_t sent = ::send(fd, message.data(), message.size(), MSG_NOSIGNAL);
  // One at a time is under way: a socket's buffer always has room for it.
  require(sent == static_cast<ssize_t>(message.size()), "send a message whole");
}

// Each message that came whole is followed by one the other way, and counted.
[[noreturn]] void exchange(const std::vector<Fd>& sockets, std::size_t size, bool begins,
                           Count& messages) {
  const std::vector<char> message(size);
  std::vector<char> buffer(kReadBytes);
  std::vector<std::size_t> left(sockets.size(), size);
  const auto set = watch(sockets, EPOLLIN);
  if (begins) {
    for (const auto& socket : sockets) send_whole(socket.get(), message);
  }
  serve(set, [&](std::size_t i) {
    const ssize_t got = ::recv(sockets[i].get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EAGAIN) return;
    require(got > 0, "receive");
    left[i] -= static_cast<std::size_t>(got);
    if (left[i] > 0) return;
    left[i] = size;
    count_more(messages, 1);
    send_whole(sockets[i].get(), message);
  });
}

// Slots, each with a socket of its own for every exchange; one epoll event says that it
// is connected, one that the response is here.
[[noreturn]] void dial(const sockaddr_in& address, const FloorSpec& spec, Count& exchanges) {
  const std::vector<char> message(spec.bytes);
  std::vector<char> buffer(kReadBytes);
  struct Slot {
    Fd socket;
    bool asked = false;
    std::size_t left = 0;
  };
  std::vector<Slot> slots(spec.connections);
  const Fd set(::epoll_create1(EPOLL_CLOEXEC));
  require(static_cast<bool>(set), "make an epoll set");
  const auto begin = [&](std::size_t i) {
    auto& slot = slots[i];
    slot.socket = make_socket();
    set_nonblocking(slot.socket.get());
    slot.asked = false;
    slot.left = spec.bytes;
    require(::connect(slot.socket.get(), reinterpret_cast<const sockaddr*>(&address),
                      sizeof address) == 0 ||
                errno == EINPROGRESS,
            "connect");
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.u64 = i;
    require(::epoll_ctl(set.get(), EPOLL_CTL_ADD, slot.socket.get(), &event) == 0,
            "watch a socket");
  };
  for (std::size_t i = 0; i < slots.size(); ++i) begin(i);
  serve(set, [&](std::size_t i) {
    auto& slot = slots[i];
    if (!std::exchange(slot.asked, true)) return send_whole(slot.socket.get(), message);
    const ssize_t got = ::recv(slot.socket.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EAGAIN) return;
    require(got > 0, "receive");
    slot.left -= static_cast<std::size_t>(got);
    if (slot.left > 0) return;
    slot.socket.reset();
    count_more(exchanges, 1);
    begin(i);
  });
}

// Answers each connection's request, and closes when the other end is gone.
[[noreturn]] void answer(const Fd& listener, std::size_t size) {
  const std::vector<char> message(size);
  std::vector<char> buffer(kReadBytes);
  struct Guest {
    Fd socket;
    std::size_t left = 0;
  };
  std::vector<Guest> guests(1);  // by descriptor; the first is none
  set_nonblocking(listener.get());
  const Fd set(::epoll_create1(EPOLL_CLOEXEC));
  require(static_cast<bool>(set), "make an epoll set");
  const auto watch_one = [&](int fd, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = static_cast<std::uint64_t>(fd);
    require(::epoll_ctl(set.get(), EPOLL_CTL_ADD, fd, &event) == 0, "watch a socket");
  };
  watch_one(listener.get(), EPOLLIN);
  serve(set, [&](std::size_t fd) {
    if (static_cast<int>(fd) == listener.get()) {
      for (;;) {
        Fd socket(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!socket && errno == EAGAIN) return;
        require(static_cast<bool>(socket), "accept");
        const auto at = static_cast<std::size_t>(socket.get());
        if (guests.size() <= at) guests.resize(at + 1);
        watch_one(socket.get(), EPOLLIN | EPOLLET);
        guests[at] = {std::move(socket), size};
      }
    }
    auto& guest = guests[fd];
    const ssize_t got = ::recv(guest.socket.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return guest.socket.reset();
    guest.left -= static_cast<std::size_t>(got);
    if (guest.left > 0) return;
    // It may be gone already.
    [[maybe_unused]] const auto sent =
        ::send(guest.socket.get(), message.data(), message.size(), MSG_NOSIGNAL);
  });
}

// A side as a process: it answers one byte when it is ready, waits for one where it is
// told to, and else answers why it cannot.
class FloorSide {
 public:
  template <class Body>
  FloorSide(const Netns& netns, Body&& body) {
    std::array<int, 2> ends{};
    require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0,
            "make a socket pair");
    ours_.reset(ends[0]);
    const Fd theirs(ends[1]);
    const auto parent = ::getpid();
    pid_ = ::fork();
    require(pid_ >= 0, "start a process");
    if (pid_ > 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    std::string why;
    try {
      use_all_descriptors();
      const ScopedNetns inside(netns);
      body(theirs.get());
    } catch (const std::exception& error) {
      why = error.what();
    }
    [[maybe_unused]] const auto ignored = ::write(theirs.get(), why.data(), why.size());
    ::_exit(1);
  }
  FloorSide(const FloorSide&) = delete;
  FloorSide& operator=(const FloorSide&) = delete;
  ~FloorSide() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  void await_ready() {
    const Deadline deadline(kStartDeadline);
    pollfd event{ours_.get(), POLLIN, 0};
    if (::poll(&event, 1, deadline.poll_timeout()) <= 0) {
      throw Error(ErrorKind::failed, "start the floor", "a side is not ready in time");
    }
    fail_unless_ready();
  }
  Nanoseconds cpu_time() const { return cpu_time_of(pid_); }
  void tell() { require(::write(ours_.get(), "g", 1) == 1, "tell a side"); }
  // Throws what it says where it has failed since.
  void check() {
    pollfd event{ours_.get(), POLLIN, 0};
    if (::poll(&event, 1, 0) > 0) fail_unless_ready();
  }

 private:
  void fail_unless_ready() {
    std::array<char, 300> text{};
    const ssize_t got = ::read(ours_.get(), text.data(), text.size());
    if (got == 1) return;
    throw Error(ErrorKind::failed, "run the floor",
                got > 0 ? std::string(text.data(), static_cast<std::size_t>(got)) : "a side ended");
  }

  Fd ours_;
  pid_t pid_ = -1;
};

void say_ready(int control) {
  require(::write(control, "r", 1) == 1, "say that all is ready");
}

void await_word(int control) {
  char word = 0;
  require(::read(control, &word, 1) == 1, "wait for a word");
}

Fd listen_on(const sockaddr_in& address) {
  auto listener = make_socket();
  const int yes = 1;
  ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  require(
      ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
          ::listen(listener.get(), 4096) == 0,
      "listen");
  return listener;
}

std::vector<Fd> accept_all(const sockaddr_in& address, std::uint32_t connections, int control) {
  const auto listener = listen_on(address);
  say_ready(control);
  std::vector<Fd> sockets;
  sockets.reserve(connections);
  while (sockets.size() < connections) {
    sockets.emplace_back(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    require(static_cast<bool>(sockets.back()), "accept");
  }
  say_ready(control);
  return sockets;
}

void server_body(const FloorSpec& spec, const sockaddr_in& address, int control, Count& count) {
  if (spec.work == FloorWork::connect) {
    const auto listener = listen_on(address);
    say_ready(control);
    answer(listener, spec.bytes);
  }
  const auto sockets = accept_all(address, spec.connections, control);
  if (spec.work == FloorWork::request_response) {
    Count answered(0);
    exchange(sockets, spec.bytes, false, answered);
  }
  if (spec.work == FloorWork::stream_threads || sockets.size() == 1) {
    in_threads(sockets, [&](int fd) { receive_one(fd, count); });
  }
  receive_many(sockets, count);
}

std::vector<Fd> connect_all(const sockaddr_in& address, std::uint32_t connections) {
  const LocalPorts ports;
  std::vector<Fd> sockets;
  sockets.reserve(connections);
  while (sockets.size() < connections) {
    auto socket = make_socket();
    ports.choose(socket.get(), static_cast<std::uint32_t>(sockets.size()));
    require(
        ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
        "connect");
    sockets.push_back(std::move(socket));
  }
  return sockets;
}

void client_body(const FloorSpec& spec, const sockaddr_in& address, int control, Count& count) {
  if (spec.work == FloorWork::connect) {
    say_ready(control);
    await_word(control);
    dial(address, spec, count);
  }
  const auto sockets = connect_all(address, spec.connections);
  say_ready(control);
  await_word(control);
  switch (spec.work) {
    case FloorWork::request_response:
      exchange(sockets, spec.bytes, true, count);
    case FloorWork::stream_blocking:
    case FloorWork::stream_threads:
      in_threads(sockets, [&](int fd) { send_one(fd, spec.bytes); });
    case FloorWork::stream_epoll:
    case FloorWork::connect:
      break;
  }
  send_many(sockets, spec.bytes);
}

void wait_until(MonoTime at) {
  const timespec time{at.ns / 1'000'000'000, at.ns % 1'000'000'000};
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr) == EINTR) {
  }
}

}  // namespace

bool counts_exchanges(FloorWork work) noexcept {
  return work == FloorWork::request_response || work == FloorWork::connect;
}

FloorFigures run_floor(const Stage& stage, const FloorSpec& spec, Nanoseconds warmup,
                       Nanoseconds window) {
  const auto address = address_of(stage.lab().address(Side::server, Family::ipv4));
  SharedCount shared;
  FloorSide server(stage.lab().netns(Side::server),
                   [&](int control) { server_body(spec, address, control, shared.get()); });
  server.await_ready();
  FloorSide client(stage.lab().netns(Side::client),
                   [&](int control) { client_body(spec, address, control, shared.get()); });
  client.await_ready();
  // Of connect there is no connection yet.
  if (spec.work != FloorWork::connect) server.await_ready();
  client.tell();
  wait_until(mono_now() + warmup);
  const auto cpu_time = [&] { return client.cpu_time() + server.cpu_time(); };
  const auto cpu = cpu_time();
  const auto count = shared.get().load(std::memory_order_relaxed);
  const auto from = mono_now();
  wait_until(from + window);
  const auto counted = shared.get().load(std::memory_order_relaxed) - count;
  const auto seconds = static_cast<double>((mono_now() - from).count()) / 1e9;
  FloorFigures figures;
  figures.cpu = cpu_time() - cpu;
  (counts_exchanges(spec.work) ? figures.exchanges_per_s : figures.bytes_per_s) =
      static_cast<double>(counted) / seconds;
  client.check();
  server.check();
  stage.check_interrupted();
  return figures;
}

Nanoseconds connect_floor(const Stage& stage, std::uint64_t connections) {
  const auto limits = read_limits();
  const auto most = std::min(limits.nofile - kSpareDescriptors, limits.source_ports);
  const auto pairs = (connections + most - 1) / most;
  std::deque<FloorSide> servers;
  std::deque<FloorSide> clients;
  const auto text = stage.lab().address(Side::server, Family::ipv4);
  for (std::uint64_t i = 0; i < pairs; ++i) {
    const auto part =
        static_cast<std::uint32_t>(connections * (i + 1) / pairs - connections * i / pairs);
    const auto address = address_of(text, static_cast<std::uint16_t>(kPort + i));
    servers.emplace_back(stage.lab().netns(Side::server), [&](int control) {
      const auto sockets = accept_all(address, part, control);
      await_word(control);
    });
    servers.back().await_ready();
    clients.emplace_back(stage.lab().netns(Side::client), [&](int control) {
      say_ready(control);
      await_word(control);
      const auto sockets = connect_all(address, part);
      say_ready(control);
      await_word(control);
    });
    clients.back().await_ready();
  }
  const auto began = mono_now();
  for (auto& client : clients) client.tell();
  for (auto& client : clients) client.await_ready();
  for (auto& server : servers) server.await_ready();
  return mono_now() - began;
}

}  // namespace netstall
