// The exit statuses of the outer contract.
#pragma once

#include <functional>

#include "base/error.hpp"

namespace netstall {

enum class ExitStatus : int {
  ok = 0,
  missed = 1,        // an expectation missed, or a regression
  usage = 2,         // bad usage or input
  inconclusive = 3,  // with --strict
  incapable = 4,     // this machine cannot do it
  failed = 5,        // the run failed
  interrupted = 130
};

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
