#include "base/error.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace netstall {

Error::Error(ErrorKind kind, std::string_view operation, std::string_view cause, std::string remedy)
    : std::runtime_error(fmt::format("{}: {}", operation, cause)),
      kind_(kind),
      remedy_(std::move(remedy)) {}

void throw_errno(std::string_view operation, int error_number, std::string remedy) {
  const bool denied = error_number == EPERM || error_number == EACCES;
  throw Error(denied ? ErrorKind::incapable : ErrorKind::failed, operation,
              errno_text(error_number), std::move(remedy));
}

std::string errno_text(int error_number) {
  return std::generic_category().message(error_number);
}

std::string errno_name(int error_number) {
  const char* name = strerrorname_np(error_number);
  return name != nullptr ? std::string(name) : fmt::format("errno {}", error_number);
}

}  // namespace netstall
