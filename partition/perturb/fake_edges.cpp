#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "comm/check.hpp"
#include "partition/perturb/perturb.hpp"
#include "partition/perturb/training_part.hpp"

namespace halorec {
namespace {

// Places among the items that may be drawn (those with a training interaction, ascending) at which
// a user's known items stand, in any part of the data: ascending, distinct.
class KnownPlaces {
 public:
  explicit KnownPlaces(const Dataset& dataset) : place_(dataset.items.size(), kNowhere) {
    const auto degrees = training_degrees(dataset);
    for (std::uint32_t item = 0; item < degrees.size(); ++item) {
      if (degrees[item] == 0) continue;
      place_[item] = static_cast<std::uint32_t>(items_.size());
      items_.push_back(item);
    }
    begin_.assign(dataset.users.size() + 1, 0);
    for (const Interactions& part : dataset.splits) {
      for (const std::uint32_t user : part.user) ++begin_[user + 1];
    }
    for (std::size_t u = 1; u < begin_.size(); ++u) begin_[u] += begin_[u - 1];
    places_.resize(begin_.back());
    end_.assign(begin_.begin(), begin_.end() - 1);
    for (const Interactions& part : dataset.splits) {
      for (std::uint64_t row = 0; row < part.size(); ++row) {
        const std::uint32_t place = place_[part.item[row]];
        if (place != kNowhere) places_[end_[part.user[row]]++] = place;
      }
    }
    for (std::size_t u = 0; u < end_.size(); ++u) {
      const auto first = places_.begin() + static_cast<std::ptrdiff_t>(begin_[u]);
      const auto last = places_.begin() + static_cast<std::ptrdiff_t>(end_[u]);
      std::sort(first, last);
      end_[u] = static_cast<std::uint64_t>(std::unique(first, last) - places_.begin());
    }
  }

  std::uint32_t num_unknown(std::uint32_t user) const {
    return static_cast<std::uint32_t>(items_.size() - (end_[user] - begin_[user]));
  }

  // The unknown items of these ranks among the user's unknown items. Ranks ascend.
  void unknown_items(std::uint32_t user, const std::vector<std::uint32_t>& ranks,
                     std::vector<std::uint32_t>& items) const {
    items.clear();
    std::uint64_t known = begin_[user];
    for (const std::uint32_t rank : ranks) {
      // Of the places up to an unknown one, those before it that are known do not count.
      while (known < end_[user] && places_[known] <= rank + (known - begin_[user])) ++known;
      items.push_back(items_[rank + (known - begin_[user])]);
    }
  }

 private:
  static constexpr std::uint32_t kNowhere = 0xFFFF'FFFF;
  std::vector<std::uint32_t> items_, place_, places_;
  std::vector<std::uint64_t> begin_, end_;  // of users, in places_
};

}  // namespace

void add_fake_edges(Dataset& dataset, double share, std::uint64_t seed) {
  refuse_derived_links(dataset, "--fake-edges");
  const Interactions& train = dataset[Split::train];
  const std::vector<std::uint64_t> real = real_training_rows(dataset);
  const KnownPlaces known(dataset);
  const std::uint32_t num_users = num_real_users(dataset);
  std::vector<std::uint32_t> left(num_users, 0);  // items that each user can still get
  std::uint64_t num_left = 0;
  for (const std::uint64_t row : real) left[train.user[row]] = known.num_unknown(train.user[row]);
  for (const std::uint32_t count : left) num_left += count;
  const double asked = std::round(share * static_cast<double>(real.size()));
  if (asked < 1) {
    fail_usage("--fake-edges {} of {} training interactions is not even one; give more", share,
               real.size());
  }
  if (asked > static_cast<double>(num_left)) {
    fail_usage(
        "--fake-edges {} asks for {:.0f} pairs, and {} are left that stand nowhere; give less",
        share, asked, num_left);
  }
  const auto count = static_cast<std::uint64_t>(asked);

  // Interactions in a random order, again and again; those of users who know everything are passed.
  const std::uint64_t step = num_perturbations(dataset);
  const Permutation order(real.size(), seed, Purpose::perturb, step);
  std::vector<std::uint64_t> drawn;
  drawn.reserve(count);
  for (std::uint64_t k = 0; drawn.size() < count; k = k + 1 == real.size() ? 0 : k + 1) {
    const std::uint64_t row = real[order(k)];
    if (left[train.user[row]] == 0) continue;
    --left[train.user[row]];
    drawn.push_back(row);
  }
  // By user; within one user in the order drawn, so that items and times pair at random.
  std::stable_sort(drawn.begin(), drawn.end(),
                   [&](std::uint64_t a, std::uint64_t b) { return train.user[a] < train.user[b]; });
  const Random random(seed, Purpose::perturb, step);
  Interactions added;
  std::vector<std::uint32_t> items;
  for (std::uint64_t first = 0, last = 0; first < count; first = last) {
    const std::uint32_t user = train.user[drawn[first]];
    while (last < count && train.user[drawn[last]] == user) ++last;
    const auto ranks = draw_distinct(static_cast<std::uint32_t>(last - first),
                                     known.num_unknown(user), random, user);
    known.unknown_items(user, ranks, items);
    for (std::uint64_t k = first; k < last; ++k) {
      append_like(train, drawn[k], user, items[k - first], added);
    }
  }
  const std::string words = fmt::format("--fake-edges {} --seed {}", share, seed);
  commit_fakes(dataset, std::move(added), 0, content_hash(dataset),
               {{"kind", "fake-edges"}, {"share", share}, {"seed", seed}}, words);
}

}  // namespace halorec
