#include "partition/perturb/training_part.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "comm/check.hpp"
#include "partition/side/co_occurrence.hpp"
#include "partition/synthetic/distinct.hpp"

namespace halorec {
namespace {

using Json = nlohmann::ordered_json;
using Pair = std::pair<std::uint32_t, std::uint32_t>;

template <typename T>
void reorder(std::vector<T>& column, const std::vector<std::uint64_t>& order) {
  if (column.empty()) return;
  std::vector<T> sorted(order.size());
  for (std::uint64_t k = 0; k < order.size(); ++k) sorted[k] = column[order[k]];
  column = std::move(sorted);
}

template <typename T>
void append(std::vector<T>& column, const std::vector<T>& more) {
  column.insert(column.end(), more.begin(), more.end());
}

}  // namespace

void refuse_derived_links(const Dataset& dataset, std::string_view option) {
  for (const LinkTable& links : dataset.side.links) {
    if (links.kind != NodeKind::item || links.name != kCoOccurrenceName) continue;
    fail_usage(
        "the item links '{}' were derived from the interactions that {} changes, and would tell of "
        "what they were; import the data without --derive-links {}",
        links.name, option, links.name);
  }
}

std::vector<std::uint64_t> real_training_rows(const Dataset& dataset) {
  const Interactions& train = dataset[Split::train];
  std::vector<std::uint64_t> rows;
  rows.reserve(train.size());
  std::size_t next = 0;  // both lists ascend
  for (std::uint64_t row = 0; row < train.size(); ++row) {
    if (dataset.perturbation) {
      const DatasetPerturbation& fake = *dataset.perturbation;
      const Pair pair(train.user[row], train.item[row]);
      while (next < fake.pair_user.size() &&
             Pair(fake.pair_user[next], fake.pair_item[next]) < pair) {
        ++next;
      }
      if (next < fake.pair_user.size() &&
          Pair(fake.pair_user[next], fake.pair_item[next]) == pair) {
        continue;
      }
    }
    rows.push_back(row);
  }
  return rows;
}

std::vector<std::uint32_t> training_degrees(const Dataset& dataset) {
  const Interactions& train = dataset[Split::train];
  std::vector<std::uint32_t> degrees(dataset.items.size(), 0);
  for (std::uint64_t row = 0; row < train.size(); ++row) {
    const bool repeated = row > 0 && train.user[row - 1] == train.user[row] &&
                          train.item[row - 1] == train.item[row];  // with another behavior
    if (!repeated) ++degrees[train.item[row]];
  }
  return degrees;
}

std::uint32_t num_real_users(const Dataset& dataset) {
  const std::uint64_t num_fake = dataset.perturbation ? dataset.perturbation->fake_users.size() : 0;
  return static_cast<std::uint32_t>(dataset.users.size() - num_fake);
}

std::uint64_t num_perturbations(const Dataset& dataset) {
  return dataset.perturbation ? Json::parse(dataset.perturbation->steps_json).size() : 0;
}

std::vector<std::uint32_t> draw_distinct(std::uint32_t count, std::uint32_t n, const Random& random,
                                         std::uint64_t key) {
  HALOREC_ASSERT_LIGHT(count <= n);
  static thread_local SmallSet drawn;
  drawn.reset(count);
  std::vector<std::uint32_t> numbers;
  numbers.reserve(count);
  for (std::uint32_t k = 0; k < count; ++k) {
    const std::uint32_t last = n - count + k;
    auto number = static_cast<std::uint32_t>(random.below(std::uint64_t{last} + 1, key, k));
    if (!drawn.insert(number)) {
      number = last;
      drawn.insert(last);
    }
    numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

void append_like(const Interactions& train, std::uint64_t from, std::uint32_t user,
                 std::uint32_t item, Interactions& added) {
  added.user.push_back(user);
  added.item.push_back(item);
  added.weight.push_back(train.weight[from]);
  if (!train.time.empty()) added.time.push_back(train.time[from]);
  if (!train.behavior.empty()) added.behavior.push_back(train.behavior[from]);
}

void take_rows(Interactions& part, const std::vector<std::uint64_t>& rows) {
  reorder(part.weight, rows);
  reorder(part.time, rows);
  reorder(part.behavior, rows);
  reorder(part.user, rows);
  reorder(part.item, rows);
}

void forget_pairs(DatasetPerturbation& truth, const std::vector<TrainingPair>& gone) {
  std::vector<std::uint32_t> users, items;
  for (std::size_t p = 0; p < truth.pair_user.size(); ++p) {
    const TrainingPair pair(truth.pair_user[p], truth.pair_item[p]);
    if (std::binary_search(gone.begin(), gone.end(), pair)) continue;
    users.push_back(pair.first);
    items.push_back(pair.second);
  }
  truth.pair_user = std::move(users);
  truth.pair_item = std::move(items);
}

std::uint64_t forget_links(SideInfo& side, const std::vector<TrainingPair>& gone) {
  std::uint64_t num_forgotten = 0;
  for (LinkTable& links : side.links) {
    if (!links.crosses) continue;
    LinkTable kept{links.kind, links.name, links.directed, {0}, {}, {}, true};
    for (std::uint32_t user = 0; user + 1 < links.begin.size(); ++user) {
      for (std::uint64_t e = links.begin[user]; e < links.begin[user + 1]; ++e) {
        if (std::binary_search(gone.begin(), gone.end(), TrainingPair(user, links.target[e]))) {
          ++num_forgotten;
          continue;
        }
        kept.target.push_back(links.target[e]);
        kept.weight.push_back(links.weight[e]);
        if (!links.time.empty()) kept.time.push_back(links.time[e]);
      }
      kept.begin.push_back(kept.target.size());
    }
    links = std::move(kept);
  }
  return num_forgotten;
}

void note_step(Dataset& dataset, nlohmann::ordered_json step, const std::string& words,
               const std::string& sentence, const std::string& old_hash) {
  if (!dataset.perturbation) dataset.perturbation = std::make_unique<DatasetPerturbation>();
  step["of_content"] = old_hash;
  Json steps = Json::parse(dataset.perturbation->steps_json);
  steps.push_back(std::move(step));
  dataset.perturbation->steps_json = steps.dump();
  dataset.protocol.text += " PERTURBED: " + sentence;
  dataset.source += fmt::format("; perturbed with {} from content {}", words, old_hash);
}

void commit_fakes(Dataset& dataset, Interactions added, std::uint32_t num_new_users,
                  const std::string& old_hash, nlohmann::ordered_json step,
                  const std::string& words) {
  Interactions& train = dataset[Split::train];
  const std::uint64_t num_old = train.size();
  append(train.user, added.user);
  append(train.item, added.item);
  append(train.weight, added.weight);
  append(train.time, added.time);
  append(train.behavior, added.behavior);
  // Old rows are sorted, with their behaviors; of a fake pair there is one row.
  std::vector<std::uint64_t> order(train.size());
  std::iota(order.begin(), order.end(), std::uint64_t{0});
  const auto before = [&](std::uint64_t a, std::uint64_t b) {
    return Pair(train.user[a], train.item[a]) < Pair(train.user[b], train.item[b]);
  };
  const auto middle = order.begin() + static_cast<std::ptrdiff_t>(num_old);
  std::sort(middle, order.end(), before);
  std::inplace_merge(order.begin(), middle, order.end(), before);
  take_rows(train, order);

  if (!dataset.perturbation) dataset.perturbation = std::make_unique<DatasetPerturbation>();
  DatasetPerturbation& fake = *dataset.perturbation;
  std::vector<Pair> pairs;
  for (std::uint64_t p = 0; p < fake.pair_user.size(); ++p) {
    pairs.emplace_back(fake.pair_user[p], fake.pair_item[p]);
  }
  for (std::uint64_t k = 0; k < added.size(); ++k) pairs.emplace_back(added.user[k], added.item[k]);
  std::sort(pairs.begin(), pairs.end());
  fake.pair_user.clear();
  fake.pair_item.clear();
  for (const auto& [user, item] : pairs) {
    fake.pair_user.push_back(user);
    fake.pair_item.push_back(item);
  }
  for (std::uint32_t k = num_new_users; k > 0; --k) {
    fake.fake_users.push_back(static_cast<std::uint32_t>(dataset.users.size() - k));
  }
  step["interactions"] = added.size();
  note_step(dataset, std::move(step), words,
            fmt::format("{} fake training interactions ({}) were added to content {}.",
                        added.size(), words, old_hash),
            old_hash);
}

}  // namespace halorec
