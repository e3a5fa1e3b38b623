// What the objective of training is made of.
#pragma once

#include <cstdint>

#include "engine/loss_terms.hpp"
#include "engine/ops/losses.hpp"
#include "partition/edge_weights.hpp"

namespace halorec {

struct LossOptions {
  LossTerms terms = LossKind::softmax;
  // With softmax, the size of the pool that all ranks share; without, the negatives of each
  // positive in bpr and logistic.
  std::int64_t num_negatives = 0;
  std::int64_t blended_negatives = 1;  // of each positive in bpr and logistic, beside softmax
  double negative_power = 0.5;         // softmax: the pool is drawn in proportion to degree^power
  double temperature = 0.12;           // softmax
  double temperature2 = 1.0;           // softmax: BSL's second temperature
  double gce = 0;                      // softmax: q of generalised cross-entropy; 0: without
  ScoreFormat scores = ScoreFormat::full;  // softmax; bf16: of float alone
  double contrastive_temperature = 0.15;
  // Positions of the batch whose users and items are contrasted.
  std::int64_t contrastive_pool = 2048;
  // rating: what scores are fitted to; outlives the training.
  const EdgeWeights* edge_weights = nullptr;
  // lambda / (2 batch) times the squared norms of the initial rows of the batch's users, positives
  // and, for bpr and logistic, negatives.
  double l2 = 0;

  std::int64_t pool_size() const { return terms.has(LossKind::softmax) ? num_negatives : 0; }
  std::int64_t negatives_each() const {
    if (!terms.has_pairs()) return 0;
    return terms.has(LossKind::softmax) ? blended_negatives : num_negatives;
  }
};

}  // namespace halorec
