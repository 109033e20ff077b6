#include "bench/lab/receive_steering.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace netstall {
namespace {

constexpr std::uint32_t kWordBits = 32;

// The devices of a namespace stand in a sysfs that was opened within it; this one is
// mounted nowhere, and is gone with its descriptor.
Fd sysfs_of(const Netns& netns) {
  const ScopedNetns inside(netns);
  const Fd context(::fsopen("sysfs", FSOPEN_CLOEXEC));
  if (!context || ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    throw_errno("open a sysfs of the lab", errno);
  }
  Fd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
  if (!mount) throw_errno("open a sysfs of the lab", errno);
  return mount;
}

std::vector<std::string> receive_queues(int device) {
  const int fd = ::openat(device, "queues", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return {};
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::fdopendir(fd), &::closedir);
  if (folder == nullptr) {
    ::close(fd);
    return {};
  }
  std::vector<std::string> queues;
  while (const auto* entry = ::readdir(folder.get())) {
    if (std::string_view(entry->d_name).starts_with("rx-")) queues.emplace_back(entry->d_name);
  }
  return queues;
}

// Bits may be written in more words than another has.
std::string without_leading_zeros(std::string_view mask) {
  const auto from = mask.find_first_not_of("0,");
  if (from == std::string_view::npos) return "";
  return std::string(mask.substr(from, mask.find_last_not_of('\n') + 1 - from));
}

}  // namespace

std::string cpu_mask_of(const CpuList& cpus) {
  if (cpus.empty()) return "0";
  std::vector<std::uint32_t> words(cpus.back() / kWordBits + 1);
  for (const auto cpu : cpus) words[cpu / kWordBits] |= 1U << cpu % kWordBits;
  auto text = fmt::format("{:x}", words.back());
  for (auto word = words.rbegin() + 1; word != words.rend(); ++word) {
    text += fmt::format(",{:08x}", *word);
  }
  return text;
}

void steer_receiving(const Netns& netns, const std::string& device, const CpuList& cpus) {
  if (cpus.empty()) return;
  const auto operation = fmt::format("handle what {} receives on CPUs {}", device, text_of(cpus));
  const auto sysfs = sysfs_of(netns);
  const Fd folder(::openat(sysfs.get(), fmt::format("class/net/{}", device).c_str(),
                           O_PATH | O_DIRECTORY | O_CLOEXEC));
  const auto queues = folder ? receive_queues(folder.get()) : std::vector<std::string>{};
  if (queues.empty()) throw Error(ErrorKind::incapable, operation, "it shows no receive queues");
  const auto mask = cpu_mask_of(cpus);
  for (const auto& queue : queues) {
    const auto path = fmt::format("queues/{}/rps_cpus", queue);
    const Fd file(::openat(folder.get(), path.c_str(), O_RDWR | O_CLOEXEC));
    if (!file && errno == ENOENT) {
      throw Error(ErrorKind::incapable, operation, "this kernel has no rps_cpus (CONFIG_RPS)");
    }
    if (!file || ::write(file.get(), mask.data(), mask.size()) < 0) {
      throw Error(ErrorKind::incapable, operation, fmt::format("{}: {}", path, errno_text(errno)));
    }
    std::string found(4096, '\0');
    const auto length = ::pread(file.get(), found.data(), found.size(), 0);
    found.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
    if (without_leading_zeros(found) == without_leading_zeros(mask)) continue;
    throw Error(ErrorKind::incapable, operation, fmt::format("{} stays {}", path, found));
  }
}

}  // namespace netstall
