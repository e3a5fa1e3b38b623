// Owners of a job on several hosts: the parts of a partition file placed by what they exchange, and
// the same answer as without.
#include "launch/find_owners.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "partition/covered_halo.hpp"
#include "tests/models/small_training.hpp"
#include "tests/tiny_graph.hpp"

namespace halorec {
namespace {

constexpr std::uint32_t kNumUsers = 60, kNumItems = 45;

// Hosts take ranks in turns: 0, 1, 0, 1, 0.
std::vector<std::int32_t> two_hosts(int num_ranks) {
  std::vector<std::int32_t> hosts;
  for (std::int32_t r = 0; r < num_ranks; ++r) hosts.push_back(r % 2);
  return hosts;
}

class FindOwnersTest : public testing::Test {
 protected:
  FindOwnersTest() {
    // Parts are ranges of users and of items; parts 0 and 1 exchange much, 2 and 3, and so on.
    cut_.num_parts = world_.size();
    const auto part = [&](std::uint32_t index, std::uint32_t size) {
      return static_cast<std::int32_t>(index) * world_.size() / static_cast<std::int32_t>(size);
    };
    for (std::uint32_t u = 0; u < kNumUsers; ++u) cut_.user.push_back(part(u, kNumUsers));
    for (std::uint32_t i = 0; i < kNumItems; ++i) cut_.item.push_back(part(i, kNumItems));
    const Random random(2, Purpose::test, 62);
    Pairs pairs;
    for (std::uint32_t u = 0; u < kNumUsers; ++u) {
      for (std::uint32_t i = 0; i < kNumItems; ++i) {
        const double likely = cut_.user[u] / 2 == cut_.item[i] / 2 ? 0.5 : 0.05;
        if (random.uniform(u, i) < likely) pairs.emplace_back(u, i);
      }
    }
    graph_.emplace(world_, make_dataset(kNumUsers, kNumItems, pairs));
    std::string path;
    if (world_.is_root()) path = (folder_.emplace() / "parts.h5").string();
    world_.broadcast(path);
    request_.file = path;
    world_.on_root([&] { save_owners(cut_, "by hand", graph_->file().content_hash(), path); });
  }
  ~FindOwnersTest() override { world_.barrier(); }

  FoundOwners find(std::vector<std::int32_t> hosts) {
    request_.hosts = std::move(hosts);
    return find_owners(world_, graph_->file(), request_);
  }
  Shard shard_of(const FoundOwners& found) {
    return {world_, graph_->file(), TrainingPart::train, found.owners};
  }

  Communicator world_;
  Owners cut_;
  std::optional<TinyGraph> graph_;
  std::optional<TemporaryFolder> folder_;
  OwnersRequest request_;
};

TEST_F(FindOwnersTest, NothingMovesWhereHostsLeaveNoChoice) {
  std::vector<std::int32_t> own_host;
  for (std::int32_t r = 0; r < world_.size(); ++r) own_host.push_back(r);
  const std::vector<std::int32_t> one_host(own_host.size(), 0);
  for (const auto& hosts : {std::vector<std::int32_t>{}, one_host, own_host}) {
    const FoundOwners found = find(hosts);
    EXPECT_FALSE(found.placement);
    EXPECT_EQ(found.owners.user, cut_.user);
    EXPECT_EQ(found.owners.item, cut_.item);
  }
}

TEST_F(FindOwnersTest, PartsThatExchangeMuchShareAHost) {
  const auto hosts = two_hosts(world_.size());
  const FoundOwners found = find(hosts);
  ASSERT_EQ(found.placement.has_value(), world_.size() > 2);
  if (!found.placement) return;
  const Placement& placement = *found.placement;
  const auto host_of_part = [&](std::size_t part) {
    return hosts[static_cast<std::size_t>(placement.rank_of_part[part])];
  };
  EXPECT_EQ(host_of_part(0), host_of_part(1));
  for (std::uint32_t u = 0; u < kNumUsers; ++u) {
    ASSERT_EQ(found.owners.user[u], placement.rank_of_part[static_cast<std::size_t>(cut_.user[u])]);
  }
  for (std::uint32_t i = 0; i < kNumItems; ++i) {
    ASSERT_EQ(found.owners.item[i], placement.rank_of_part[static_cast<std::size_t>(cut_.item[i])]);
  }
  // The file keeps the cut.
  EXPECT_EQ(load_owners(*request_.file, graph_->file().content_hash()).user, cut_.user);

  // The log's figure is what the exchange will really carry: rows out and sums back.
  const Shard shard = shard_of(found);
  const CoveredHalo covered = cover_halo(shard.interactions());
  std::int64_t between = 0;
  for (std::size_t r = 0; r < hosts.size(); ++r) {
    if (hosts[r] == hosts[static_cast<std::size_t>(world_.rank())]) continue;
    for (const auto begin : {covered.plan.send_begin(), covered.plan.receive_begin()}) {
      between += begin[r + 1] - begin[r];
    }
  }
  between = world_.sum(between);
  EXPECT_EQ(placement.between_hosts, static_cast<std::uint64_t>(between));
  EXPECT_LT(placement.between_hosts, placement.between_hosts_as_cut);
  const auto event = placement_event(found);
  EXPECT_EQ(event.at("event").get<std::string>(), "placement");
  EXPECT_EQ(event.at("between_hosts").get<std::uint64_t>(), placement.between_hosts);
  EXPECT_EQ(placement_text({{}, 3, 90, 40, 20}),
            "20 of 90 vectors of a layer travel between 3 hosts (40 as cut)");
}

TEST_F(FindOwnersTest, PlacedOrNotTheLossesAreTheSame) {
  const Shard as_cut = shard_of(find({}));
  const Shard placed = shard_of(find(two_hosts(world_.size())));
  Setting setting;
  setting.model_options.dim = 12;
  setting.model_options.seed = 4;
  setting.loss.num_negatives = 30;
  setting.loss.temperature = 0.2;
  setting.optimizer.learning_rate = 0.01;
  SmallTraining<double> first(as_cut, setting), second(placed, setting);
  for (int step = 1; step <= 50; ++step) {
    const double expected = first.advance();
    ASSERT_NEAR(second.advance(), expected, 1e-9 * std::abs(expected)) << "at step " << step;
  }
}

}  // namespace
}  // namespace halorec
