#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "comm/check.hpp"
#include "partition/perturb/perturb.hpp"
#include "partition/perturb/training_part.hpp"

namespace halorec {
namespace {

constexpr double kRounding = 1e-12;

// The distinct training pairs by user and by item, with what each edge weighs in A.
struct Pairs {
  std::vector<std::uint32_t> user, item;  // ascending by (user, item)
  std::vector<std::size_t> user_begin;    // [users + 1], into the pairs
  std::vector<std::size_t> item_begin;    // [items + 1], into by_item
  std::vector<std::size_t> by_item;       // pairs by (item, user)
  std::vector<double> weight;             // (d_u d_i)^-1/2
  std::vector<std::uint64_t> pair_of;     // [training rows]

  std::size_t size() const { return user.size(); }
};

std::vector<std::size_t> begins(const std::vector<std::uint32_t>& keys, std::size_t num_keys) {
  std::vector<std::size_t> begin(num_keys + 1, 0);
  for (const std::uint32_t key : keys) ++begin[key + 1];
  std::partial_sum(begin.begin(), begin.end(), begin.begin());
  return begin;
}

Pairs distinct_pairs(const Dataset& dataset) {
  const Interactions& train = dataset[Split::train];
  Pairs pairs;
  for (std::uint64_t row = 0; row < train.size(); ++row) {
    const bool repeats =
        row > 0 && train.user[row] == train.user[row - 1] && train.item[row] == train.item[row - 1];
    if (!repeats) {
      pairs.user.push_back(train.user[row]);
      pairs.item.push_back(train.item[row]);
    }
    pairs.pair_of.push_back(pairs.size() - 1);
  }
  pairs.user_begin = begins(pairs.user, dataset.users.size());
  pairs.item_begin = begins(pairs.item, dataset.items.size());
  pairs.by_item.resize(pairs.size());
  std::vector<std::size_t> next(pairs.item_begin.begin(), pairs.item_begin.end() - 1);
  for (std::size_t p = 0; p < pairs.size(); ++p) pairs.by_item[next[pairs.item[p]]++] = p;
  const auto degree = [](const std::vector<std::size_t>& begin, std::uint32_t key) {
    return static_cast<double>(begin[key + 1] - begin[key]);
  };
  for (std::size_t p = 0; p < pairs.size(); ++p) {
    pairs.weight.push_back(1 / std::sqrt(degree(pairs.user_begin, pairs.user[p]) *
                                         degree(pairs.item_begin, pairs.item[p])));
  }
  return pairs;
}

// (A^3)_ui of each pair without the paths that take the pair itself: with w = A_ui those are
// w (sum over v of A_vi^2 + sum over j of A_uj^2) - w^3.
std::vector<double> support_of(const Pairs& pairs) {
  std::vector<double> support(pairs.size());
  std::vector<double> item_squares(pairs.item_begin.size() - 1, 0.0);
  for (std::size_t p = 0; p < pairs.size(); ++p) {
    item_squares[pairs.item[p]] += pairs.weight[p] * pairs.weight[p];
  }
  const auto num_users = static_cast<std::int64_t>(pairs.user_begin.size()) - 1;
#pragma omp parallel
  {
    std::vector<double> shared(static_cast<std::size_t>(num_users), 0.0);  // (A^2)_uv
    std::vector<std::uint32_t> met;
#pragma omp for schedule(dynamic, 64)
    for (std::int64_t u = 0; u < num_users; ++u) {
      const std::size_t first = pairs.user_begin[static_cast<std::size_t>(u)];
      const std::size_t last = pairs.user_begin[static_cast<std::size_t>(u) + 1];
      double squares = 0;
      for (std::size_t p = first; p < last; ++p) {
        squares += pairs.weight[p] * pairs.weight[p];
        for (std::size_t k = pairs.item_begin[pairs.item[p]];
             k < pairs.item_begin[pairs.item[p] + 1]; ++k) {
          const std::size_t other = pairs.by_item[k];
          if (shared[pairs.user[other]] == 0) met.push_back(pairs.user[other]);
          shared[pairs.user[other]] += pairs.weight[p] * pairs.weight[other];
        }
      }
      for (std::size_t p = first; p < last; ++p) {
        double paths = 0;
        for (std::size_t k = pairs.item_begin[pairs.item[p]];
             k < pairs.item_begin[pairs.item[p] + 1]; ++k) {
          const std::size_t other = pairs.by_item[k];
          paths += shared[pairs.user[other]] * pairs.weight[other];
        }
        const double w = pairs.weight[p];
        // What rounding leaves of a difference of equals is no support.
        const double others = paths - w * (squares + item_squares[pairs.item[p]]) + w * w * w;
        support[p] = others > kRounding * paths ? others : 0;
      }
      for (const std::uint32_t v : met) shared[v] = 0;
      met.clear();
    }
  }
  return support;
}

// The `count` pairs of least support that are not the best one of their user or item, by ties of
// the first user and item; fewer where there are not as many.
std::vector<char> least_supported(const Pairs& pairs, const std::vector<double>& support,
                                  std::size_t count) {
  std::vector<std::size_t> order(pairs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return support[a] < support[b]; });
  std::vector<char> is_best(pairs.size(), 0);
  std::vector<char> user_has(pairs.user_begin.size(), 0), item_has(pairs.item_begin.size(), 0);
  for (auto p = order.rbegin(); p != order.rend(); ++p) {
    char& of_user = user_has[pairs.user[*p]];
    char& of_item = item_has[pairs.item[*p]];
    is_best[*p] = of_user == 0 || of_item == 0 ? 1 : 0;
    of_user = of_item = 1;
  }
  std::vector<char> dropped(pairs.size(), 0);
  for (const std::size_t p : order) {
    if (count == 0) break;
    if (is_best[p] != 0) continue;
    dropped[p] = 1;
    --count;
  }
  return dropped;
}

}  // namespace

std::vector<double> path_support(const Dataset& dataset) {
  return support_of(distinct_pairs(dataset));
}

void drop_unsupported(Dataset& dataset, double share) {
  HALOREC_ASSERT_LIGHT(share > 0 && share < 1);
  refuse_derived_links(dataset, "--drop-unsupported");
  const Pairs pairs = distinct_pairs(dataset);
  const auto count =
      static_cast<std::size_t>(std::llround(share * static_cast<double>(pairs.size())));
  if (count == 0) {
    fail_usage("--drop-unsupported {} of {} training pairs is not even one; give more", share,
               pairs.size());
  }
  const std::string old_hash = content_hash(dataset);
  const std::vector<char> dropped = least_supported(pairs, support_of(pairs), count);
  const auto num_dropped =
      static_cast<std::size_t>(std::count(dropped.begin(), dropped.end(), char{1}));
  if (num_dropped == 0) {
    fail_usage(
        "--drop-unsupported {}: each of the {} training pairs is the best of its user or item",
        share, pairs.size());
  }
  if (num_dropped < count) {
    std::fputs(
        fmt::format("halorec: warning: --drop-unsupported {} is {} training pairs; {} go, for "
                    "the others are the best of their user or item\n",
                    share, count, num_dropped)
            .c_str(),
        stderr);
  }
  Interactions& train = dataset[Split::train];
  std::vector<std::uint64_t> rows;  // that stay
  for (std::uint64_t row = 0; row < train.size(); ++row) {
    if (dropped[pairs.pair_of[row]] == 0) rows.push_back(row);
  }
  const std::uint64_t num_removed = train.size() - rows.size();
  take_rows(train, rows);

  if (!dataset.perturbation) dataset.perturbation = std::make_unique<DatasetPerturbation>();
  std::vector<TrainingPair> gone;
  for (std::size_t p = 0; p < pairs.size(); ++p) {
    if (dropped[p] != 0) gone.emplace_back(pairs.user[p], pairs.item[p]);
  }
  const std::size_t num_fakes = dataset.perturbation->pair_user.size();
  forget_pairs(*dataset.perturbation, gone);
  const std::uint64_t num_links = forget_links(dataset.side, gone);
  const std::size_t num_known = num_fakes - dataset.perturbation->pair_user.size();
  const std::string words = fmt::format("--drop-unsupported {}", share);
  note_step(dataset,
            {{"kind", "drop-unsupported"},
             {"share", share},
             {"pairs_removed", gone.size()},
             {"interactions_removed", num_removed},
             {"fakes_among_them", num_known},
             {"links_removed", num_links}},
            words,
            fmt::format("The {} training pairs of least support, {} interactions, {} of them known "
                        "fakes ({}), were taken from content {}.",
                        gone.size(), num_removed, num_known, words, old_hash),
            old_hash);
}

}  // namespace halorec
