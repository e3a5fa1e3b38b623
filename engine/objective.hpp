// The objective of a step: a weighted blend of terms over the rows of one batch. A term is a
// function over the rows that it names (objective.cpp); this class draws what the terms share,
// fetches it in one batch gather, and adds the terms up.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "comm/batch_gather.hpp"
#include "engine/contrastive_term.hpp"
#include "engine/loss_options.hpp"
#include "engine/model.hpp"
#include "engine/sampler.hpp"

namespace halorec {

// This rank's share of an objective, by term before its weight, and of the penalty.
struct ObjectiveShares {
  std::array<double, kLossKinds.size()> terms{};
  double l2 = 0;
  double total = 0;  // weighted, penalty included

  double of(LossKind kind) const { return terms[static_cast<std::size_t>(kind)]; }
};

template <typename T>
class Objective {
 public:
  Objective(const Shard& shard, const Sampler& sampler, const LossOptions& options);

  // Draws the negatives of a step and plans the exchange of rows. The batch outlives the step.
  // Collective.
  void plan(std::uint64_t step, const Batch& batch);
  // The owned rows that any rank's terms read (ascending, distinct).
  std::span<const std::int32_t> rows() const;
  // Records all terms on the tape. output: of rows(). Collective.
  ObjectiveShares record(Tape<T>& tape, const typename Model<T>::TrainingOutput& output);

 private:
  // The batch's rows as its terms see them.
  struct BatchRows {
    Variable<T>& users;      // [n x dim]
    Variable<T>& positives;  // [n x dim]
    Variable<T>& pool;       // [pool x dim], the same on every rank
    Variable<T>& negatives;  // [n each x dim]
  };
  BatchRows split(Tape<T>& tape, Variable<T>& gathered) const;
  double record_term(LossKind kind, Tape<T>& tape, const BatchRows& rows) const;
  double record_l2(Tape<T>& tape, Variable<T>& initial);

  const Shard* shard_;
  const Sampler* sampler_;
  LossOptions options_;
  std::optional<ContrastiveTerm<T>> contrastive_;
  const Batch* batch_ = nullptr;
  std::vector<std::uint32_t> pool_, negatives_;
  std::optional<BatchGather> gather_;
  std::vector<std::int32_t> all_rows_;      // with those of the contrastive term; else unused
  std::vector<std::int32_t> batch_places_;  // among all_rows_, of the batch gather's
  std::vector<T> l2_factors_;
};

}  // namespace halorec
