// What training changes about graph and rows, against overfitting and noise in the data, and to
// make the views that a contrastive term compares. Every draw is a function of (seed, purpose,
// step, view, global ids): the same on any number of ranks. Evaluation never perturbs.
#pragma once

#include <cstdint>

namespace halorec {

// Where views come from: the noise of XSimGCL, the dropped edges of SGL (docs/OBJECTIVES.md).
enum class Contrast : std::uint8_t { none, xsimgcl, sgl };

struct Perturbation {
  double edge_dropout = 0;     // share of edges that a step does without
  double node_dropout = 0;     // share of nodes that send nothing in a step
  double message_dropout = 0;  // share of a layer's numbers that are zero
  double id_dropout = 0;       // share of nodes that a step treats as new (id_dropout.hpp)
  double embedding_noise = 0;  // length of what is added to each row before the first layer
  Contrast contrast = Contrast::none;
  double layer_noise = 0.2;         // xsimgcl: the same, after every layer
  std::int64_t contrast_layer = 1;  // xsimgcl: whose rows are the second view
  double view_dropout = 0.1;        // sgl: share of edges that each view does without
  std::uint64_t seed = 0;

  // The rows change between layers; dropped edges are a matter of the product alone.
  bool changes_rows() const {
    return node_dropout > 0 || message_dropout > 0 || embedding_noise > 0 ||
           contrast == Contrast::xsimgcl;
  }
  // Over the layers, in a step.
  std::int64_t num_passes() const { return contrast == Contrast::sgl ? 3 : 1; }
  bool any() const { return changes_rows() || edge_dropout > 0 || contrast == Contrast::sgl; }
};

// Which step a forward pass belongs to.
struct StepKey {
  std::uint64_t step = 1;   // from 1
  std::uint64_t epoch = 0;  // from 0
};

}  // namespace halorec
