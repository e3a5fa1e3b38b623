#include "partition/side/held_out.hpp"

#include <algorithm>
#include <utility>

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

HeldOut::HeldOut(const Dataset& dataset, HeldOutTimes times)
    : dataset_(&dataset),
      times_(std::move(times)),
      cold_protocol_(dataset.protocol.name.starts_with("cold-")),
      trained_user_(in_training(dataset[Split::train].user, dataset.users.size())),
      trained_item_(in_training(dataset[Split::train].item, dataset.items.size())) {}

bool HeldOut::allows(std::uint32_t user, std::uint32_t item) const {
  if (cold_protocol_ && (trained_user_[user] == 0 || trained_item_[item] == 0)) return false;
  return !holds((*dataset_)[Split::validation], user, item) &&
         !holds((*dataset_)[Split::test], user, item);
}

}  // namespace halorec
