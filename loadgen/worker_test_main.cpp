// A worker as a program of its own, for the tests. Given the path of a file, it
// counts its memory allocations there: 8 bytes, native order.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "loadgen/worker.hpp"

namespace {

std::atomic<std::uint64_t> unseen_allocations;
std::atomic<std::uint64_t>* allocations = &unseen_allocations;

void share_count(const char* path) {
  const int fd = ::open(path, O_RDWR | O_CLOEXEC);
  void* page = ::mmap(nullptr, sizeof *allocations, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::close(fd);
  if (page != MAP_FAILED) allocations = static_cast<std::atomic<std::uint64_t>*>(page);
}

}  // namespace

// Asio allocates by aligned_alloc, so operator new would not see it all. The
// sanitizers bring their own.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// The names are glibc's.
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) {
  allocations->fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) {
  allocations->fetch_add(1, std::memory_order_relaxed);
  return __libc_memalign(alignment, size);
}
}
// NOLINTEND(bugprone-reserved-identifier)
#endif

int main(int count, char** arguments) {
  if (count > 1) share_count(arguments[1]);
  return netstall::worker_main();
}
