// Memory for large arrays whose rows are read in no order. On pages of 4 KiB most such reads miss
// the processor's table of addresses as well as its caches; on huge pages of 2 MiB they do not. A
// row of 256 bytes read at random among 64 MiB took 48 ns instead of 70.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace halorec {

// Aligned to a cache line; from 4 MiB on to a huge page, and Linux is asked to use such pages where
// its administrator lets a program choose (transparent_hugepage = madvise, a usual default). Not
// initialised. Throws std::bad_alloc.
void* allocate_large(std::size_t bytes);
void free_large(void* memory, std::size_t bytes) noexcept;

template <typename T>
struct LargeAllocator {
  using value_type = T;

  LargeAllocator() = default;
  template <typename U>
  explicit LargeAllocator(const LargeAllocator<U>& /*other*/) {}

  T* allocate(std::size_t count) { return static_cast<T*>(allocate_large(count * sizeof(T))); }
  void deallocate(T* memory, std::size_t count) noexcept { free_large(memory, count * sizeof(T)); }
  // Numbers that a resize adds are not set: a buffer is written before it is read.
  template <typename U>
  void construct(U* at) {
    ::new (static_cast<void*>(at)) U;
  }
  template <typename U, typename... Args>
  void construct(U* at, Args&&... args) {
    ::new (static_cast<void*>(at)) U(std::forward<Args>(args)...);
  }
  friend bool operator==(const LargeAllocator&, const LargeAllocator&) { return true; }
};

// A vector on such memory; resize leaves new numbers unset.
template <typename T>
using LargeVector = std::vector<T, LargeAllocator<T>>;

}  // namespace halorec
