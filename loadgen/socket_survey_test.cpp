#include "loadgen/socket_survey.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <map>

#include "base/fd.hpp"

namespace netstall {
namespace {

struct Connection {
  Fd sender;
  Fd reader;
};

Connection connect_on_loopback() {
  const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* general = reinterpret_cast<sockaddr*>(&address);
  EXPECT_EQ(::bind(listener.get(), general, length), 0);
  EXPECT_EQ(::listen(listener.get(), 1), 0);
  EXPECT_EQ(::getsockname(listener.get(), general, &length), 0);
  Connection connection{Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), Fd()};
  EXPECT_EQ(::connect(connection.sender.get(), general, length), 0);
  connection.reader.reset(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  return connection;
}

std::uint64_t fill(int fd) {
  const std::vector<char> data(65536, 'x');
  std::uint64_t sent = 0;
  for (;;) {
    const auto taken = ::send(fd, data.data(), data.size(), MSG_DONTWAIT);
    if (taken < 0) return sent;
    sent += static_cast<std::uint64_t>(taken);
  }
}

SurveyResult watch(SocketSurvey& survey) {
  survey.begin();
  for (int i = 0; i < 20; ++i) {
    ::poll(nullptr, 0, 10);
    survey.turn();
  }
  return survey.end();
}

TEST(SocketSurvey, ASenderThatNobodyReadsIsHeldBackByThePeersWindow) {
  const auto connection = connect_on_loopback();
  const auto sent = fill(connection.sender.get());
  SocketSurvey sender(
      1, [&](std::size_t) { return connection.sender.get(); }, 1, true);
  const auto found = watch(sender);
  EXPECT_EQ(found.connections, 1U);
  EXPECT_GE(found.elapsed_ns, 200'000'000U);
  const auto share = [&](std::uint64_t time) {
    return static_cast<double>(time) / static_cast<double>(found.elapsed_ns);
  };
  EXPECT_GT(share(found.busy_ns), 0.9);
  EXPECT_LE(share(found.busy_ns), 1.05);
  EXPECT_GT(share(found.rwnd_limited_ns), 0.9);
  EXPECT_LT(share(found.sndbuf_limited_ns), 0.1);

  SocketSurvey reader(
      1, [&](std::size_t) { return connection.reader.get(); }, 1, false);
  const auto read = watch(reader);
  EXPECT_EQ(read.connections, 0U) << "an end that sends nothing has no times to tell";
  // What was sent lies in one queue or the other, and takes more memory than it has bytes.
  EXPECT_GE(found.queue.min().value() + read.queue.min().value(), sent * 99 / 100);
}

TEST(SocketSurvey, AConnectionThatCarriesNothingIsNotBusy) {
  const auto connection = connect_on_loopback();
  SocketSurvey survey(
      1, [&](std::size_t) { return connection.sender.get(); }, 1, true);
  const auto found = watch(survey);
  EXPECT_EQ(found.connections, 1U);
  EXPECT_EQ(found.busy_ns, 0U);
  EXPECT_EQ(found.queue.max(), 0U);
}

TEST(SocketSurvey, AsksNoMoreThanItsBudgetAndAllInTurn) {
  const auto connection = connect_on_loopback();
  std::map<std::size_t, int> asked;
  SocketSurvey survey(
      100,
      [&](std::size_t i) {
        ++asked[i];
        return connection.sender.get();
      },
      10, true);
  survey.begin();
  EXPECT_EQ(asked.size(), 10U);
  EXPECT_EQ(asked.begin()->first, 0U);
  EXPECT_EQ(asked.rbegin()->first, 90U);
  asked.clear();
  for (int i = 0; i < 10; ++i) survey.turn();
  EXPECT_EQ(asked.size(), 100U);
  for (const auto& [connection_number, times] : asked) EXPECT_EQ(times, 1) << connection_number;
  EXPECT_EQ(survey.end().queue.count(), 100U);
}

TEST(SocketSurvey, WhatIsGoneIsLeftOut) {
  const auto connection = connect_on_loopback();
  bool gone = false;
  SocketSurvey survey(
      2, [&](std::size_t i) { return i == 0 || gone ? -1 : connection.sender.get(); }, 2, true);
  survey.begin();
  gone = true;
  survey.turn();
  const auto found = survey.end();
  EXPECT_EQ(found.connections, 0U);
  EXPECT_EQ(found.queue.count(), 0U);
}

}  // namespace
}  // namespace netstall
