#include "model/payload_files.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "base/file.hpp"
#include "model/json_pointer.hpp"
#include "model/scenario_values.hpp"
#include "model/take_value.hpp"

namespace netstall {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxFileBytes = std::size_t{2} << 20;

class Inliner {
 public:
  Inliner(std::span<const std::filesystem::path> folders, Faults& faults)
      : folders_(folders), faults_(faults) {}

  // A value that stands at `place` of the document: of the payloads' own place, or
  // of one that holds them.
  void visit(json& value, const Tokens& place, const std::string& written_at) {
    if (place.empty() || place[0] != "flows" || place.size() > 4) return;
    if (place.size() == 4) return visit_file(value, place, written_at);
    if (place.size() == 3) {
      if (place[2] == "payload") visit_payload(value, written_at);
    } else if (place.size() == 2) {
      if (value.is_object() && value.contains("payload")) {
        visit_payload(value["payload"], written_at + "/payload");
      }
    } else if (value.is_array()) {
      for (std::size_t i = 0; i < value.size(); ++i) {
        visit(value[i], {"flows", std::to_string(i)}, fmt::format("{}/{}", written_at, i));
      }
    }
  }

 private:
  // "/flows/0/payload/file" in a sweep: the key itself is gone once it is read.
  void visit_file(const json& value, const Tokens& place, const std::string& written_at) {
    if (place[2] != "payload" || place[3] != "file") return;
    faults_.add({written_at, shown(value) + " for a payload's file alone",
                 R"(a sweep over the payload, with values as {"file": "sizes.txt"})", ""});
  }

  void visit_payload(json& payload, const std::string& written_at) {
    if (!payload.is_object()) return;
    const auto file = payload.find("file");
    // Another type, or another kind of sizes beside it, is left for the reader.
    if (file == payload.end() || !file->is_string() || payload.size() != 1) return;
    if (auto sizes = read(file->get<std::string>(), written_at + "/file")) {
      payload = {{"sequence", std::move(*sizes)}};
    }
  }

  std::optional<json> read(const std::string& path, const std::string& written_at) {
    const auto found = find(path, written_at);
    if (!found) return std::nullopt;
    std::string text;
    try {
      text = read_file(*found, kMaxFileBytes);
    } catch (const Error& error) {
      faults_.add({written_at, fmt::format("{} ({})", shown_text(path), error.what()),
                   "a file of sizes", ""});
      return std::nullopt;
    }
    return parse(text, path, written_at);
  }

  std::optional<std::filesystem::path> find(const std::string& path,
                                            const std::string& written_at) {
    if (std::filesystem::path(path).is_absolute()) return path;
    std::string tried;
    for (const auto& folder : folders_) {
      std::error_code ignored;
      if (std::filesystem::exists(folder / path, ignored)) return folder / path;
      tried += (tried.empty() ? "" : " or ") + folder.string();
    }
    faults_.add({written_at, shown_text(path) + ", which is not there",
                 tried.empty() ? "an absolute path" : "a file in " + tried, ""});
    return std::nullopt;
  }

  std::optional<json> parse(std::string_view text, const std::string& path,
                            const std::string& written_at) {
    auto sizes = json::array();
    for (std::size_t number = 1; !text.empty(); ++number) {
      const auto end = text.find('\n');
      const auto line = text.substr(0, end);
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
      const auto size = std::string(trimmed(line.substr(0, line.find('#'))));
      if (size.empty()) continue;
      Bytes bytes;
      if (!take(json(size), bytes, Size{1, kMaxPayload})) {
        faults_.add({written_at,
                     fmt::format("{} in line {} of {}", shown_text(size), number, shown_text(path)),
                     Size{1, kMaxPayload}.allowed(), ""});
        return std::nullopt;
      }
      sizes.push_back(bytes.count);
    }
    if (!sizes.empty() && sizes.size() <= kMaxSizes) return sizes;
    faults_.add({written_at, fmt::format("{} sizes in {}", sizes.size(), shown_text(path)),
                 fmt::format("1 to {} of them", kMaxSizes), ""});
    return std::nullopt;
  }

  std::span<const std::filesystem::path> folders_;
  Faults& faults_;
};

}  // namespace

void inline_payload_files(json& document, std::span<const std::filesystem::path> folders,
                          Faults& faults) {
  Inliner inliner(folders, faults);
  if (const auto flows = document.find("flows"); flows != document.end()) {
    inliner.visit(*flows, {"flows"}, "/flows");
  }
  const auto sweep = document.find("sweep");
  if (sweep == document.end() || !sweep->is_object()) return;
  for (auto& [name, values] : sweep->items()) {
    if (!values.is_array()) continue;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto here = fmt::format("/sweep/{}/{}", escaped_token(name), i);
      if (name.starts_with('/')) {
        if (const auto place = tokens_of(name)) inliner.visit(values[i], *place, here);
        continue;
      }
      const auto set = values[i].is_object() ? values[i].find("set") : values[i].end();
      if (!values[i].is_object() || set == values[i].end() || !set->is_object()) continue;
      for (auto& [pointer, value] : set->items()) {
        const auto place = tokens_of(pointer);
        if (place) inliner.visit(value, *place, here + "/set/" + escaped_token(pointer));
      }
    }
  }
}

}  // namespace netstall
