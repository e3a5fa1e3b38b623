// A small graph with side information of every kind, and a model's training on it.
#pragma once

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "partition/relation.hpp"
#include "partition/side/feature_rows.hpp"
#include "tests/engine/whole_graph.hpp"
#include "tests/models/small_training.hpp"

namespace halorec {

// Items have one to three of seven genres, but every fifth none; users a number, and friends.
inline Dataset described(std::uint32_t num_users, std::uint32_t num_items, double density) {
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

inline SideInputs inputs_of(const TinyGraph& graph, const std::vector<std::string>& features,
                            const std::vector<std::string>& relations,
                            const std::vector<std::string>& attributes = {},
                            Directions directions = Directions::merged) {
  SideInputs side;
  for (const std::string& name : attributes) {
    side.attributes.push_back(read_attribute_relation(graph.shard(), graph.file(), name));
    side.attributes.back().weight = 0.6;
  }
  double weight = 0.7;
  for (const std::string& name : relations) {
    side.relations.push_back(read_relation(graph.shard(), graph.file(), name, directions));
    side.relations.back().weight = std::exchange(weight, -0.4);
  }
  if (!features.empty()) side.features = read_feature_rows(graph.shard(), graph.file(), features);
  return side;
}

// Two layers of the model with these inputs, which outlive the training.
inline Setting setting_with(const char* model, const SideInputs& side) {
  Setting setting;
  setting.model = model;
  setting.model_options.dim = 6;
  setting.model_options.num_layers = 2;
  setting.model_options.seed = 4;
  setting.model_options.side = &side;
  setting.model_options.perturbation.seed = 4;
  setting.loss.terms = LossKind::softmax;
  setting.loss.num_negatives = 50;
  setting.loss.temperature = 0.2;
  setting.loss.l2 = 1e-3;
  setting.optimizer.learning_rate = 0.01;
  setting.batch_size = 150;
  return setting;
}

}  // namespace halorec
