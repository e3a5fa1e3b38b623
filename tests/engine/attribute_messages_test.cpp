// Messages between nodes and the values of their attributes: who has what, values against naive
// loops over the whole graph, and backward passes against central differences, over ranks.
#include "engine/ops/attribute_messages.hpp"

#include <cmath>
#include <vector>

#include "tests/engine/gradient_fixture.hpp"

namespace halorec {
namespace {

constexpr std::uint32_t kNumUsers = 9, kNumItems = 12, kNumValues = 5;

bool has(std::uint32_t item, std::uint32_t value) {
  return item % 4 != 3 && (item % kNumValues == value || (item + value) % 3 == 0);
}

// Items have up to three of five genres, every fourth none; there is a genre that nobody has.
Dataset data_with_genres() {
  Dataset data = random_dataset(kNumUsers, kNumItems, 0.35, 1);
  Interactions& train = data[Split::train];  // without the first and the eleventh item
  std::size_t kept = 0;
  for (std::size_t k = 0; k < train.size(); ++k) {
    if (train.item[k] == 0 || train.item[k] == 10) continue;
    train.user[kept] = train.user[k];
    train.item[kept] = train.item[k];
    ++kept;
  }
  train.user.resize(kept);
  train.item.resize(kept);
  train.weight.resize(kept);
  AttributeColumn genres;
  genres.name = "genres";
  for (const char* name : {"a", "b", "c", "d", "e", "nobody's"}) genres.values.push_back(name);
  for (std::uint32_t i = 0; i < kNumItems; ++i) {
    for (std::uint32_t v = 0; v < kNumValues; ++v) {
      if (has(i, v)) genres.value.push_back(v);
    }
    genres.begin.push_back(genres.value.size());
  }
  data.side.attributes.push_back(std::move(genres));
  return data;
}

int degree_of_item(std::uint32_t item) {
  int degree = 0;
  for (std::uint32_t v = 0; v < kNumValues; ++v) degree += has(item, v) ? 1 : 0;
  return degree;
}
// Items without training interactions hear values and are not heard.
int degree_of_value(const Shard& shard, std::uint32_t value) {
  int degree = 0;
  for (std::uint32_t i = 0; i < kNumItems; ++i) {
    degree += has(i, value) && shard.item_degree(i) > 0 ? 1 : 0;
  }
  return degree;
}

double weight_of(const Shard& shard, std::uint32_t item, std::uint32_t value,
                 Normalisation normalisation, bool nodes_hear) {
  if (!has(item, value) || (!nodes_hear && shard.item_degree(item) == 0)) return 0;
  if (normalisation == Normalisation::sum) return 1;
  if (normalisation == Normalisation::symmetric) {
    return 1 / std::sqrt(degree_of_item(item) * degree_of_value(shard, value));
  }
  return 1.0 / (nodes_hear ? degree_of_item(item) : degree_of_value(shard, value));
}

constexpr Normalisation kNormalisations[] = {Normalisation::symmetric, Normalisation::mean,
                                             Normalisation::sum};

class AttributeMessages : public GradientTest {
 protected:
  Matrix<double> same_rows(std::int64_t rows, std::int64_t cols) const {
    const Random random(5, Purpose::test, 8);
    Matrix<double> matrix(rows, cols);
    for (std::int64_t k = 0; k < matrix.size(); ++k) {
      matrix.values()[static_cast<std::size_t>(k)] = random.normal(static_cast<std::uint64_t>(k));
    }
    return matrix;
  }
};

TEST_F(AttributeMessages, NodesHearTheirValues) {
  for (const Deal deal : {Deal::scattered, Deal::all_on_last}) {
    const TinyGraph graph(world_, data_with_genres(), TrainingPart::train, deal);
    const Shard& shard = graph.shard();
    const AttributeRelation relation = read_attribute_relation(shard, graph.file(), "item:genres");
    ASSERT_EQ(relation.num_values(), kNumValues);  // without the one that nobody has
    EXPECT_EQ(relation.kind, NodeKind::item);
    for (const Normalisation normalisation : kNormalisations) {
      for (const bool all : {true, false}) {
        std::vector<std::int32_t> listed;
        for (std::int32_t r = 0; r < shard.num_owned(); r += all ? 1 : 2) {
          if (all || world_.rank() != 2) listed.push_back(r);
        }
        const auto rows = all ? std::nullopt : std::optional(std::span<const std::int32_t>(listed));
        Leaf z(same_rows(kNumValues, 3), true);
        const auto op = [&](Tape<double>& tape) -> Variable<double>& {
          return hear_values(tape, relation, normalisation, -0.7, z.on(tape), rows);
        };
        {
          Tape<double> tape(false);
          const Variable<double>& y = op(tape);
          ASSERT_EQ(y.value.rows, std::ssize(listed));
          for (std::int64_t k = 0; k < y.value.rows; ++k) {
            const GlobalId id = shard.global_id(listed[static_cast<std::size_t>(k)]);
            for (std::int64_t c = 0; c < 3; ++c) {
              double expected = 0;
              for (std::uint32_t v = 0; v < kNumValues; ++v) {
                if (id.kind() == NodeKind::user) continue;
                expected -=
                    0.7 * weight_of(shard, id.index(), v, normalisation, true) * z.value(v, c);
              }
              EXPECT_NEAR(y.value(k, c), expected, 1e-14);
            }
          }
        }
        const Matrix<double> direction = own_rows(std::ssize(listed), 3, 2);
        check_gradients(world_, {&z},
                        [&](Tape<double>& tape) { return along(tape, op(tape), direction); });
      }
    }
  }
}

TEST_F(AttributeMessages, ValuesHearTheirNodesOnAllRanks) {
  for (const Deal deal : {Deal::scattered, Deal::all_on_last}) {
    const TinyGraph graph(world_, data_with_genres(), TrainingPart::train, deal);
    const Shard& shard = graph.shard();
    const AttributeRelation relation = read_attribute_relation(shard, graph.file(), "item:genres");
    for (const Normalisation normalisation : kNormalisations) {
      Leaf x(random_rows<double>(shard, 3, 1));
      const auto op = [&](Tape<double>& tape) -> Variable<double>& {
        return hear_nodes(tape, relation, normalisation, 1.3, x.on(tape));
      };
      const Matrix<double> whole = collect(shard, x.value);
      {
        Tape<double> tape(false);
        const Variable<double>& z = op(tape);
        ASSERT_EQ(z.value.rows, kNumValues);
        for (std::uint32_t v = 0; v < kNumValues; ++v) {
          for (std::int64_t c = 0; c < 3; ++c) {
            double expected = 0;
            for (std::uint32_t i = 0; i < kNumItems; ++i) {
              expected +=
                  1.3 * weight_of(shard, i, v, normalisation, false) * whole(kNumUsers + i, c);
            }
            EXPECT_NEAR(z.value(v, c), expected, 1e-14);
          }
        }
      }
      // What each rank makes of the values is its own: gradients are summed over ranks.
      const Matrix<double> direction = own_rows(kNumValues, 3, 4);
      check_gradients(world_, {&x},
                      [&](Tape<double>& tape) { return along(tape, op(tape), direction); });
    }
  }
}

TEST_F(AttributeMessages, WhatIsNoAttributeIsNamed) {
  const TinyGraph graph(world_, data_with_genres());
  for (const char* name : {"genres", "user:genres", "item:colour"}) {
    try {
      read_attribute_relation(graph.shard(), graph.file(), name);
      ADD_FAILURE() << name;
    } catch (const Error& error) {
      EXPECT_TRUE(error.everywhere());
      EXPECT_NE(std::string(error.what()).find("it has: item:genres"), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace halorec
