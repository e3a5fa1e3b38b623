// Rows of nodes that nobody has trained on, made of what is known of them. The rows of trained
// nodes, each at length 1, are fitted by their features, and the fit is applied to the features of
// the others (attribute-to-factor mapping: Gantner et al., Learning attribute-to-feature mappings
// for cold-start recommendations, ICDM 2010). Training never meets the features, and trained rows
// stay as they are: what is new costs nothing of what is known.
//
//   minimise over W   sum over trained i of g_i |x_i / |x_i| - v_i W|^2 + ridge |W|^2
//
// v_i: the features of i and a one; g_i: the root of i's interactions over their mean, for a row
// that few have taught says little. By conjugate gradients, all columns of W side by side,
// until a millionth of each residual is left.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "engine/matrix.hpp"
#include "engine/ops/features.hpp"
#include "partition/shard.hpp"
#include "partition/side/feature_rows.hpp"

namespace halorec {

class FeatureMap {
 public:
  // features: of the shard's owned rows; users and items are mapped where columns are of their
  // kind. ridge: above 0. The shard outlives this. Collective.
  FeatureMap(const Shard& shard, const FeatureRows& features, double ridge);

  bool maps(NodeKind kind) const { return fits_[static_cast<std::size_t>(kind)].has_value(); }

  // rows [num_owned x any], final rows of owned nodes: untrained ones of a kind that is mapped get
  // theirs, in units of the mean length of that kind's trained rows; zero, where nothing is known
  // of one. Memory: four matrices in double of the features by the columns, and a number for each
  // trained row's. Collective.
  void fill_untrained(Matrix<float>& rows) const;

 private:
  struct Fit {
    std::vector<std::int32_t> trained, untrained;  // owned rows
    FeatureMatrix of_trained, of_untrained;
    std::vector<double> weight;  // g of trained ones
  };
  std::optional<Fit> make_fit(const FeatureRows& features, NodeKind kind) const;
  // [features + 1 x cols]. targets: of trained rows. Collective.
  Matrix<double> solve(const Fit& fit, const Matrix<double>& targets) const;

  const Shard* shard_;
  std::int64_t num_features_;  // the one among them
  double ridge_;
  std::array<std::optional<Fit>, kNumNodeKinds> fits_;
};

}  // namespace halorec
