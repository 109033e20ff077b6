// The exit statuses of the outer contract.
#pragma once

#include <array>
#include <functional>
#include <string_view>
#include <utility>

#include "base/error.hpp"

namespace netstall {

enum class ExitStatus : int {
  ok = 0,
  missed = 1,
  usage = 2,
  inconclusive = 3,
  incapable = 4,
  failed = 5,
  interrupted = 130
};

// As --help and the manual pages tell them.
inline constexpr std::array<std::pair<ExitStatus, std::string_view>, 7> kExitStatuses{
    {{ExitStatus::ok, "ok"},
     {ExitStatus::missed, "an expectation missed, or a regression"},
     {ExitStatus::usage, "bad usage or input"},
     {ExitStatus::inconclusive, "inconclusive (with --strict)"},
     {ExitStatus::incapable, "this machine cannot do it"},
     {ExitStatus::failed, "the run failed"},
     {ExitStatus::interrupted, "interrupted"}}};

constexpr ExitStatus exit_status_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage:
      return ExitStatus::usage;
    case ErrorKind::incapable:
      return ExitStatus::incapable;
    case ErrorKind::interrupted:
      return ExitStatus::interrupted;
    case ErrorKind::failed:
      break;
  }
  return ExitStatus::failed;
}

// Runs a program's command: what it throws is said on stderr and becomes the status.
ExitStatus guarded(const std::function<ExitStatus()>& command);

}  // namespace netstall
