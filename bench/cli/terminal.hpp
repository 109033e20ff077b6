// What people see while a command runs: plain lines on stderr, and one live line
// where stderr is a terminal.
#pragma once

#include <string>

namespace netstall {

// Colour only on a terminal and without NO_COLOR (https://no-color.org).
bool wants_color(int fd);

// One line that is rewritten in place; nothing at all unless stderr is a
// terminal. Cleared on destruction. Not thread-safe.
class LiveLine {
 public:
  explicit LiveLine(bool enabled);
  LiveLine(const LiveLine&) = delete;
  LiveLine& operator=(const LiveLine&) = delete;
  ~LiveLine();

  void show(const std::string& text);
  void clear();
  // A line that stays, above the live one.
  void say(const std::string& line);

 private:
  bool enabled_;
  bool shown_ = false;
};

}  // namespace netstall
