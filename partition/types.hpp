// The words for nodes that every room uses.
#pragma once

#include <cstdint>

namespace halorec {

enum class NodeKind : std::uint8_t { user = 0, item = 1 };
inline constexpr int kNumNodeKinds = 2;

// (kind, index), 64-bit and append-only: the same on any number of ranks, and unchanged when new
// nodes of any kind arrive. The kind stands in the top byte.
class GlobalId {
 public:
  constexpr GlobalId() = default;
  constexpr GlobalId(NodeKind kind, std::uint32_t index)
      : bits_(static_cast<std::uint64_t>(kind) << 56 | index) {}
  static constexpr GlobalId from_bits(std::uint64_t bits) {
    GlobalId id;
    id.bits_ = bits;
    return id;
  }
  constexpr NodeKind kind() const { return static_cast<NodeKind>(bits_ >> 56); }
  constexpr std::uint32_t index() const { return static_cast<std::uint32_t>(bits_); }
  constexpr std::uint64_t bits() const { return bits_; }
  // clang-tidy 14 misreads the comparison that this makes.
  friend constexpr auto operator<=>(GlobalId, GlobalId) = default;  // NOLINT(modernize-use-nullptr)

 private:
  std::uint64_t bits_ = 0;
};

// A row of a shard: owned rows first, ghosts after them.
using LocalId = std::int32_t;

}  // namespace halorec
