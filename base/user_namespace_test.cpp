#include "base/user_namespace.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace netstall {
namespace {

using ::testing::HasSubstr;

class UserNamespaceRefusals : public ::testing::Test {
 protected:
  UserNamespaceRefusals() {
    std::string name = ::testing::TempDir() + "netstall-sys-XXXXXX";
    sys_ = ::mkdtemp(name.data());
  }
  ~UserNamespaceRefusals() override { std::filesystem::remove_all(sys_); }
  void write(const char* file, const char* text) const {
    std::filesystem::create_directories((sys_ / file).parent_path());
    std::ofstream(sys_ / file) << text;
  }
  std::filesystem::path sys_;
};

TEST_F(UserNamespaceRefusals, NameTheSwitchThatForbids) {
  EXPECT_THAT(user_namespace_refusal(EPERM, sys_).why, HasSubstr("Operation not permitted"));
  EXPECT_THAT(user_namespace_refusal(ENOSPC, sys_).why, HasSubstr("as many namespaces as it may"));
  EXPECT_THAT(user_namespace_refusal(EINVAL, sys_).why, HasSubstr("CONFIG_USER_NS"));
  write("kernel/apparmor_restrict_unprivileged_userns", "1\n");
  EXPECT_THAT(user_namespace_refusal(EACCES, sys_).why, HasSubstr("AppArmor"));
  // It forbids rights, not namespaces.
  EXPECT_THAT(user_namespace_refusal(ENOSPC, sys_).why, HasSubstr("as many namespaces as it may"));
  write("kernel/unprivileged_userns_clone", "0\n");
  EXPECT_THAT(user_namespace_refusal(EPERM, sys_).mend,
              HasSubstr("sysctl -w kernel.unprivileged_userns_clone=1"));
  write("user/max_user_namespaces", "0\n");
  EXPECT_THAT(user_namespace_refusal(ENOSPC, sys_).why, HasSubstr("user.max_user_namespaces is 0"));
  write("user/max_user_namespaces", "4096\n");
  write("user/max_net_namespaces", "0\n");
  EXPECT_THAT(user_namespace_refusal(ENOSPC, sys_).why, HasSubstr("user.max_net_namespaces is 0"));
}

// In a child: there is no way back.
template <class Body>
int status_of_child(Body body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(UserNamespace, MakesItsUserRootOfNobodyElse) {
  if (const auto refusal = try_user_namespace()) GTEST_SKIP() << refusal->why;
  EXPECT_EQ(status_of_child([] {
              const auto user = outer_user();
              enter_user_namespace();
              if (::geteuid() != 0) return 1;
              if (outer_user() != user) return 2;
              if (in_first_user_namespace()) return 3;
              if (!may_make_namespaces()) return 4;
              if (!maps_user(0) || maps_user(65534)) return 5;
              return 0;
            }),
            0);
}

}  // namespace
}  // namespace netstall
