// What a training step does to rows between its products: nodes that send nothing, messages that
// are lost, noise. Each number drawn is a function of (seed, purpose, step, global id, layer,
// column), and nothing else.
#pragma once

#include <span>

#include "comm/random.hpp"
#include "engine/matrix.hpp"
#include "engine/perturbation.hpp"
#include "partition/shard.hpp"

namespace halorec {

// Row k of a matrix is owned row k, or owned[k] with `owned`.
struct PerturbedRows {
  const std::int32_t* owned = nullptr;
  std::int64_t at(std::int64_t k) const { return owned == nullptr ? k : owned[k]; }
};

class RowPerturbation {
 public:
  // The shard outlives this.
  RowPerturbation(const Shard& shard, const Perturbation& what, const StepKey& key);

  bool drops_nodes() const { return what_.node_dropout > 0; }
  bool drops_messages() const { return what_.message_dropout > 0; }
  // Length of the noise after layer k; layer 0 is the rows before the first.
  double noise(std::int64_t layer) const;

  // All of these change `rows` in place. They are linear (the masks are their own adjoints) or add
  // a constant (noise).
  using Rows = PerturbedRows;
  // Each row times 0, by chance node_dropout, or 1/(1 - node_dropout): what it sends in this step
  // (NGCF: Wang et al., SIGIR 2019, section 2.4.2, "node dropout"). The same in every layer.
  template <typename T>
  void drop_nodes(MatrixView<T> rows, Rows which = {}) const;
  // The same for each number of a layer (message dropout as in NGCF's code: of the layer's result).
  template <typename T>
  void drop_messages(std::int64_t layer, MatrixView<T> rows, Rows which = {}) const;
  // Adds noise(layer) d / |d| with d_c = s_c u_c, u_c uniform in [0, 1) and s_c = +-1 (XSimGCL, eq.
  // 10-11, whose s_c is the sign of the row's own number: that sign is not the same on any number
  // of ranks where the number is a sum near zero, so it is drawn).
  template <typename T>
  void add_noise(std::int64_t layer, MatrixView<T> rows, Rows which = {}) const;

 private:
  std::uint64_t id(std::int64_t owned_row) const { return shard_->global_id(owned_row).bits(); }

  const Shard* shard_;
  Perturbation what_;
  Random nodes_, messages_, noise_;
};

}  // namespace halorec
