#include "partition/synthetic/user_split.hpp"

#include "partition/assign_parts.hpp"
#include "partition/parallel.hpp"

namespace halorec {
namespace {

constexpr std::uint32_t kAhead = 8;  // edges, whose items lie anywhere in memory

constexpr std::uint8_t part_of(Split split) {
  return static_cast<std::uint8_t>(split);
}

}  // namespace

UserSplit::UserSplit(const EdgeSource& source, const Protocol& protocol,
                     std::optional<TimeCuts> cuts)
    : source_(source),
      random_(protocol.seed, Purpose::split),
      leave_last_(protocol.name == "leave-last"),
      cuts_(cuts) {
  if (cuts_) return;
  item_hash_.resize(source.num_items());
  parallel_for(item_hash_.size(), 4096, [&](std::uint64_t i) {
    static thread_local std::string name;
    source.name_item(static_cast<std::uint32_t>(i), name);
    item_hash_[i] = hash_bytes(name);
  });
}

void UserSplit::operator()(std::uint32_t user, const UserEdges& edges,
                           std::vector<std::uint8_t>& part) const {
  part.assign(edges.item.size(), part_of(Split::train));
  if (cuts_) {
    for (std::size_t k = 0; k < part.size(); ++k) {
      if (edges.time[k] >= cuts_->test) {
        part[k] = part_of(Split::test);
      } else if (edges.time[k] >= cuts_->validation) {
        part[k] = part_of(Split::validation);
      }
    }
    return;
  }
  static thread_local std::string name;
  static thread_local std::vector<KeyedRow> rows;
  source_.name_user(user, name);
  const std::uint64_t user_hash = hash_bytes(name);
  rows.clear();
  for (std::uint32_t k = 0; k < edges.item.size(); ++k) {
    const std::uint32_t item = edges.item[k];
    if (k + kAhead < edges.item.size()) __builtin_prefetch(&item_hash_[edges.item[k + kAhead]]);
    // Items are distinct: each is its pair's first occurrence.
    const std::uint64_t key = split_key(random_, user_hash, item_hash_[item], 0);
    rows.push_back({key, leave_last_ ? edges.time[k] : 0, item, 1, k, 0});
  }
  (leave_last_ ? choose_leave_last : choose_random)(rows, part);
}

}  // namespace halorec
