// Sockets of a task: their options, their addresses, their errors.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <map>
#include <string>

#include "base/fd.hpp"
#include "loadgen/messages.hpp"

namespace netstall {

// errno name → count.
using ErrorCounts = std::map<std::string, std::uint64_t>;

// An IP address and port as the kernel takes it.
struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  const sockaddr* get() const noexcept {
    return static_cast<const sockaddr*>(static_cast<const void*>(&storage));
  }
};

// Throws Error for text that is no address of that family.
Address address_of(Family family, const std::string& text, std::uint16_t port);

// A new non-blocking socket with the task's options for its end on `side`. Of TCP: SO_RCVBUF
// goes before connect() and listen(), since the window scale is settled then, and
// what a listener has, its connections inherit. SO_LINGER 0: however this process
// ends, the kernel resets the connection and keeps neither orphan nor TIME_WAIT; of
// connect what the task says, since its connections end while traffic runs.
// Invalid with errno set where there is no socket; throws Error for a refused option.
Fd make_socket(const FlowTask& task, Side side);

// A socket of the task that listens on its port; the kernel cuts the queue to
// net.core.somaxconn. Throws Error.
Fd listen_on(const FlowTask& task, const std::string& address);

// SO_LINGER, in whole seconds; 0: close() resets the connection. Throws Error.
void set_linger(int fd, Nanoseconds linger);

// Gives an accepted connection what it has not from its listener: SO_PRIORITY, which
// the kernel sets back to 0. Throws Error.
void set_not_inherited(int fd, const FlowTask& task);

// The error that the socket has kept since it was last asked, 0 where there is none; it
// keeps it no more.
int take_socket_error(int fd) noexcept;

// getsockopt in bytes.
std::uint64_t sndbuf_of(int fd);
std::uint64_t rcvbuf_of(int fd);

// Option → value, under the names and in the units of a scenario's "socket", as
// "user_timeout" → "1500ms": what a task asks for (buffers are told apart), and what
// a socket has. An option that the kernel does not tell is left out.
using OptionTexts = std::map<std::string, std::string>;
OptionTexts requested_options(const SocketSpec& socket);
OptionTexts options_of(int fd, Family family);

void set_blocking(int fd, bool blocking);

}  // namespace netstall
