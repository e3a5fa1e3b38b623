// What the trainer knows of a model: its parameters and a forward pass. A model composes operators
// (engine/ops) and never mentions ranks, ghosts or MPI.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "engine/feature_map.hpp"
#include "engine/optimizer.hpp"
#include "engine/perturbation.hpp"
#include "engine/propagation.hpp"
#include "engine/tape.hpp"
#include "partition/attribute_relation.hpp"
#include "partition/relation.hpp"
#include "partition/shard.hpp"
#include "partition/side/feature_rows.hpp"

namespace halorec {

// What a node makes of its neighbours, and a model of its layers; automatic: as its paper says.
enum class Aggregate : std::uint8_t { automatic, sum, mean, max, attention, gated };
enum class Combine : std::uint8_t { automatic, mean, last, concatenation, attention };

// What is known beside the shard's interactions: further relations between its nodes, attributes
// whose values are nodes, the features of its owned nodes, and what makes rows of features after
// training.
struct SideInputs {
  std::deque<Relation> relations;
  std::deque<AttributeRelation> attributes;
  std::optional<FeatureRows> features;
  std::optional<FeatureMap> map;

  bool empty() const { return !enter_model() && !map; }
  bool enter_model() const { return !relations.empty() || !attributes.empty() || features; }
  // Whether anything is known of nodes of this kind.
  bool know(NodeKind kind) const {
    return (map && map->maps(kind)) ||
           std::any_of(relations.begin(), relations.end(),
                       [kind](const Relation& relation) { return relation.is_of(kind); }) ||
           std::any_of(attributes.begin(), attributes.end(),
                       [kind](const AttributeRelation& one) { return one.kind == kind; }) ||
           (features && std::any_of(features->columns.begin(), features->columns.end(),
                                    [kind](const auto& column) { return column.kind == kind; }));
  }
};

struct ModelOptions {
  std::int64_t dim = 64;
  std::int64_t num_layers = 3;
  bool learn_layer_weights = false;
  Aggregate aggregate = Aggregate::automatic;
  Combine combine = Combine::automatic;
  std::int64_t num_heads = 1;      // of attention; divides dim
  std::int64_t num_bases = 2;      // that relations' transforms share
  double initial_deviation = 0.1;  // standard deviation of the first embeddings
  std::uint64_t seed = 0;
  PropagationOptions propagation;
  // The whole graph on this rank alone: given, layers run by columns
  // (engine/column_propagation.hpp).
  const Shard* whole_graph = nullptr;
  Perturbation perturbation;         // of training alone
  const SideInputs* side = nullptr;  // null: none. Outlives the model
  bool rank_by_cosine = false;       // lists are by rows of items of length 1
  double cold_level = 1;  // length of items without interactions over others'; 0: as it comes
  // What messages pass over in place of the shard's interactions, where edges differ; null: those.
  const Adjacency* interactions = nullptr;
  // For models of several graphs: one for each half-life that is mixed, or for each slice of time,
  // the oldest first. All outlive the model.
  std::span<const Adjacency> time_graphs;
  // Neighbours that a node hears in training, of the last layer first, one number a layer; empty:
  // all (engine/neighbour_sampler.hpp).
  std::vector<std::int64_t> fanout;
  bool move_touched_rows_alone = false;  // with a fanout: which embeddings an update moves
};

inline const Adjacency& message_edges(const Shard& shard, const ModelOptions& options) {
  return options.interactions == nullptr ? shard.interactions() : *options.interactions;
}

template <typename T>
class Model {
 public:
  struct Output {
    Variable<T>& rows;     // [rows x any]: what is ranked by, inner product of user and item
    Variable<T>& initial;  // [rows x dim]: what L2 holds small
  };

  // Of a training step: the same, and two views of the rows, [rows x dim] each, that a contrastive
  // term holds together; null where the model was made without contrast.
  struct TrainingOutput : Output {
    Variable<T>* first_view = nullptr;
    Variable<T>* second_view = nullptr;
  };

  virtual ~Model() = default;
  virtual std::vector<Parameter<T>*> parameters() = 0;
  // The final rows of the listed owned rows (ascending, distinct; the list outlives the step): a
  // loss reads few, and a model computes what these need. Collective when the model passes
  // messages.
  virtual Output forward(Tape<T>& tape, std::span<const std::int32_t> rows) = 0;
  // The same in training, perturbed as the model was told to be; a model that knows no perturbation
  // computes what it is evaluated by. Collective like forward.
  virtual TrainingOutput forward_in_training(Tape<T>& tape, std::span<const std::int32_t> rows,
                                             const StepKey& /*key*/) {
    return {forward(tape, rows)};
  }
  // What ranking changes about the final rows [num_owned x any] of all owned nodes. Collective.
  virtual void finish(Matrix<float>& /*rows*/) const {}
};

// Normal numbers of the given deviation, keyed by (seed, global id, column): a node starts from the
// same row on any number of ranks. table: [num_owned x dim].
template <typename T>
void initialise_rows(const Shard& shard, std::uint64_t seed, double deviation, Matrix<T>& table);

// A replicated [in x out] matrix of uniform numbers within sqrt(6 / (in + out)) (Glorot and Bengio,
// AISTATS 2010, eq. 16), keyed by (seed, name, place): the same on every rank.
template <typename T>
void initialise_shared(std::uint64_t seed, Parameter<T>& parameter);

// The same of normal numbers of the given deviation.
template <typename T>
void initialise_normal(std::uint64_t seed, double deviation, Parameter<T>& parameter);

// The listed rows (ascending, distinct; the list outlives the step) of a table of embeddings,
// [rows.size() x cols]. Where updates move touched rows alone, they are what this step touches, and
// it may ask but once.
template <typename T>
Variable<T>& table_rows(Tape<T>& tape, Parameter<T>& table, std::span<const std::int32_t> rows);

// A parameter as a variable of the step.
template <typename T>
Variable<T>& on_tape(Tape<T>& tape, Parameter<T>& parameter) {
  return tape.parameter(parameter.value.view(), parameter.gradient.view());
}

}  // namespace halorec
