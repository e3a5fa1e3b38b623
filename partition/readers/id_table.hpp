// The caller's ids, each kept once and numbered in order of first appearance.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "partition/dataset.hpp"

namespace halorec {

inline constexpr std::size_t kMaxIdBytes = 1024;

class LineReader;

class IdTable {
 public:
  // `kind` ("user", "item") is the word for messages.
  explicit IdTable(std::string_view kind) : kind_(kind), slots_(1024) {}

  // The id's number; a new id is checked first: Error at the reader's line when it is empty, longer
  // than kMaxIdBytes, not UTF-8 or holds control characters.
  std::uint32_t intern(std::string_view id, const LineReader& reader);
  // Starts to load the place where the id stands, so that an intern() soon after need not wait.
  void prefetch(std::string_view id) const {
    __builtin_prefetch(&slots_[probe_of(id).hash & (slots_.size() - 1)]);
  }
  std::optional<std::uint32_t> find(std::string_view id) const;

  std::uint32_t size() const { return static_cast<std::uint32_t>(names_.size()); }
  std::string_view operator[](std::uint32_t index) const { return names_[index]; }
  // Gives the strings away; the table is then no longer of use.
  StringTable take_names() { return std::move(names_); }

 private:
  // An id of up to 8 bytes stands in its slot, so that finding it reads one cache line; of a longer
  // one the slot holds the hash.
  struct Slot {
    std::uint64_t key = 0;
    std::uint32_t number = 0;  // index + 1; 0: free
    std::uint32_t num_bytes = 0;
  };
  struct Probe {
    std::uint64_t key, hash;
  };
  static Probe probe_of(std::string_view id);
  // The id's slot, or the free one where it belongs.
  std::uint64_t slot_of(std::string_view id, const Probe& probe) const;
  void grow();

  std::string kind_;
  StringTable names_;
  std::vector<Slot> slots_;  // open addressing, linear probing, at most half full
};

// Well-formed UTF-8 (no overlong forms, no surrogates, at most U+10FFFF).
bool is_utf8(std::string_view text);
// Text for a message: quoted, at most 60 bytes, everything unprintable escaped.
std::string shown(std::string_view text);

}  // namespace halorec
