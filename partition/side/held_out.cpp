#include "partition/side/held_out.hpp"

#include <algorithm>

namespace halorec {
namespace {

bool holds(const Interactions& part, std::uint32_t user, std::uint32_t item) {
  const auto [first, last] = std::equal_range(part.user.begin(), part.user.end(), user);
  return std::binary_search(part.item.begin() + (first - part.user.begin()),
                            part.item.begin() + (last - part.user.begin()), item);
}

std::vector<std::uint8_t> in_training(const std::vector<std::uint32_t>& nodes, std::uint64_t n) {
  std::vector<std::uint8_t> trained(n, 0);
  for (const std::uint32_t node : nodes) trained[node] = 1;
  return trained;
}

}  // namespace

HeldOut::HeldOut(const Dataset& dataset, std::optional<std::int64_t> cut)
    : dataset_(&dataset),
      cut_(cut),
      cold_protocol_(dataset.protocol.name.starts_with("cold-")),
      trained_user_(in_training(dataset[Split::train].user, dataset.users.size())),
      trained_item_(in_training(dataset[Split::train].item, dataset.items.size())) {
  if (dataset.protocol.name != "leave-last") return;
  for (const Split split : {Split::validation, Split::test}) {
    const Interactions& part = dataset[split];
    if (part.time.empty()) continue;
    first_held_out_.resize(dataset.users.size(), kNothing);
    for (std::size_t k = 0; k < part.size(); ++k) {
      std::int64_t& first = first_held_out_[part.user[k]];
      first = std::min(first, part.time[k]);
    }
  }
}

std::optional<std::int64_t> window_cut(const Dataset& dataset) {
  const Interactions& train = dataset[Split::train];
  if (dataset.protocol.name != "given" || train.time.empty()) return std::nullopt;
  std::optional<std::int64_t> first;
  for (const Split split : {Split::validation, Split::test}) {
    for (const std::int64_t time : dataset[split].time)
      first = std::min(first.value_or(time), time);
  }
  const std::int64_t last = *std::max_element(train.time.begin(), train.time.end());
  return first && last <= *first ? first : std::nullopt;
}

bool HeldOut::allows(std::uint32_t user, std::uint32_t item) const {
  if (cold_protocol_ && (trained_user_[user] == 0 || trained_item_[item] == 0)) return false;
  return !holds((*dataset_)[Split::validation], user, item) &&
         !holds((*dataset_)[Split::test], user, item);
}

}  // namespace halorec
