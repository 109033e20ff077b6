// The checks that make something to see whether it can be made.
#include <fmt/format.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/statvfs.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/netns.hpp"
#include "base/units.hpp"
#include "base/user_namespace.hpp"
#include "bench/observe/checks.hpp"
#include "bench/observe/io_uring.hpp"
#include "bench/observe/limits.hpp"
#include "bench/observe/sysctls.hpp"

namespace netstall {
namespace {

constexpr double kLittleSpace = 1e9;  // bytes: a long campaign's reports
constexpr double kTooLittle = 50e6;   // not one report with its journal

// RTM_NEWLINK of kind "veth" and nothing else: the kernel names both ends.
struct VethRequest {
  nlmsghdr header{};
  ifinfomsg link{};
  rtattr link_info{};
  rtattr kind{};
  std::array<char, 4> kind_text{'v', 'e', 't', 'h'};
};

struct NetlinkAnswer {
  nlmsghdr header{};
  nlmsgerr error{};
};

// Returns 0 or the errno that the kernel answers with.
int make_veth() {
  const Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket) return errno;
  VethRequest request;
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = RTM_NEWLINK;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
  request.link.ifi_family = AF_UNSPEC;
  request.link_info.rta_type = IFLA_LINKINFO;
  request.link_info.rta_len = 2 * sizeof(rtattr) + request.kind_text.size();
  request.kind.rta_type = IFLA_INFO_KIND;
  request.kind.rta_len = sizeof(rtattr) + request.kind_text.size();
  if (::send(socket.get(), &request, sizeof request, 0) < 0) return errno;
  std::array<char, 4096> bytes;
  const ssize_t got = ::recv(socket.get(), bytes.data(), bytes.size(), 0);
  if (got < 0) return errno;
  NetlinkAnswer answer;
  if (got < static_cast<ssize_t>(sizeof answer)) return EPROTO;
  std::memcpy(&answer, bytes.data(), sizeof answer);
  return answer.header.nlmsg_type == NLMSG_ERROR ? -answer.error.error : EPROTO;
}

Check veth_check(const Netns& netns) {
  const ScopedNetns inside(netns);
  const int error = make_veth();
  if (error == 0) return {"veth", CheckResult::pass, "A pair of veth links can be made.", ""};
  return {"veth", CheckResult::fail,
          fmt::format("A pair of veth links cannot be made: {}.", errno_text(error)),
          "Load the kernel module: modprobe veth; or use a kernel with CONFIG_VETH."};
}

Check ports_check(const Netns& netns) {
  // The plan counts on the kernel's default; some vendor's kernel may have another.
  const auto sysctls = read_sysctls(netns);
  const auto range = sysctls.find("net.ipv4.ip_local_port_range");
  std::istringstream fields(range == sysctls.end() ? std::string() : range->second);
  std::int64_t first = 0;
  std::int64_t last = 0;
  const auto expected = static_cast<std::int64_t>(kNewNamespacePorts);
  if (!(fields >> first >> last) || last - first + 1 < expected) {
    return {"source_ports", CheckResult::warn,
            fmt::format("A new namespace has the source ports '{}', fewer than the {} that plans "
                        "count on.",
                        fields.str(), expected),
            "Set net.ipv4.ip_local_port_range of both sides in the scenario."};
  }
  return {"source_ports", CheckResult::pass,
          fmt::format("A new namespace has {} source ports.", last - first + 1), ""};
}

Check ring_check() {
  if (const auto why = why_no_io_uring()) {
    return {"io_uring", CheckResult::warn, fmt::format("No ring can be made: {}.", *why),
            "none needed but for flows with \"io\": \"io-uring\", which are skipped here"};
  }
  return {"io_uring", CheckResult::pass, "Workers can send by io_uring.", ""};
}

std::filesystem::path existing_ancestor(std::filesystem::path path) {
  std::error_code ignored;
  path = std::filesystem::absolute(path, ignored);
  while (!std::filesystem::exists(path, ignored) && path.has_relative_path()) {
    path = path.parent_path();
  }
  return path;
}

Check space_check(const std::filesystem::path& results) {
  const auto folder = existing_ancestor(results);
  struct statvfs space {};
  if (::statvfs(folder.c_str(), &space) != 0) {
    return {"disk_space", CheckResult::warn,
            fmt::format("The space in {} is not known: {}.", folder.string(), errno_text(errno)),
            "Write reports elsewhere: netstall run -o FILE."};
  }
  const auto free = static_cast<double>(space.f_bavail) * static_cast<double>(space.f_frsize);
  auto finding = fmt::format("{} free in {}.", human_bytes(free), folder.string());
  if (free >= kLittleSpace) return {"disk_space", CheckResult::pass, std::move(finding), ""};
  return {"disk_space", free < kTooLittle ? CheckResult::fail : CheckResult::warn,
          std::move(finding), "Make room, or write reports elsewhere: netstall run -o FILE."};
}

}  // namespace

Check user_namespace_check() {
  const char* name = "user_namespace";
  const auto refusal = try_user_namespace();
  const bool root = may_make_namespaces();
  if (!refusal) {
    return {name, CheckResult::pass,
            root ? "An ordinary user could run here, too, in a user namespace."
                 : "Without root a run is made in a user namespace; its report says what that "
                   "gives up.",
            ""};
  }
  return {name, root ? CheckResult::warn : CheckResult::fail,
          fmt::format("Without root nobody can run here: {}.", refusal->why),
          root ? "None is needed as long as root runs netstall." : refusal->mend};
}

std::vector<Check> trial_checks(const std::filesystem::path& results) {
  std::vector<Check> checks;
  try {
    const auto netns = Netns::create();
    checks.push_back(
        {"namespaces", CheckResult::pass, "A network namespace can be made and entered.", ""});
    checks.push_back(veth_check(netns));
    checks.push_back(ports_check(netns));
  } catch (const Error& error) {
    checks.push_back(
        {"namespaces", CheckResult::fail,
         fmt::format("A network namespace cannot be made or entered: {}.", error.what()),
         "Run as root, outside containers that forbid namespaces."});
  }
  checks.push_back(ring_check());
  checks.push_back(space_check(results));
  return checks;
}

}  // namespace netstall
