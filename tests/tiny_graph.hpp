// Small data sets made on the spot, and their shards, for tests on any number of ranks. A naive
// test reads the Dataset, which every rank holds; the code under test reads the file and its shard.
#pragma once

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "comm/random.hpp"
#include "partition/dataset.hpp"
#include "partition/shard.hpp"
#include "tests/comm/temporary_folder.hpp"
#include "tests/shuffled_places.hpp"

namespace halorec {

using Pairs = std::vector<std::pair<std::uint32_t, std::uint32_t>>;  // (user, item)

// Users "u0", "u1", ... and items "i0", ...; each split sorted, repeats dropped.
inline Dataset make_dataset(std::uint32_t num_users, std::uint32_t num_items, Pairs train,
                            Pairs validation = {}, Pairs test = {}) {
  Dataset dataset;
  for (std::uint32_t u = 0; u < num_users; ++u) dataset.users.push_back("u" + std::to_string(u));
  for (std::uint32_t i = 0; i < num_items; ++i) dataset.items.push_back("i" + std::to_string(i));
  Pairs* const parts[] = {&train, &validation, &test};
  for (int s = 0; s < kNumSplits; ++s) {
    Pairs& pairs = *parts[s];
    std::sort(pairs.begin(), pairs.end());
    pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
    Interactions& part = dataset[static_cast<Split>(s)];
    for (const auto& [user, item] : pairs) {
      part.user.push_back(user);
      part.item.push_back(item);
      part.weight.push_back(1);
    }
  }
  dataset.protocol.name = "given";
  dataset.source = "made by a test";
  dataset.report_json = "{}";
  return dataset;
}

// Each pair is in training with probability `density`, and in validation and test with a quarter of
// it each; no pair in two splits. Every 7th user and every 11th item stay out of training.
inline Dataset random_dataset(std::uint32_t num_users, std::uint32_t num_items, double density,
                              std::uint64_t seed) {
  const Random random(seed, Purpose::test);
  Pairs parts[kNumSplits];
  for (std::uint32_t u = 0; u < num_users; ++u) {
    for (std::uint32_t i = 0; i < num_items; ++i) {
      const double x = random.uniform(u, i) / density;
      if (x < 1) {
        if (u % 7 != 6 && i % 11 != 10) parts[0].emplace_back(u, i);
      } else if (x < 1.25) {
        parts[1].emplace_back(u, i);
      } else if (x < 1.5) {
        parts[2].emplace_back(u, i);
      }
    }
  }
  return make_dataset(num_users, num_items, parts[0], parts[1], parts[2]);
}

// The items of each user in a split, ascending.
inline std::vector<std::vector<std::uint32_t>> items_by_user(const Dataset& dataset, Split split) {
  std::vector<std::vector<std::uint32_t>> lists(dataset.users.size());
  for (std::uint64_t k = 0; k < dataset[split].size(); ++k) {
    lists[dataset[split].user[k]].push_back(dataset[split].item[k]);
  }
  return lists;
}

// How nodes are dealt out: scattered over the ranks by a hash, and numbered there in an order of
// their own where there are several (reordered: also on one); or all of them to the last rank, so
// that the others are empty.
enum class Deal { scattered, reordered, all_on_last };

inline Owners deal_owners(std::uint64_t num_users, std::uint64_t num_items, int num_ranks,
                          Deal deal) {
  const Random random(5, Purpose::test, 1);
  Owners owners;
  owners.num_parts = num_ranks;
  const auto owner = [&](std::uint64_t key) {
    if (deal == Deal::all_on_last) return num_ranks - 1;
    return static_cast<int>(random.below(static_cast<std::uint64_t>(num_ranks), key));
  };
  for (std::uint64_t u = 0; u < num_users; ++u) owners.user.push_back(owner(2 * u));
  for (std::uint64_t i = 0; i < num_items; ++i) owners.item.push_back(owner(2 * i + 1));
  if (deal == Deal::reordered || (deal == Deal::scattered && num_ranks > 1)) {
    owners.order = {shuffled_places(num_users, 1), shuffled_places(num_items, 2)};
  }
  return owners;
}

// A dataset as a file in a fresh folder, and this rank's shard of it. Collective to make and to
// destroy.
class TinyGraph {
 public:
  explicit TinyGraph(Communicator& communicator, Dataset dataset,
                     TrainingPart part = TrainingPart::train, Deal deal = Deal::scattered)
      : communicator_(&communicator), data_(std::move(dataset)) {
    std::string path;
    communicator.on_root([&] {
      folder_ = std::make_unique<TemporaryFolder>();
      path = (*folder_ / "tiny.h5").string();
      save_dataset(data_, path);
    });
    communicator.broadcast(path);
    communicator.together([&] { file_ = std::make_unique<DatasetFile>(path); });
    shard_ = std::make_unique<Shard>(
        communicator, *file_, part,
        deal_owners(data_.users.size(), data_.items.size(), communicator.size(), deal));
  }
  ~TinyGraph() {
    file_.reset();
    communicator_->barrier();
  }

  const Dataset& data() const { return data_; }
  const DatasetFile& file() const { return *file_; }
  const Shard& shard() const { return *shard_; }

 private:
  Communicator* communicator_;
  Dataset data_;
  std::unique_ptr<TemporaryFolder> folder_;  // on the root
  std::unique_ptr<DatasetFile> file_;
  std::unique_ptr<Shard> shard_;
};

}  // namespace halorec
