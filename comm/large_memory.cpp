#include "comm/large_memory.hpp"

#include <sys/mman.h>

#include <new>

namespace halorec {
namespace {

constexpr std::size_t kCacheLine = 64;
constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kFirstLarge = 2 * kHugePage;

std::align_val_t alignment_of(std::size_t bytes) {
  return std::align_val_t{bytes >= kFirstLarge ? kHugePage : kCacheLine};
}

}  // namespace

void* allocate_large(std::size_t bytes) {
  void* memory = ::operator new(bytes, alignment_of(bytes));
#ifdef MADV_HUGEPAGE
  // A wish: where it is not granted the memory is as good as any.
  if (bytes >= kFirstLarge) static_cast<void>(madvise(memory, bytes, MADV_HUGEPAGE));
#endif
  return memory;
}

void free_large(void* memory, std::size_t bytes) noexcept {
  ::operator delete(memory, alignment_of(bytes));
}

}  // namespace halorec
