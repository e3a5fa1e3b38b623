// Nodes without training interactions: what their rows are made of, that what is held out changes
// nothing that is learned, and that of which nothing is known stands in no list.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "engine/embedding_scorer.hpp"
#include "engine/ranking.hpp"
#include "tests/models/described_graph.hpp"
#include "tests/models/step_checks.hpp"

namespace halorec {
namespace {

// A new item: without a row of its own, its features' rows alone, and zero where nothing is known.
TEST(UntrainedNodes, NewNodesAreWhatTheirFeaturesMakeOfThem) {
  Communicator world;
  const TinyGraph graph(world, described(60, 45, 0.25));
  const Shard& shard = graph.shard();
  const SideInputs side = inputs_of(graph, {"item:genres"}, {});
  Setting setting = setting_with("mf", side);
  SmallTraining<double> training(shard, setting);
  for (int step = 0; step < 5; ++step) training.advance();
  const Matrix<double> rows = training.final_rows();
  const Parameter<double>& own = *training.parameters()[0];
  const Parameter<double>& table = *training.parameters()[1];
  ASSERT_EQ(table.name, "features");
  ASSERT_TRUE(side.features.has_value());
  std::int64_t num_new = 0;
  for (std::int64_t r = 0; r < shard.num_owned(); ++r) {
    const auto row = static_cast<std::size_t>(r);
    const bool is_new = shard.scale()[row] == 0;
    for (std::int64_t c = 0; c < rows.cols(); ++c) {
      double expected = is_new ? 0 : own.value(r, c);
      for (auto e = side.features->row_begin[row]; e < side.features->row_begin[row + 1]; ++e) {
        const auto entry = static_cast<std::size_t>(e);
        expected += static_cast<double>(side.features->value[entry]) *
                    table.value(side.features->feature[entry], c);
      }
      EXPECT_NEAR(rows(r, c), expected, 1e-14);
    }
    if (is_new && r >= shard.num_owned_users()) ++num_new;
  }
  EXPECT_GT(world.sum(num_new), 0);

  Matrix<float> levelled(rows.rows(), rows.cols());
  std::copy(rows.values().begin(), rows.values().end(), levelled.values().begin());
  training.model().finish(levelled);
  const auto length = [&](std::int64_t r) {
    double squares = 0;
    for (std::int64_t c = 0; c < rows.cols(); ++c) {
      squares += static_cast<double>(levelled(r, c)) * levelled(r, c);
    }
    return std::sqrt(squares);
  };
  double sum = 0, count = 0;
  for (std::int64_t r = shard.num_owned_users(); r < rows.rows(); ++r) {
    if (shard.scale()[static_cast<std::size_t>(r)] != 0) sum += length(r), count += 1;
  }
  const double mean = world.sum(sum) / world.sum(count);
  for (std::int64_t r = shard.num_owned_users(); r < rows.rows(); ++r) {
    if (shard.scale()[static_cast<std::size_t>(r)] != 0) continue;
    if (side.features->row_begin[static_cast<std::size_t>(r)] ==
        side.features->row_begin[static_cast<std::size_t>(r) + 1]) {
      EXPECT_EQ(length(r), 0);
    } else {
      EXPECT_NEAR(length(r), mean, 1e-5 * mean);
    }
  }
}

// New nodes that hear no trained one have no row and stand in no list, whatever a model's bias
// says.
TEST(UntrainedNodes, NodesOfWhichNothingIsKnownStandInNoList) {
  Communicator world;
  Dataset data = described(60, 45, 0.25);
  for (const char* name : {"new1", "new2", "new3"}) {
    data.users.push_back(name);
    data.items.push_back(name);
  }
  extend_side_info(data.side, NodeKind::user, 63);
  extend_side_info(data.side, NodeKind::item, 48);
  // The first looks at what others take; the second at what none does, and the third at nothing.
  LinkTable& view = data.side.links[2];
  view.target.insert(view.target.end(), {3, 46});
  view.weight.insert(view.weight.end(), {1, 1});
  view.begin[61] = view.begin[60] + 1;
  view.begin[62] = view.begin[63] = view.begin[60] + 2;
  const TinyGraph graph(world, std::move(data));
  const Shard& shard = graph.shard();
  for (const char* model : {"lightgcn", "rgcn"}) {
    const SideInputs side = inputs_of(graph, {}, {"view"});
    SmallTraining<double> training(shard, setting_with(model, side));
    for (int step = 0; step < 3; ++step) training.advance();
    const Matrix<double> rows = training.final_rows();
    Matrix<float> finished(rows.rows(), rows.cols());
    std::copy(rows.values().begin(), rows.values().end(), finished.values().begin());
    training.model().finish(finished);
    for (std::int64_t r = 0; r < shard.num_owned(); ++r) {
      const GlobalId id = shard.global_id(r);
      const bool is_user = id.kind() == NodeKind::user;
      if (is_user ? id.index() < 60 : id.index() < 45) continue;
      double largest = 0;
      for (std::int64_t c = 0; c < rows.cols(); ++c) {
        largest = std::max(largest, std::abs(static_cast<double>(finished(r, c))));
      }
      EXPECT_EQ(largest > 0, is_user && id.index() == 60) << model << " " << id.bits();
    }
    EmbeddingScorer scorer(shard, finished.view(), {true, true});
    const std::vector<std::uint32_t> unknown = scorer.unknown_items();
    for (const std::uint32_t item : {45U, 46U, 47U}) {
      EXPECT_TRUE(std::binary_search(unknown.begin(), unknown.end(), item)) << model << item;
    }
    std::vector<std::int32_t> people;
    for (std::int32_t row = 0; row < shard.num_owned_users(); ++row) people.push_back(row);
    RankingQuery query;
    query.k = 48;
    query.people = people;
    const Catalogue catalogue(shard, graph.file(), Candidates::all);
    const RankedLists lists = rank_items(scorer, catalogue, query);
    for (const std::int32_t person : people) {
      EXPECT_FALSE(lists.of(person).empty());
      for (const RankedItem& entry : lists.of(person)) EXPECT_LT(entry.item, 45U) << model;
    }
  }
}

// `data` without the links that touch a node without training interactions.
void forget_links_of_untrained(Dataset& data) {
  std::vector<bool> users(data.users.size(), false), items(data.items.size(), false);
  for (const std::uint32_t user : data[Split::train].user) users[user] = true;
  for (const std::uint32_t item : data[Split::train].item) items[item] = true;
  for (LinkTable& links : data.side.links) {
    const auto& near = links.kind == NodeKind::user ? users : items;
    const auto& far = links.crosses ? items : near;
    LinkTable kept{links.kind, links.name, links.directed, {0}, {}, {}, links.crosses};
    for (std::size_t k = 0; k + 1 < links.begin.size(); ++k) {
      for (std::uint64_t e = links.begin[k]; e < links.begin[k + 1]; ++e) {
        if (!near[k] || !far[links.target[e]]) continue;
        kept.target.push_back(links.target[e]);
        kept.weight.push_back(links.weight[e]);
      }
      kept.begin.push_back(kept.target.size());
    }
    links = std::move(kept);
  }
}

// What is held out changes nothing that is learned: links of nodes without training interactions
// give these rows when lists are made, and no other node another.
TEST(UntrainedNodes, LinksOfUntrainedNodesSayNothingInTraining) {
  Communicator world;
  for (const char* model : {"lightgcn", "rgcn"}) {
    for (const bool has_attributes : {false, true}) {
      Dataset data = described(60, 45, 0.03);
      const TinyGraph graph(world, described(60, 45, 0.03));
      forget_links_of_untrained(data);
      const TinyGraph without(world, std::move(data));
      const auto inputs = [&](const TinyGraph& of) {
        return inputs_of(
            of, {"all"}, {"trust", "view"},
            has_attributes ? std::vector<std::string>{"item:genres", "user:country"}
                           : std::vector<std::string>{},
            model == std::string_view("rgcn") ? Directions::apart : Directions::merged);
      };
      const SideInputs side = inputs(graph), less = inputs(without);
      const auto setting = [&](const SideInputs& of) {
        Setting one = setting_with(model, of);
        one.model_options.perturbation.id_dropout = 0.2;
        return one;
      };
      SmallTraining<double> training(graph.shard(), setting(side));
      SmallTraining<double> other(without.shard(), setting(less));
      expect_same_losses(training, other, 1e-12);
      const Matrix<double> rows = training.final_rows(), plain = other.final_rows();
      std::int64_t num_others = 0;
      for (std::int64_t r = 0; r < rows.rows(); ++r) {
        double difference = 0;
        for (std::int64_t c = 0; c < rows.cols(); ++c) {
          difference = std::max(difference, std::abs(rows(r, c) - plain(r, c)));
        }
        if (graph.shard().scale()[static_cast<std::size_t>(r)] != 0) {
          EXPECT_LT(difference, 1e-12) << model << ", row " << r;
        } else {
          num_others += difference > 1e-6 ? 1 : 0;
        }
      }
      EXPECT_GT(world.sum(num_others), 3) << model;
    }
  }
}

}  // namespace
}  // namespace halorec
