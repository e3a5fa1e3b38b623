// One message-passing layer of a layered model (models/layered.hpp): what a node makes of itself
// and its neighbours. A layer composes operators and never mentions ranks, ghosts or MPI.
#pragma once

#include <string>
#include <vector>

#include "engine/message_graph.hpp"
#include "engine/model.hpp"
#include "models/attribute_nodes.hpp"

namespace halorec {

// What layers pass messages over: the interactions, and what a layer that tells relations apart
// hears beside them.
template <typename T>
struct LayerGraphs {
  // Of directed links, as one end hears the other; the means' factors, [num_owned].
  struct Direction {
    MessageGraph<T>* graph;
    std::vector<T> mean;
  };
  struct Relation {
    MessageGraph<T>* graph;             // both ways alike; null where there are directions
    bool crosses;                       // from users to items
    std::vector<Direction> directions;  // two, each the other's transpose, or none
  };
  MessageGraph<T>* interactions = nullptr;
  std::vector<Relation> relations;
  const AttributeNodes<T>* attributes = nullptr;
  // Of each attribute, what its values are where the next layer begins: the model sets the first,
  // a layer of such a kind the next.
  std::vector<Variable<T>*> values;
};

template <typename T>
class MessageLayer {
 public:
  virtual ~MessageLayer() = default;
  virtual std::vector<Parameter<T>*> parameters() { return {}; }
  // x [num_owned x dim], result [num_rows(rows) x dim]. Collective.
  virtual Variable<T>& forward(Tape<T>& tape, Variable<T>& x, Rows rows) = 0;
};

// What a layer is made with. `name`: the prefix of its parameters' names.
struct LayerOptions {
  std::string name;
  std::int64_t dim = 64;
  std::int64_t num_heads = 1;
  std::int64_t num_bases = 1;
  std::uint64_t seed = 0;
  bool is_last = false;
};

// A replicated [rows x cols] parameter with its first numbers.
template <typename T>
Parameter<T> shared_parameter(const LayerOptions& options, const char* name, std::int64_t rows,
                              std::int64_t cols) {
  Parameter<T> parameter(options.name + "." + name, true, rows, cols);
  initialise_shared(options.seed, parameter);
  return parameter;
}

// A bias: zeros.
template <typename T>
Parameter<T> shared_bias(const LayerOptions& options, const char* name, std::int64_t cols) {
  return Parameter<T>(options.name + "." + name, true, 1, cols);
}

}  // namespace halorec
