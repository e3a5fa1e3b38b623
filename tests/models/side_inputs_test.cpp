// Models with features, links and nodes without interactions: the rank count does not change the
// answer, gradients of whole steps by central differences, sums over features and relations against
// naive ones, and what a new node's row is made of.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "engine/embedding_scorer.hpp"
#include "engine/ranking.hpp"
#include "partition/relation.hpp"
#include "partition/side/feature_rows.hpp"
#include "tests/engine/whole_graph.hpp"
#include "tests/models/step_checks.hpp"

namespace halorec {
namespace {

// Items have one to three of seven genres, but every fifth none; users a number, and friends.
Dataset described(std::uint32_t num_users, std::uint32_t num_items, double density) {
  Dataset data = random_dataset(num_users, num_items, density, 6);
  AttributeColumn genres;
  genres.name = "genres";
  for (const char* name : {"a", "b", "c", "d", "e", "f", "g"}) genres.values.push_back(name);
  for (std::uint32_t i = 0; i < num_items; ++i) {
    for (std::uint32_t g = 0; g < 7; ++g) {
      if (i % 5 != 4 && (g == i % 7 || (i + g) % 6 == 0)) genres.value.push_back(g);
    }
    genres.begin.push_back(genres.value.size());
  }
  data.side.attributes.push_back(std::move(genres));
  NumberColumn age{NodeKind::user, "age", {}};
  for (std::uint32_t u = 0; u < num_users; ++u) {
    age.value.push_back(u % 6 == 5 ? NAN : static_cast<float>(20 + (u * 7) % 30));
  }
  data.side.numbers.push_back(std::move(age));
  LinkTable trust{NodeKind::user, "trust", true, {0}, {}, {}};
  LinkTable alike{NodeKind::item, "alike", true, {0}, {}, {}};
  const auto link = [](LinkTable& links, std::uint32_t n) {
    for (std::uint32_t k = 0; k < n; ++k) {
      if (k + 3 < n && k % 8 != 7) links.target.push_back(k + 3), links.weight.push_back(1);
      links.begin.push_back(links.target.size());
    }
  };
  link(trust, num_users);
  link(alike, num_items);
  // What users look at: items that they did not take among them.
  LinkTable view{NodeKind::user, "view", true, {0}, {}, {}, true};
  for (std::uint32_t u = 0; u < num_users; ++u) {
    for (std::uint32_t i = u % 5; u % 7 != 6 && i < num_items; i += 9) {
      view.target.push_back(i);
      view.weight.push_back(1 + static_cast<float>((u + i) % 2));
    }
    view.begin.push_back(view.target.size());
  }
  data.side.links = {std::move(trust), std::move(alike), std::move(view)};
  AttributeColumn country{NodeKind::user, "country", {}, {0}, {}};
  for (const char* name : {"x", "y", "z"}) country.values.push_back(name);
  for (std::uint32_t u = 0; u < num_users; ++u) {
    if (u % 4 != 1) country.value.push_back(u % 3);
    country.begin.push_back(country.value.size());
  }
  data.side.attributes.push_back(std::move(country));
  return data;
}

SideInputs inputs_of(const TinyGraph& graph, const std::vector<std::string>& features,
                     const std::vector<std::string>& relations,
                     const std::vector<std::string>& attributes = {}) {
  SideInputs side;
  for (const std::string& name : attributes) {
    side.attributes.push_back(read_attribute_relation(graph.shard(), graph.file(), name));
    side.attributes.back().weight = 0.6;
  }
  double weight = 0.7;
  for (const std::string& name : relations) {
    side.relations.push_back(read_relation(graph.shard(), graph.file(), name));
    side.relations.back().weight = std::exchange(weight, -0.4);
  }
  if (!features.empty()) side.features = read_feature_rows(graph.shard(), graph.file(), features);
  return side;
}

struct Case {
  const char* name;
  const char* model;
  std::vector<std::string> features, relations;
  double id_dropout = 0, edge_dropout = 0;
  Deal deal = Deal::scattered;
  std::vector<std::string> attributes = {};
  std::vector<std::int64_t> fanout = {};  // as many as layers, or none
  bool touched_alone = false;
};

SideInputs inputs_of(const TinyGraph& graph, const Case& c) {
  return inputs_of(graph, c.features, c.relations, c.attributes);
}

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.name;
}

Setting setting_of(const Case& c, const SideInputs& side) {
  Setting setting;
  setting.model = c.model;
  setting.model_options.dim = 6;
  setting.model_options.num_layers = 2;
  setting.model_options.seed = 4;
  setting.model_options.side = &side;
  setting.model_options.fanout = c.fanout;
  setting.model_options.move_touched_rows_alone = c.touched_alone;
  setting.model_options.perturbation.seed = 4;
  setting.model_options.perturbation.id_dropout = c.id_dropout;
  setting.model_options.perturbation.edge_dropout = c.edge_dropout;
  setting.loss.terms = LossKind::softmax;
  setting.loss.num_negatives = 50;
  setting.loss.temperature = 0.2;
  setting.loss.l2 = 1e-3;
  setting.optimizer.learning_rate = 0.01;
  setting.batch_size = 150;
  return setting;
}

class SideInputsTest : public testing::TestWithParam<Case> {
 protected:
  Communicator world_, self_{MPI_COMM_SELF};
};

const std::vector<std::string> kAll{"all"}, kNone, kBoth{"trust", "alike"}, kViews{"trust", "view"},
    kAttributes{"item:genres", "user:country"};
INSTANTIATE_TEST_SUITE_P(
    Models, SideInputsTest,
    testing::Values(Case{"LightgcnFeatures", "lightgcn", kAll, kNone},
                    Case{"LightgcnRelations", "lightgcn", kNone, kBoth},
                    Case{"LightgcnAll", "lightgcn", kAll, kBoth, 0.3, 0.1},
                    Case{"LightgcnEmptyRanks", "lightgcn", kAll, kBoth, 0.3, 0, Deal::all_on_last},
                    Case{"Mf", "mf", {"item:genres"}, kNone, 0.4},
                    Case{"LightGat", "lightgat", kAll, kNone, 0.2}, Case{"Gat", "gat", kAll, kNone},
                    Case{"Sage", "sage", kAll, kNone, 0.2}, Case{"Ngcf", "ngcf", kAll, kNone, 0.2},
                    Case{"Rgcn", "rgcn", kNone, kBoth},
                    Case{"RgcnAll", "rgcn", kAll, {"trust"}, 0.3, 0, Deal::all_on_last},
                    Case{"LightgcnViews", "lightgcn", kNone, kViews, 0.3},
                    Case{"RgcnViews", "rgcn", kNone, kViews, 0.3},
                    Case{"LightgcnAttributes", "lightgcn", kNone, kNone, 0.3, 0.1, Deal::scattered,
                         kAttributes},
                    Case{"LightgcnEverything", "lightgcn", kAll, kViews, 0.3, 0, Deal::all_on_last,
                         kAttributes},
                    Case{"RgcnAttributes", "rgcn", kNone, kViews, 0.2, 0, Deal::scattered,
                         kAttributes}),
    [](const auto& one) { return std::string(one.param.name); });

const std::vector<Case> kSampled{
    {"LightgcnSampled", "lightgcn", kAll, kNone, 0, 0, Deal::scattered, kNone, {4, 2}},
    {"SageSampled", "sage", kAll, kNone, 0.3, 0, Deal::scattered, kNone, {4, 2}},
    {"GatTouched", "gat", kAll, kNone, 0.3, 0, Deal::all_on_last, kNone, {3, 3}, true}};
INSTANTIATE_TEST_SUITE_P(Sampled, SideInputsTest, testing::ValuesIn(kSampled),
                         [](const auto& one) { return std::string(one.param.name); });

TEST_P(SideInputsTest, TheRankCountDoesNotChangeTheAnswer) {
  const TinyGraph graph(world_, described(60, 45, 0.25), TrainingPart::train, GetParam().deal);
  const TinyGraph alone(self_, described(60, 45, 0.25));
  const SideInputs side = inputs_of(graph, GetParam());
  const SideInputs whole = inputs_of(alone, GetParam());
  SmallTraining<double> training(graph.shard(), setting_of(GetParam(), side));
  SmallTraining<double> reference(alone.shard(), setting_of(GetParam(), whole));
  expect_same_losses(training, reference, 1e-9);
  if (HasFatalFailure()) return;
  const Matrix<double> rows = training.final_rows(), expected = reference.final_rows();
  EXPECT_LT(relative_difference(collect(graph.shard(), rows), collect(alone.shard(), expected)),
            1e-8);
  // Levelling the rows of new items: alike too.
  Matrix<float> single(rows.rows(), rows.cols()), single_expected(expected.rows(), expected.cols());
  std::copy(rows.values().begin(), rows.values().end(), single.values().begin());
  std::copy(expected.values().begin(), expected.values().end(), single_expected.values().begin());
  training.model().finish(single);
  reference.model().finish(single_expected);
  EXPECT_LT(
      relative_difference(collect(graph.shard(), single), collect(alone.shard(), single_expected)),
      1e-6);
}

// LeakyReLU has a kink: a score that rounding puts on its other side parts the runs, with `gat` and
// these data after 27 steps.
TEST_P(SideInputsTest, SinglePrecisionOfOneRankAndTheSameBitsAgain) {
  const TinyGraph graph(world_, described(60, 45, 0.25), TrainingPart::train, GetParam().deal);
  const TinyGraph alone(self_, described(60, 45, 0.25));
  const SideInputs side = inputs_of(graph, GetParam());
  const SideInputs whole = inputs_of(alone, GetParam());
  const Setting setting = setting_of(GetParam(), side);
  SmallTraining<float> training(graph.shard(), setting);
  SmallTraining<float> reference(alone.shard(), setting_of(GetParam(), whole));
  expect_same_losses(training, reference, 1e-5,
                     std::string_view(GetParam().model) == "gat" ? 20 : kPromisedSteps);
  expect_same_bits_again(graph.shard(), setting);
}

TEST_P(SideInputsTest, GradientsOfAStep) {
  const TinyGraph graph(world_, described(14, 13, 0.35), TrainingPart::train, GetParam().deal);
  const SideInputs side = inputs_of(graph, GetParam());
  Setting setting = setting_of(GetParam(), side);
  setting.model_options.dim = 3;
  setting.model_options.move_touched_rows_alone = false;  // whole gradients are compared
  setting.batch_size = 20;
  setting.loss.num_negatives = 15;
  SmallTraining<double> training(graph.shard(), setting);
  check_gradients_of_step(world_, training);
}

class SampledSideInputs : public SideInputsTest {};
INSTANTIATE_TEST_SUITE_P(Models, SampledSideInputs, testing::ValuesIn(kSampled),
                         [](const auto& one) { return std::string(one.param.name); });

// Every neighbour drawn: the losses and updates of the whole graph, features and new nodes
// included.
TEST_P(SampledSideInputs, AFanoutBeyondEveryDegreeIsTheWholeGraph) {
  const TinyGraph graph(world_, described(60, 45, 0.25), TrainingPart::train, GetParam().deal);
  const SideInputs side = inputs_of(graph, GetParam());
  Setting all = setting_of(GetParam(), side);
  all.model_options.move_touched_rows_alone = false;
  Setting sampled = all;
  all.model_options.fanout.clear();
  std::fill(sampled.model_options.fanout.begin(), sampled.model_options.fanout.end(), 1000);
  SmallTraining<double> one(graph.shard(), all), other(graph.shard(), sampled);
  expect_same_losses(other, one, 1e-9);
  EXPECT_LT(relative_difference(other.final_rows(), one.final_rows()), 1e-8);
}

// A new item: without a row of its own, its features' rows alone, and zero where nothing is known.
TEST(SideInputs, NewNodesAreWhatTheirFeaturesMakeOfThem) {
  Communicator world;
  const TinyGraph graph(world, described(60, 45, 0.25));
  const Shard& shard = graph.shard();
  const SideInputs side = inputs_of(graph, {"item:genres"}, {});
  Setting setting = setting_of({"", "mf", {}, {}}, side);
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
TEST(SideInputs, NodesOfWhichNothingIsKnownStandInNoList) {
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
    SmallTraining<double> training(shard, setting_of({"", model, {}, {}}, side));
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
TEST(SideInputs, LinksOfUntrainedNodesSayNothingInTraining) {
  Communicator world;
  for (const char* model : {"lightgcn", "rgcn"}) {
    for (const bool has_attributes : {false, true}) {
      Dataset data = described(60, 45, 0.03);
      const TinyGraph graph(world, described(60, 45, 0.03));
      forget_links_of_untrained(data);
      const TinyGraph without(world, std::move(data));
      const Case one{"",  model, {"all"},         {"trust", "view"},
                     0.2, 0,     Deal::scattered, has_attributes ? kAttributes : kNone};
      const SideInputs side = inputs_of(graph, one), less = inputs_of(without, one);
      SmallTraining<double> training(graph.shard(), setting_of(one, side));
      SmallTraining<double> other(without.shard(), setting_of(one, less));
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

// A step's dropped nodes are as if new: their rows and interactions change nothing in it.
TEST(SideInputs, DroppedNodesHaveNoPartInAStep) {
  Communicator world;
  const TinyGraph graph(world, described(60, 45, 0.25));
  const Shard& shard = graph.shard();
  const SideInputs side = inputs_of(graph, {"all"}, {"trust", "alike"});
  SmallTraining<double> training(shard, setting_of({"", "lightgcn", {}, {}, 0.4}, side));
  training.sampler().start_epoch(0);
  const Batch batch = training.sampler().batch(0);
  const double before = training.gradient(3, batch);
  const IdDropout dropout(0.4, {true, true}, 4, 3);
  std::int64_t num_changed = 0;
  Parameter<double>& own = *training.parameters()[0];
  for (std::int64_t r = 0; r < shard.num_owned(); ++r) {
    const auto row = static_cast<std::size_t>(r);
    bool covered = side.features->row_begin[row] != side.features->row_begin[row + 1];
    for (const Relation& relation : side.relations) {
      covered = covered || relation.edges.scale[row] != 0;  // here all links have a trained end
    }
    if (!covered || !dropout.drops(shard.global_id(r))) continue;
    for (std::int64_t c = 0; c < own.value.cols(); ++c) own.value(r, c) += 10;
    ++num_changed;
  }
  EXPECT_GT(world.sum(num_changed), 10);
  EXPECT_EQ(training.gradient(3, batch), before);
  EXPECT_NE(training.gradient(4, batch), before);
}

}  // namespace
}  // namespace halorec
