#include "partition/readers/id_table.hpp"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <limits>

#include "comm/check.hpp"
#include "partition/readers/line_reader.hpp"

namespace halorec {
namespace {

constexpr std::size_t kInlineBytes = 8;

void check_id(std::string_view id, std::string_view kind, const LineReader& reader) {
  if (id.empty()) fail("{}: the {} id is empty; fill it in or drop the row", reader.where(), kind);
  if (id.size() > kMaxIdBytes) {
    fail(
        "{}: the {} id of {} bytes ({}) is longer than the {} allowed; check columns and delimiter",
        reader.where(), kind, id.size(), shown(id), kMaxIdBytes);
  }
  if (!is_utf8(id)) {
    fail("{}: the {} id {} is not UTF-8; convert the file first (iconv -t UTF-8)", reader.where(),
         kind, shown(id));
  }
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  if (std::any_of(id.begin(), id.end(), is_control)) {
    fail("{}: the {} id {} holds a control character; remove it", reader.where(), kind, shown(id));
  }
}

}  // namespace

IdTable::Probe IdTable::probe_of(std::string_view id) {
  if (id.size() > kInlineBytes) {
    const std::uint64_t hash = XXH3_64bits(id.data(), id.size());
    return {hash, hash};
  }
  std::uint64_t key = 0;
  for (std::size_t i = 0; i < id.size(); ++i) {
    key |= std::uint64_t{static_cast<unsigned char>(id[i])} << (8 * i);
  }
  // The finishing mix of MurmurHash3 (Appleby): every bit of the key reaches the low ones.
  std::uint64_t hash = key ^ id.size();
  hash = (hash ^ hash >> 33) * 0xFF51AFD7ED558CCDULL;
  hash = (hash ^ hash >> 33) * 0xC4CEB9FE1A85EC53ULL;
  return {key, hash ^ hash >> 33};
}

std::uint64_t IdTable::slot_of(std::string_view id, const Probe& probe) const {
  const std::uint64_t mask = slots_.size() - 1;
  std::uint64_t at = probe.hash & mask;
  for (; slots_[at].number != 0; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.key != probe.key || slot.num_bytes != id.size()) continue;
    if (id.size() <= kInlineBytes || names_[slot.number - 1] == id) break;
  }
  return at;
}

std::uint32_t IdTable::intern(std::string_view id, const LineReader& reader) {
  const Probe probe = probe_of(id);
  const std::uint64_t at = slot_of(id, probe);
  if (slots_[at].number != 0) return slots_[at].number - 1;
  check_id(id, kind_, reader);
  if (names_.size() >= std::numeric_limits<std::uint32_t>::max() - 1) {
    fail("{}: more than 4,294,967,294 distinct {} ids; Halorec numbers them with 32 bits",
         reader.where(), kind_);
  }
  names_.push_back(id);
  slots_[at] = {probe.key, size(), static_cast<std::uint32_t>(id.size())};
  if (names_.size() * 2 > slots_.size()) grow();
  return size() - 1;
}

std::optional<std::uint32_t> IdTable::find(std::string_view id) const {
  const Slot& slot = slots_[slot_of(id, probe_of(id))];
  if (slot.number == 0) return std::nullopt;
  return slot.number - 1;
}

void IdTable::grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  const std::uint64_t mask = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.number == 0) continue;
    std::uint64_t at = probe_of(names_[slot.number - 1]).hash & mask;
    while (slots_[at].number != 0) at = (at + 1) & mask;
    slots_[at] = slot;
  }
}

bool is_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  std::size_t i = 0;
  while (i < text.size()) {
    const unsigned lead = byte(i);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || i + length > text.size()) return false;
    for (std::size_t k = 1; k < length; ++k) {
      if ((byte(i + k) & 0xC0) != 0x80) return false;
    }
    const unsigned second = byte(i + 1);
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
        (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) {
      return false;
    }
    i += length;
  }
  return true;
}

std::string shown(std::string_view text) {
  constexpr std::size_t kMaxShownBytes = 60;
  const bool readable = is_utf8(text.substr(0, kMaxShownBytes));
  std::string out = "'";
  for (const char c : text.substr(0, kMaxShownBytes)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F || (byte >= 0x80 && !readable)) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  out += text.size() > kMaxShownBytes ? "...'" : "'";
  return out;
}

}  // namespace halorec
