// Root qdiscs, in tc's own syntax and by tc itself: it knows every kind that its
// kernel can have, and says best why one is refused.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/netns.hpp"
#include "model/scenario.hpp"

namespace netstall {

// What a side's end of the link has as its root qdisc: the scenario's own text, or what
// makes its delay, loss and rate ("netem limit 100000 delay 20000us"). Absent: the
// kernel's default, noqueue. Pure.
std::optional<std::string> root_qdisc_of(const LinkSpec& link, Side side);

// Makes it the root qdisc of a device. Throws Error: incapable (no tc, the kernel has
// no such qdisc, not permitted) or usage (tc does not understand it), with tc's words.
void set_root_qdisc(const Netns& netns, std::string_view device, std::string_view qdisc);

// Why this machine cannot have such a root qdisc, or nothing: tried on the loopback of a
// namespace made for it, in a user namespace of its own where the caller is not root. A
// machine that allows neither cannot tell, and gives nothing.
std::optional<std::string> why_no_qdisc(std::string_view qdisc);

}  // namespace netstall
