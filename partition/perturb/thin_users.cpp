#include <algorithm>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "comm/check.hpp"
#include "partition/perturb/perturb.hpp"
#include "partition/perturb/training_part.hpp"

namespace halorec {
namespace {

// The users to thin, ascending.
std::vector<std::uint32_t> draw_users(const Dataset& dataset, double share, std::uint64_t seed) {
  std::vector<std::uint32_t> known;  // real, with a training interaction
  for (const std::uint32_t user : dataset[Split::train].user) {
    if (user < num_real_users(dataset) && (known.empty() || known.back() != user)) {
      known.push_back(user);
    }
  }
  const auto count =
      static_cast<std::size_t>(std::round(share * static_cast<double>(known.size())));
  if (count == 0) {
    fail_usage("--thin-users {} of {} users is not even one; give more", share, known.size());
  }
  const Permutation place(known.size(), seed, Purpose::perturb, num_perturbations(dataset));
  std::vector<std::uint32_t> drawn;
  for (std::size_t k = 0; k < known.size(); ++k) {
    if (place(k) < count) drawn.push_back(known[k]);
  }
  return drawn;
}

std::uint64_t num_trained_items(const Dataset& dataset) {
  const auto degrees = training_degrees(dataset);
  return degrees.size() -
         static_cast<std::uint64_t>(std::count(degrees.begin(), degrees.end(), 0U));
}

}  // namespace

void thin_users(Dataset& dataset, double share, std::uint32_t keep, std::uint64_t seed) {
  HALOREC_ASSERT_LIGHT(share > 0 && share <= 1 && keep >= 1);
  refuse_derived_links(dataset, "--thin-users");
  Interactions& train = dataset[Split::train];
  const std::vector<std::uint32_t> drawn = draw_users(dataset, share, seed);
  const std::string old_hash = content_hash(dataset);
  const std::uint64_t num_warm = num_trained_items(dataset);
  const Random random(seed, Purpose::perturb, num_perturbations(dataset));

  std::vector<std::uint64_t> rows;  // that stay
  std::vector<TrainingPair> gone;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> order;  // of one user: draw, item
  std::uint64_t num_shortened = 0;
  for (std::uint64_t first = 0, last = 0; first < train.size(); first = last) {
    const std::uint32_t user = train.user[first];
    const bool is_drawn = std::binary_search(drawn.begin(), drawn.end(), user);
    order.clear();
    for (; last < train.size() && train.user[last] == user; ++last) {
      if (!is_drawn || (last > first && train.item[last - 1] == train.item[last])) continue;
      order.emplace_back(random.bits(user, train.item[last]), train.item[last]);
    }
    const bool is_long = order.size() > keep;
    num_shortened += is_long ? 1 : 0;
    if (is_long) std::nth_element(order.begin(), order.begin() + keep - 1, order.end());
    for (std::uint64_t row = first; row < last; ++row) {
      const std::uint32_t item = train.item[row];
      if (!is_long || std::pair(random.bits(user, item), item) <= order[keep - 1]) {
        rows.push_back(row);
      } else if (gone.empty() || gone.back() != TrainingPair(user, item)) {
        gone.emplace_back(user, item);
      }
    }
  }
  const std::uint64_t num_removed = train.size() - rows.size();
  take_rows(train, rows);

  if (!dataset.perturbation) dataset.perturbation = std::make_unique<DatasetPerturbation>();
  forget_pairs(*dataset.perturbation, gone);
  const std::uint64_t num_links = forget_links(dataset.side, gone);
  std::vector<std::uint32_t>& all_thinned = dataset.perturbation->thinned_users;
  std::vector<std::uint32_t> before = std::move(all_thinned);
  all_thinned.clear();
  std::set_union(before.begin(), before.end(), drawn.begin(), drawn.end(),
                 std::back_inserter(all_thinned));
  const std::string words = fmt::format("--thin-users {} --keep {} --seed {}", share, keep, seed);
  note_step(dataset,
            {{"kind", "thin-users"},
             {"share", share},
             {"keep", keep},
             {"seed", seed},
             {"users", drawn.size()},
             {"users_shortened", num_shortened},
             {"interactions_removed", num_removed},
             {"items_made_cold", num_warm - num_trained_items(dataset)},
             {"links_removed", num_links}},
            words,
            fmt::format("{} users keep at most {} training items each, {} training interactions "
                        "({}) were taken from content {}.",
                        drawn.size(), keep, num_removed, words, old_hash),
            old_hash);
}

}  // namespace halorec
