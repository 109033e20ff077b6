// The one exception type of set-up: what was attempted, on what, why it failed,
// and what the user can do. What traffic meets (resets, timeouts) is data and
// never comes this way.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace netstall {

// Decides the exit status of the program.
enum class ErrorKind {
  usage,       // bad usage or input: 2
  incapable,   // this machine cannot do it: 4
  failed,      // the run failed: 5
  interrupted  // by a signal: 130
};

class Error : public std::runtime_error {
 public:
  // what() reads "OPERATION: CAUSE"; the remedy, where there is one, is one more
  // sentence for the user.
  Error(ErrorKind kind, std::string_view operation, std::string_view cause,
        std::string remedy = {});

  ErrorKind kind() const noexcept { return kind_; }
  const std::string& remedy() const noexcept { return remedy_; }

 private:
  ErrorKind kind_;
  std::string remedy_;
};

// Throws Error with the text of an errno. EPERM and EACCES are `incapable`,
// anything else is `failed`.
[[noreturn]] void throw_errno(std::string_view operation, int error_number,
                              std::string remedy = {});

// The text of an errno, as "Permission denied". Thread-safe.
std::string errno_text(int error_number);
// Its name, as "EACCES"; "errno 4095" where the C library has none.
std::string errno_name(int error_number);

}  // namespace netstall
