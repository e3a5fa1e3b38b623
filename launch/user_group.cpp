#include "launch/user_group.hpp"

#include "comm/communicator.hpp"

namespace halorec {

std::vector<bool> users_of_group(const TrainedRun& run, const std::string& group) {
  const Shard& shard = *run.shard;
  std::vector<bool> users(shard.num_users(), group == "all" || group == "others");
  if (group == "warm" || group == "cold") {
    for (std::int64_t row = 0; row < shard.num_owned_users(); ++row) {
      const bool warm = !shard.items_of(row).empty();
      users[shard.owned_users()[static_cast<std::size_t>(row)]] = warm == (group == "warm");
    }
  }
  if (group != "thinned" && group != "others") return users;
  std::vector<std::uint32_t> thinned;
  shard.communicator().together([&] {
    thinned = run.dataset->read_perturbation().thinned_users;
    if (thinned.empty()) {
      fail_usage(
          "--users {}: no user of the dataset of run {} has been thinned; `halorec perturb "
          "--thin-users` does that",
          group, run.folder.string());
    }
  });
  for (const std::uint32_t user : thinned) users[user] = group == "thinned";
  return users;
}

}  // namespace halorec
