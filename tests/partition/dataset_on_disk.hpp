// A data set of given pairs in a file that every rank can open, and random ones with the oddities
// of real data: users and items without a training edge, pairs in two splits and two behaviors.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "comm/communicator.hpp"
#include "comm/random.hpp"
#include "partition/dataset.hpp"
#include "tests/comm/temporary_folder.hpp"

namespace halorec {

struct Event {
  std::uint32_t user, item;
  std::uint8_t behavior = 0;
  friend auto operator<=>(const Event&, const Event&) = default;
};
using Events = std::array<std::vector<Event>, kNumSplits>;

inline Dataset dataset_of(std::uint32_t num_users, std::uint32_t num_items, Events events) {
  Dataset dataset;
  for (std::uint32_t u = 0; u < num_users; ++u)
    dataset.users.push_back("user " + std::to_string(u));
  for (std::uint32_t i = 0; i < num_items; ++i)
    dataset.items.push_back("item " + std::to_string(i));
  dataset.behaviors = {"view", "buy"};
  for (int s = 0; s < kNumSplits; ++s) {
    auto& part = dataset[static_cast<Split>(s)];
    auto& list = events[static_cast<std::size_t>(s)];
    std::sort(list.begin(), list.end());
    for (const Event& event : list) {
      part.user.push_back(event.user);
      part.item.push_back(event.item);
      part.weight.push_back(1);
      part.behavior.push_back(event.behavior);
    }
  }
  dataset.protocol.text = "made by a test";
  return dataset;
}

// Item popularity falls like 1 / (rank + 1); about `density` of the pairs are in training. Every
// fifth user and every seventh item have no edge at all.
inline Dataset random_dataset(std::uint32_t num_users, std::uint32_t num_items, double density,
                              std::uint64_t seed) {
  const Random random(seed, Purpose::test, 40);
  Events events;
  for (std::uint32_t u = 0; u < num_users; ++u) {
    for (std::uint32_t i = 0; i < num_items; ++i) {
      if (u % 5 == 4 || i % 7 == 6) continue;
      const double likely = density * num_items / (4.0 * (i + 1)) + density / 2;
      const std::uint64_t key = static_cast<std::uint64_t>(u) << 32 | i;
      if (random.uniform(key, 0) < likely) {
        events[0].push_back({u, i, 0});
        if (random.uniform(key, 1) < 0.2) events[0].push_back({u, i, 1});
        if (random.uniform(key, 2) < 0.1) events[1].push_back({u, i, 0});
      } else if (random.uniform(key, 3) < density / 4) {
        events[1].push_back({u, i, 1});
      } else if (random.uniform(key, 4) < density / 4) {
        events[2].push_back({u, i, 0});
        if (random.uniform(key, 5) < 0.2) events[2].push_back({u, i, 1});
      }
    }
  }
  return dataset_of(num_users, num_items, std::move(events));
}

// Written by the root into a folder of its own, open on every rank. Collective.
class DatasetOnDisk {
 public:
  DatasetOnDisk(Communicator& world, const Dataset& dataset) : world_(&world) {
    std::string path;
    if (world.is_root()) path = (folder_.emplace() / "data.h5").string();
    world.broadcast(path);
    world.on_root([&] { save_dataset(dataset, path); });
    file_.emplace(path);
  }
  ~DatasetOnDisk() { world_->barrier(); }  // all have read before the root removes the folder
  DatasetOnDisk(const DatasetOnDisk&) = delete;
  DatasetOnDisk& operator=(const DatasetOnDisk&) = delete;

  const DatasetFile& file() const { return *file_; }

 private:
  Communicator* world_;
  std::optional<TemporaryFolder> folder_;
  std::optional<DatasetFile> file_;
};

}  // namespace halorec
