#include "model/json_scanner.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.hpp"
#include "model/json_document.hpp"

namespace netstall {
namespace {

// No value that is kept is longer: a repetition of a thousand flow groups is not.
constexpr std::size_t kLongest = std::size_t{256} << 20;

[[noreturn]] void refuse(std::string_view cause) {
  throw Error(ErrorKind::usage, "read a report", cause,
              "Use a report that netstall wrote, whole and unchanged.");
}

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

}  // namespace

JsonScanner::JsonScanner(Fd file, std::size_t buffer)
    : file_(std::move(file)), buffer_(buffer, '\0') {}

bool JsonScanner::fill() {
  if (copy_ != nullptr) {
    copy_->append(buffer_, copied_, end_ - copied_);
    if (copy_->size() > kLongest) refuse("a value in it is too long");
  }
  at_ = end_ = copied_ = 0;
  ssize_t got = 0;
  do {
    got = ::read(file_.get(), buffer_.data(), buffer_.size());
  } while (got < 0 && errno == EINTR);
  if (got < 0) refuse(errno_text(errno));
  end_ = static_cast<std::size_t>(got);
  return end_ > 0;
}

char JsonScanner::peek() {
  for (;;) {
    while (at_ < end_ && is_space(buffer_[at_])) ++at_;
    if (at_ < end_) return buffer_[at_];
    if (!fill()) refuse("it ends in the middle");
  }
}

void JsonScanner::expect(char wanted) {
  const char found = peek();
  if (found != wanted) {
    refuse(fmt::format("there is {} where '{}' should be", shown_text({&found, 1}), wanted));
  }
  ++at_;
}

void JsonScanner::expect_end() {
  do {
    for (; at_ < end_; ++at_) {
      if (!is_space(buffer_[at_])) refuse("there is something after its end");
    }
  } while (fill());
}

bool JsonScanner::closes(char bracket) {
  if (peek() != bracket) return false;
  ++at_;
  return true;
}

std::string JsonScanner::string() {
  std::string text;
  if (peek() != '"') refuse("there is something else where a key should be");
  value(&text);
  return text.substr(1, text.size() - 2);
}

void JsonScanner::value(std::string* out) {
  peek();
  copy_ = out;
  copied_ = at_;
  skip_value();
  copy_ = nullptr;
  if (out == nullptr) return;
  out->append(buffer_, copied_, at_ - copied_);
  if (out->size() > kLongest) refuse("a value in it is too long");
}

void JsonScanner::skip_value() {
  switch (peek()) {
    case '"':
      return skip_string();
    case '{':
    case '[':
      return skip_nested();
    default:
      return skip_scalar();
  }
}

void JsonScanner::skip_string() {
  ++at_;
  for (bool escaped = false;;) {
    if (at_ == end_ && !fill()) refuse("it ends in the middle of a text");
    if (std::exchange(escaped, false)) {
      ++at_;
      continue;
    }
    const char* begin = buffer_.data() + at_;
    const auto left = end_ - at_;
    const auto* quote = static_cast<const char*>(std::memchr(begin, '"', left));
    const auto size = quote == nullptr ? left : static_cast<std::size_t>(quote - begin);
    const auto* escape = static_cast<const char*>(std::memchr(begin, '\\', size));
    if (escape != nullptr) {
      at_ += static_cast<std::size_t>(escape - begin) + 1;
      escaped = true;
    } else {
      at_ += size + (quote == nullptr ? 0 : 1);
      if (quote != nullptr) return;
    }
  }
}

void JsonScanner::skip_scalar() {
  const auto ends = [](char c) { return c == ',' || c == ']' || c == '}' || is_space(c); };
  std::size_t size = 0;
  for (;;) {
    while (at_ < end_ && !ends(buffer_[at_])) {
      ++at_;
      ++size;
    }
    if (at_ < end_ || !fill()) break;
  }
  if (size == 0) refuse("a value is missing");
}

void JsonScanner::skip_nested() {
  std::string open;
  do {
    if (at_ == end_ && !fill()) refuse("it ends in the middle");
    const char c = buffer_[at_];
    if (c == '"') {
      skip_string();
      continue;
    }
    ++at_;
    if (c == '{' || c == '[') {
      open += c == '{' ? '}' : ']';
      if (open.size() > kMaxDepth) refuse("its values are nested too deep");
    } else if (c == '}' || c == ']') {
      if (open.back() != c) refuse("its brackets do not match");
      open.pop_back();
    }
  } while (!open.empty());
}

}  // namespace netstall
