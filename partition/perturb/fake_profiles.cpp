#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <unordered_set>

#include "comm/check.hpp"
#include "partition/perturb/perturb.hpp"
#include "partition/perturb/training_part.hpp"
#include "partition/synthetic/distinct.hpp"

namespace halorec {
namespace {

// Indices of a profile's numbers (comm/random.hpp): fillers from 0, then the rows they resemble,
// then the real user whose attribute is taken.
constexpr std::uint32_t kFirstRowIndex = 0x8000'0000;
constexpr std::uint32_t kLikenessIndex = 0xFFFF'FFFF;

// Median of the distinct training items of real users who have any.
std::uint32_t median_list(const Dataset& dataset) {
  const Interactions& train = dataset[Split::train];
  std::vector<std::uint32_t> lengths(num_real_users(dataset), 0);
  for (std::uint64_t row = 0; row < train.size(); ++row) {
    const bool repeated =
        row > 0 && train.user[row - 1] == train.user[row] && train.item[row - 1] == train.item[row];
    if (train.user[row] < lengths.size() && !repeated) ++lengths[train.user[row]];
  }
  std::erase(lengths, 0U);
  HALOREC_ASSERT_LIGHT(!lengths.empty());
  const auto middle = lengths.begin() + static_cast<std::ptrdiff_t>(lengths.size() / 2);
  std::nth_element(lengths.begin(), middle, lengths.end());
  return *middle;
}

// The filler items of every profile of one attack.
class Fillers {
 public:
  Fillers(const Dataset& dataset, const Attack& attack, const Random& random)
      : random_(random), by_popularity_(attack.kind == "popular") {
    const auto degrees = training_degrees(dataset);
    for (std::uint32_t item = 0; item < degrees.size(); ++item) {
      if (degrees[item] > 0 && item != attack.target) items_.push_back(item);
    }
    const auto most = static_cast<std::uint32_t>(items_.size() / 2);
    if (attack.profile_size.value_or(1) > most) {
      fail_usage(
          "--profile-size {} is more than half of the {} items that fillers are drawn from; give "
          "at most {}",
          attack.profile_size.value_or(1), items_.size(), most);
    }
    size_ = attack.profile_size.value_or(std::min(median_list(dataset), most));
    if (by_popularity_) {
      for (const std::uint32_t item : items_) cumulative_.push_back(degrees[item]);
      std::partial_sum(cumulative_.begin(), cumulative_.end(), cumulative_.begin());
    }
    if (attack.kind == "bandwagon") take_most_popular(dataset, degrees);
  }

  std::uint32_t size() const { return size_; }

  // The fillers of the profile of `user`: distinct, `size()` of them.
  std::vector<std::uint32_t> draw(std::uint32_t user) {
    std::vector<std::uint32_t> fillers = always_;
    if (by_popularity_) {
      draw_by_popularity(user, fillers);
    } else {
      for (const std::uint32_t place :
           draw_distinct(size_ - static_cast<std::uint32_t>(always_.size()),
                         static_cast<std::uint32_t>(items_.size()), random_, user)) {
        fillers.push_back(items_[place]);
      }
    }
    return fillers;
  }

 private:
  // Moves the most popular tenth of a profile from items_ to always_; equal numbers of users are
  // ordered by the hash of the id, as in every list.
  void take_most_popular(const Dataset& dataset, const std::vector<std::uint32_t>& degrees) {
    std::vector<std::uint32_t> order = items_;
    std::vector<std::uint64_t> hash(dataset.items.size());
    for (const std::uint32_t item : items_) hash[item] = hash_bytes(dataset.items[item]);
    std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
      if (degrees[a] != degrees[b]) return degrees[a] > degrees[b];
      return hash[a] != hash[b] ? hash[a] < hash[b] : a < b;
    });
    always_.assign(order.begin(), order.begin() + static_cast<std::ptrdiff_t>((size_ + 9) / 10));
    std::sort(always_.begin(), always_.end());
    std::erase_if(items_, [&](std::uint32_t item) {
      return std::binary_search(always_.begin(), always_.end(), item);
    });
  }

  // One after the other by weight, again when the item was drawn before. At most half of the items
  // are drawn, each of which has a weight of at least 1, so that this ends soon.
  void draw_by_popularity(std::uint32_t user, std::vector<std::uint32_t>& fillers) {
    drawn_.reset(size_);
    for (std::uint32_t index = 0; fillers.size() < size_; ++index) {
      HALOREC_ASSERT_LIGHT(index < kFirstRowIndex);
      const std::uint64_t mark = random_.below(cumulative_.back(), user, index);
      const auto place = std::upper_bound(cumulative_.begin(), cumulative_.end(), mark);
      const std::uint32_t item = items_[static_cast<std::size_t>(place - cumulative_.begin())];
      if (drawn_.insert(item)) fillers.push_back(item);
    }
  }

  Random random_;
  bool by_popularity_;
  std::uint32_t size_ = 0;
  std::vector<std::uint32_t> items_;       // drawn from
  std::vector<std::uint32_t> always_;      // in every profile
  std::vector<std::uint64_t> cumulative_;  // numbers of training users, summed over items_
  SmallSet drawn_;
};

// The names of the new users. Usage Error when one is taken.
void append_users(Dataset& dataset, const Attack& attack) {
  const std::uint64_t num_old = dataset.users.size();
  if (num_old + attack.num_profiles >= 0xFFFF'FFFF) {
    fail_usage("--profiles {} and {} users are more than indices of 32 bits can count; give less",
               attack.num_profiles, num_old);
  }
  const std::uint64_t num_fake = num_old - num_real_users(dataset);
  StringTable names;
  for (std::uint64_t k = 1; k <= attack.num_profiles; ++k) {
    names.push_back(fmt::format("{}{}", attack.id_prefix, num_fake + k));
  }
  std::unordered_set<std::string_view> wanted;
  for (std::uint64_t k = 0; k < names.size(); ++k) wanted.insert(names[k]);
  std::uint64_t num_taken = 0;
  std::string example;
  for (std::uint64_t u = 0; u < num_old; ++u) {
    if (!wanted.contains(dataset.users[u])) continue;
    if (num_taken++ == 0) example = dataset.users[u];
  }
  if (num_taken > 0) {
    fail_usage(
        "{} of the {} ids for fake users are users of the dataset already, such as '{}'; give "
        "another --id-prefix",
        num_taken, names.size(), example);
  }
  for (std::uint64_t k = 0; k < names.size(); ++k) dataset.users.push_back(names[k]);
}

// A planted attribute or community is that of a real user; of side information there is none.
void append_attributes(Dataset& dataset, std::uint32_t first, const Random& random,
                       std::uint32_t num_real) {
  for (std::uint32_t user = first; user < dataset.users.size(); ++user) {
    const std::uint64_t like = random.below(num_real, user, kLikenessIndex);
    if (!dataset.user_attribute.empty()) {
      dataset.user_attribute.push_back(dataset.user_attribute[like]);
    }
    if (dataset.truth) {
      dataset.truth->user_community.push_back(dataset.truth->user_community[like]);
    }
  }
  extend_side_info(dataset.side, NodeKind::user, dataset.users.size());
}

std::uint8_t commonest_behavior(const Interactions& train) {
  std::vector<std::uint64_t> counts(256, 0);
  for (const std::uint8_t behavior : train.behavior) ++counts[behavior];
  return static_cast<std::uint8_t>(std::max_element(counts.begin(), counts.end()) - counts.begin());
}

}  // namespace

void add_fake_profiles(Dataset& dataset, const Attack& attack, std::uint64_t seed) {
  HALOREC_ASSERT_LIGHT(attack.num_profiles >= 1 && attack.target < dataset.items.size());
  refuse_derived_links(dataset, "--attack");
  const Interactions& train = dataset[Split::train];
  const std::string old_hash = content_hash(dataset);
  const Random random(seed, Purpose::perturb, num_perturbations(dataset));
  const std::vector<std::uint64_t> real = real_training_rows(dataset);
  const std::uint32_t num_real = num_real_users(dataset);
  const auto first = static_cast<std::uint32_t>(dataset.users.size());
  Fillers fillers(dataset, attack, random);
  const std::uint32_t target_degree = training_degrees(dataset)[attack.target];
  append_users(dataset, attack);
  append_attributes(dataset, first, random, num_real);

  float largest_weight = train.weight[real.front()];
  for (const std::uint64_t row : real) largest_weight = std::max(largest_weight, train.weight[row]);
  const std::uint8_t behavior = commonest_behavior(train);
  Interactions added;
  for (std::uint32_t user = first; user < dataset.users.size(); ++user) {
    std::uint32_t index = kFirstRowIndex;
    const auto like = [&] { return real[random.below(real.size(), user, index++)]; };
    append_like(train, like(), user, attack.target, added);
    added.weight.back() = largest_weight;
    if (!added.behavior.empty()) added.behavior.back() = behavior;
    for (const std::uint32_t item : fillers.draw(user))
      append_like(train, like(), user, item, added);
  }
  const std::string target(dataset.items[attack.target]);
  const std::string words =
      fmt::format("--attack {} --target '{}' --profiles {} --profile-size {} --seed {}",
                  attack.kind, target, attack.num_profiles, fillers.size(), seed);
  commit_fakes(dataset, std::move(added), attack.num_profiles, old_hash,
               {{"kind", attack.kind},
                {"target", target},
                {"target_users_before", target_degree},
                {"profiles", attack.num_profiles},
                {"profile_size", fillers.size()},
                {"seed", seed}},
               words);
}

}  // namespace halorec
