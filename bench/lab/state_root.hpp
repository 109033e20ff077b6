// Where runs keep their undo journals and locks.
#pragma once

#include <filesystem>

namespace netstall {

// kRunRoot of root; of an ordinary user netstall/ in its XDG_RUNTIME_DIR, or without one
// /tmp/netstall-USER. The same before and after enter_user_namespace().
std::filesystem::path state_root();

// Makes it where it is not there. Throws Error (incapable) for an ordinary user's that is
// not its own alone: in /tmp somebody else can have been there first, with a link.
void make_state_root(const std::filesystem::path& root);

// Throws as that does, where it is there: what a stranger's journal says would be undone.
void require_own_state_root(const std::filesystem::path& root);

}  // namespace netstall
