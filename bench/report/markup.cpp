#include "bench/report/markup.hpp"

#include <algorithm>

#include "base/printable.hpp"

namespace netstall {
namespace {

bool continues(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

std::size_t bytes_of_columns(std::string_view text, std::size_t width) {
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    if (!continues(text[at]) && width-- == 0) break;
  }
  return at;
}

}  // namespace

std::string markdown_text(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '@':  // GitHub would tell the person of that name
        out += "&#64;";
        break;
      case '|':
      case '\\':
      case '`':
      case '*':
      case '_':
      case '[':
      case ']':
      case '!':
      case '#':
      case '~':
        out += '\\';
        [[fallthrough]];
      default:
        out += c;
    }
  }
  // An address is a link without any mark.
  for (auto at = out.find("://"); at != std::string::npos; at = out.find("://", at + 1)) {
    out.replace(at, 1, "&#58;");
  }
  return out;
}

std::string xml_text(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&apos;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char byte) { return !continues(byte); }));
}

std::string wrapped(std::string_view text, std::size_t indent, std::size_t width) {
  std::string out;
  std::size_t room = width;
  while (columns(text) > room) {
    const auto most = bytes_of_columns(text, room + 1);
    const auto space = text.substr(0, most).rfind(' ');
    const bool at_space = space != std::string_view::npos && space > indent;
    const auto end = at_space ? space : bytes_of_columns(text, room);
    out += text.substr(0, end);
    out += '\n' + std::string(indent, ' ');
    text.remove_prefix(end + (at_space ? 1 : 0));
    room = width - indent;
  }
  return out + std::string(text) + '\n';
}

}  // namespace netstall
