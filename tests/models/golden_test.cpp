// Losses and gradients of whole steps against golden/golden.json, which golden/make_golden.py
// computed by PyTorch's autograd from the papers' formulas.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "partition/interaction_facts.hpp"
#include "partition/relation.hpp"
#include "tests/engine/whole_graph.hpp"
#include "tests/models/small_training.hpp"

namespace halorec {
namespace {

using nlohmann::json;

json read_golden() {
  std::ifstream file(HALOREC_GOLDEN_FILE);
  return json::parse(file);
}

Matrix<double> matrix_of(const json& rows) {
  Matrix<double> matrix(std::ssize(rows), std::ssize(rows.at(0)));
  for (std::int64_t r = 0; r < matrix.rows(); ++r) {
    for (std::int64_t c = 0; c < matrix.cols(); ++c) {
      matrix(r, c) = rows.at(static_cast<std::size_t>(r)).at(static_cast<std::size_t>(c));
    }
  }
  return matrix;
}

template <typename T>
Matrix<T> converted(const Matrix<double>& from) {
  Matrix<T> to(from.rows(), from.cols());
  std::transform(from.values().begin(), from.values().end(), to.data(),
                 [](double x) { return static_cast<T>(x); });
  return to;
}

Dataset dataset_of(const json& golden) {
  Pairs edges;
  for (const json& edge : golden.at("edges")) edges.emplace_back(edge[0], edge[1]);
  Dataset data = make_dataset(golden.at("num_users"), golden.at("num_items"), edges);
  data[Split::train].time = golden.at("times").get<std::vector<std::int64_t>>();
  for (const auto& [name, table] : golden.at("links").items()) {
    const bool is_directed = table.at("directed"), is_of_users = table.at("kind") == "user";
    std::map<std::pair<std::uint32_t, std::uint32_t>, float> links;
    for (const json& link : table.at("links")) {
      links[{link[0], link[1]}] = link[2];
      if (!is_directed) links[{link[1], link[0]}] = link[2];
    }
    LinkTable& to = data.side.links.emplace_back();
    to.kind = is_of_users ? NodeKind::user : NodeKind::item;
    to.name = name;
    to.directed = is_directed;
    to.begin.assign((is_of_users ? data.users : data.items).size() + 1, 0);
    for (const auto& [ends, weight] : links) {
      ++to.begin[ends.first + 1];
      to.target.push_back(ends.second);
      to.weight.push_back(weight);
    }
    std::partial_sum(to.begin.begin(), to.begin.end(), to.begin.begin());
  }
  return data;
}

// The links that a case names, with their weights.
SideInputs side_of(const TinyGraph& graph, const json& one) {
  SideInputs side;
  for (const json& named : one.value("relations", json::array())) {
    side.relations.push_back(
        read_relation(graph.shard(), graph.file(), named[0].get<std::string>(),
                      one.at("model") == "rgcn" ? Directions::apart : Directions::merged));
    side.relations.back().weight = named[1];
  }
  return side;
}

// This rank's part of the batch.
Batch own_batch(const Shard& shard, const json& pairs) {
  Batch batch;
  batch.global_size = std::ssize(pairs);
  for (std::uint32_t position = 0; position < pairs.size(); ++position) {
    const RowAddress address = shard.address_of_user(pairs[position][0]);
    if (address.owner != shard.communicator().rank()) continue;
    batch.user_rows.push_back(address.row);
    batch.items.push_back(pairs[position][1]);
    batch.positions.push_back(position);
  }
  return batch;
}

// The negatives of all positions, as this rank's sampler draws them; those of other ranks are -1.
// For softmax: the pool.
std::vector<std::int64_t> drawn(const Sampler& sampler, const Batch& batch, const json& one) {
  if (one.at("loss") == "softmax") {
    const auto pool = sampler.pool(1, std::ssize(one.at("negatives")));
    return {pool.begin(), pool.end()};
  }
  const std::int64_t each = one.at("each");
  const auto own = sampler.negatives(1, batch, each);
  std::vector<std::int64_t> all(static_cast<std::size_t>(batch.global_size * each), -1);
  for (std::int64_t k = 0; k < batch.size(); ++k) {
    const std::int64_t position = batch.positions[static_cast<std::size_t>(k)];
    std::copy_n(own.begin() + k * each, each, all.begin() + position * each);
  }
  return all;
}

template <typename T>
class GoldenOf : public testing::Test {};
using Reals = testing::Types<float, double>;
TYPED_TEST_SUITE(GoldenOf, Reals);

TYPED_TEST(GoldenOf, StepsEqualAutograd) {
  using T = TypeParam;
  const json golden = read_golden();
  Communicator world;
  const Matrix<T> start = converted<T>(matrix_of(golden.at("embeddings")));
  for (const Deal deal : {Deal::scattered, Deal::all_on_last}) {
    const TinyGraph graph(world, dataset_of(golden), TrainingPart::train, deal);
    const Shard& shard = graph.shard();
    const InteractionFacts facts(shard, graph.file(), TrainingPart::train);
    for (const json& one : golden.at("cases")) {
      SCOPED_TRACE(one.at("name").get<std::string>());
      const bool is_softmax = one.at("loss") == "softmax";
      Setting setting;
      setting.model = one.at("model");
      // Bases hear of all relations at once, which nearly cancel.
      const double single = setting.model == "rgcn" ? 1e-5 : 3e-6;
      const double tolerance = std::is_same_v<T, float> ? single : 1e-12;
      setting.model_options.dim = golden.at("dim");
      setting.model_options.num_layers = one.at("layers");
      setting.model_options.learn_layer_weights = setting.model == "lightgcn";
      setting.loss.terms = is_softmax ? LossKind::softmax : LossKind::bpr;
      setting.model_options.num_heads = one.value("heads", 1);
      setting.model_options.num_bases = one.value("bases", 1);
      const SideInputs side = side_of(graph, one);
      if (!side.relations.empty()) setting.model_options.side = &side;
      std::vector<Adjacency> slices;
      if (setting.model == "roland") slices = time_slices(facts, one.at("slices"));
      setting.model_options.time_graphs = slices;
      if (one.value("aggregate", "") == "max") setting.model_options.aggregate = Aggregate::max;
      setting.loss.num_negatives =
          is_softmax ? std::ssize(one.at("negatives")) : one.at("each").get<std::int64_t>();
      setting.loss.temperature = one.value("tau", 1.0);
      setting.loss.temperature2 = one.value("tau2", 1.0);
      setting.loss.l2 = one.at("l2");
      SmallTraining<T> training(shard, setting);

      const Batch batch = own_batch(shard, golden.at("batch"));
      const std::vector<std::int64_t> negatives = drawn(training.sampler(), batch, one);
      ASSERT_EQ(negatives.size(), one.at("negatives").size());
      for (std::size_t k = 0; k < negatives.size(); ++k) {
        if (negatives[k] < 0) continue;
        ASSERT_EQ(negatives[k], one.at("negatives")[k].template get<std::int64_t>())
            << "the sampler draws other negatives than golden.json has: " << json(negatives);
      }

      training.embeddings().value = own_rows_of(shard, start);
      const json& values = one.at("parameters");
      ASSERT_EQ(training.parameters().size(), 1 + values.size());
      for (std::size_t p = 1; p < training.parameters().size(); ++p) {
        Parameter<T>& parameter = *training.parameters()[p];
        Matrix<T> value = converted<T>(matrix_of(values.at(parameter.name)));
        ASSERT_EQ(value.rows(), parameter.value.rows());
        ASSERT_EQ(value.cols(), parameter.value.cols());
        parameter.value = std::move(value);
      }
      const double loss = training.gradient(1, batch);
      const double expected_loss = one.at("value");
      EXPECT_NEAR(loss, expected_loss, tolerance * std::abs(expected_loss));
      EXPECT_LT(relative_difference(collect(shard, training.embeddings().gradient),
                                    converted<T>(matrix_of(one.at("embeddings_gradient")))),
                tolerance);
      for (std::size_t p = 1; p < training.parameters().size(); ++p) {
        const Parameter<T>& parameter = *training.parameters()[p];
        EXPECT_LT(
            relative_difference(parameter.gradient,
                                converted<T>(matrix_of(one.at("gradients").at(parameter.name)))),
            tolerance)
            << parameter.name;
      }
    }
  }
}

}  // namespace
}  // namespace halorec
