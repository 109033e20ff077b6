// User namespaces: in one of its own an ordinary user may make network namespaces and
// links, and owns what is in them, but nothing of the machine outside.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>

namespace netstall {

// Whether this process is in the machine's first user namespace: what root may do in
// another one ends at that one's edge.
bool in_first_user_namespace();

// This process's user, as the namespace around its user namespace numbers it: the same
// before and after enter_user_namespace().
uid_t outer_user();

// Whether this process's user namespace knows this user. A new one knows its maker alone.
bool maps_user(uid_t user);

// Whether this process may make namespaces and links: as root, with CAP_SYS_ADMIN and
// CAP_NET_ADMIN.
bool may_make_namespaces();

// Moves this process into a new user namespace, as its root, and into a new network
// namespace that belongs to it (a thread comes back only to one that does). There is no
// way back. Call it while there is one thread. Throws Error (incapable) with the reason
// where the machine forbids it.
void enter_user_namespace();

// Why there is none, and the mend.
struct UserNamespaceRefusal {
  std::string why;
  std::string mend;
};

// Why an ordinary user cannot do that here, or nothing. Tries it, in a child.
std::optional<UserNamespaceRefusal> try_user_namespace();

// What the machine says about an errno of it. `sys` is for tests: a /proc/sys.
UserNamespaceRefusal user_namespace_refusal(int error_number,
                                            const std::filesystem::path& sys = "/proc/sys");

}  // namespace netstall
