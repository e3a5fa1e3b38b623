// What every model starts from: a row of its own for each node, and the rows of its features
// (DropoutNet, Volkovs et al., NeurIPS 2017; embedding bags). A node without training interactions
// has no row of its own, since none was ever learned: it is what its features and links make of it,
// and in training a share of the nodes is treated so (engine/id_dropout.hpp).
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "engine/id_dropout.hpp"
#include "engine/message_graph.hpp"
#include "engine/model.hpp"
#include "engine/ops/features.hpp"
#include "engine/row_length.hpp"
#include "models/mean_item_length.hpp"

namespace halorec {

template <typename T>
class NodeInputs {
 public:
  // Collective where there is side information.
  NodeInputs(const Shard& shard, const ModelOptions& options)
      : shard_(&shard),
        embeddings_("embeddings", false, shard.num_owned(), options.dim),
        id_dropout_(options.perturbation.id_dropout),
        seed_(options.perturbation.seed),
        rank_by_cosine_(options.rank_by_cosine),
        cold_level_(options.cold_level) {
    initialise_rows(shard, options.seed, options.initial_deviation, embeddings_.value);
    if (options.move_touched_rows_alone) embeddings_.move_touched_rows_alone();
    if (options.side == nullptr) return;
    if (options.side->map) map_ = &*options.side->map;
    if (options.side->enter_model()) take(*options.side, options);
  }

  std::vector<Parameter<T>*> parameters() {
    if (table_) return {&embeddings_, &*table_};
    return {&embeddings_};
  }

  // [num_owned x dim], owned rows. Does not communicate.
  Variable<T>& rows(Tape<T>& tape) { return rows(tape, keep_); }
  // The same in a training step, without the rows that it drops.
  Variable<T>& rows_in_training(Tape<T>& tape, const StepKey& key) {
    const auto dropout = dropped(key);
    if (!dropout) return rows(tape);
    step_keep_.clear();
    for (std::size_t r = 0; r < keep_.size(); ++r) step_keep_.push_back(kept(r, dropout));
    return rows(tape, step_keep_);
  }
  // The same of the listed owned rows alone, each once (as table_rows); neither work nor memory is
  // of all nodes.
  Variable<T>& listed_in_training(Tape<T>& tape, std::span<const std::int32_t> rows,
                                  const StepKey& key) {
    Variable<T>& own = table_rows(tape, embeddings_, rows);
    if (!has_side_) return own;
    const auto dropout = dropped(key);
    step_keep_.clear();
    for (const std::int32_t r : rows)
      step_keep_.push_back(kept(static_cast<std::size_t>(r), dropout));
    if (!features_) return keep_rows<T>(tape, step_keep_, own);
    listed_features_.emplace(features_->at(rows));
    return feature_sum<T>(tape, *listed_features_, step_keep_, own, on_tape(tape, *table_));
  }
  // The nodes that the step treats as new, if it does that.
  std::optional<IdDropout> dropped(const StepKey& key) const {
    if (id_dropout_ == 0 || !(kinds_[0] || kinds_[1])) return std::nullopt;
    return IdDropout(id_dropout_, kinds_, seed_, key.step);
  }

  // Of final rows: nodes that were never trained on and of which nothing is known get zeros; items
  // get length 1 where lists are by cosines; nodes that were never trained on
  // get those that their features map to, where that was asked for; and such items the length that
  // trained items have on average, times the level that was asked for. Collective.
  void finish(Matrix<float>& rows) const {
    if (has_side_) clear_unknown(rows);
    if (rank_by_cosine_) normalise_items(rows);
    if (map_ != nullptr) map_->fill_untrained(rows);
    const bool knows_items = kinds_[static_cast<std::size_t>(NodeKind::item)] ||
                             (map_ != nullptr && map_->maps(NodeKind::item));
    if (knows_items && cold_level_ != 0) level_cold_items(rows);
  }

 private:
  void clear_unknown(Matrix<float>& rows) const {
    for (std::int64_t r = 0; r < rows.rows(); ++r) {
      if (!is_trained(r) && covered_[static_cast<std::size_t>(r)] == 0) {
        std::fill_n(rows.row(r), rows.cols(), 0.0F);
      }
    }
  }

  // Items that were never trained on keep their length as a share of what trained ones have.
  void normalise_items(Matrix<float>& rows) const {
    const double mean = has_side_ ? mean_item_length(*shard_, rows.view()) : 1;
#pragma omp parallel for schedule(static)
    for (std::int64_t r = shard_->num_owned_users(); r < rows.rows(); ++r) {
      const double length = is_trained(r) ? row_length(rows.row(r), rows.cols()) : mean;
      if (length == 0) continue;
      for (std::int64_t c = 0; c < rows.cols(); ++c) {
        rows(r, c) = static_cast<float>(rows(r, c) / length);
      }
    }
  }

  void level_cold_items(Matrix<float>& rows) const {
    const double mean = mean_item_length(*shard_, rows.view());
    if (mean == 0) return;
    const double wanted = cold_level_ * mean;
    for (std::int64_t r = shard_->num_owned_users(); r < rows.rows(); ++r) {
      const double now = is_trained(r) ? 0 : row_length(rows.row(r), rows.cols());
      if (now == 0) continue;
      for (std::int64_t c = 0; c < rows.cols(); ++c) {
        rows(r, c) = static_cast<float>(rows(r, c) * wanted / now);
      }
    }
  }

  bool is_trained(std::int64_t row) const {
    return shard_->scale()[static_cast<std::size_t>(row)] != 0;
  }

  void take(const SideInputs& side, const ModelOptions& options) {
    has_side_ = true;
    const std::int64_t num_owned = shard_->num_owned();
    covered_.assign(static_cast<std::size_t>(num_owned), 0);
    if (side.features) {
      features_.emplace(side.features->row_begin, side.features->feature, side.features->value,
                        side.features->num_features);
      table_.emplace("features", true, features_->num_features(), options.dim);
      initialise_normal(options.seed, options.initial_deviation, *table_);
    }
    for (const Relation& relation : side.relations) {
      cover_linked(relation.edges, true);
      cover_linked(relation.untrained, false);
    }
    for (std::int64_t r = 0; r < num_owned; ++r) {
      bool covered = covered_[static_cast<std::size_t>(r)] != 0;
      covered = covered || (features_ && features_->has_row(r));
      for (const AttributeRelation& relation : side.attributes) {
        covered = covered || relation.scale[static_cast<std::size_t>(r)] != 0;
      }
      covered_[static_cast<std::size_t>(r)] = covered ? 1 : 0;
    }
    std::vector<std::int64_t> num_covered(kNumNodeKinds, 0);
    for (std::int64_t r = 0; r < num_owned; ++r) {
      num_covered[static_cast<std::size_t>(shard_->global_id(r).kind())] +=
          covered_[static_cast<std::size_t>(r)];
    }
    shard_->communicator().sum(std::span<std::int64_t>(num_covered));
    for (std::size_t k = 0; k < kinds_.size(); ++k) kinds_[k] = num_covered[k] > 0;
    for (std::int64_t r = 0; r < num_owned; ++r) keep_.push_back(is_trained(r) ? T{1} : T{0});
  }

  // Marks the trained nodes, or the others, that have a link of these to a trained one.
  void cover_linked(const Adjacency& edges, bool are_trained) {
    for (std::size_t r = 0; r < covered_.size(); ++r) {
      if (is_trained(static_cast<std::int64_t>(r)) != are_trained) continue;
      if (edges.local.row_begin[r + 1] > edges.local.row_begin[r] ||
          edges.cross.row_begin[r + 1] > edges.cross.row_begin[r]) {
        covered_[r] = 1;
      }
    }
  }

  // 1, or 0 of a node that has no row of its own, in this step or ever.
  T kept(std::size_t row, const std::optional<IdDropout>& dropout) const {
    const bool drops = dropout && covered_[row] != 0 &&
                       dropout->drops(shard_->global_id(static_cast<std::int64_t>(row)));
    return drops ? T{0} : keep_[row];
  }

  Variable<T>& rows(Tape<T>& tape, std::span<const T> keep) {
    Variable<T>& own = on_tape(tape, embeddings_);
    if (!has_side_) return own;
    if (!features_) return keep_rows(tape, keep, own);
    return feature_sum(tape, *features_, keep, own, on_tape(tape, *table_));
  }

  const Shard* shard_;
  Parameter<T> embeddings_;
  double id_dropout_;
  std::uint64_t seed_;
  bool rank_by_cosine_;
  double cold_level_;
  const FeatureMap* map_ = nullptr;
  std::optional<FeatureMatrix> features_, listed_features_;  // listed: of the step's rows
  std::optional<Parameter<T>> table_;                        // a row for each feature
  std::array<bool, kNumNodeKinds> kinds_{};  // of which anything is known, on any rank
  std::vector<char> covered_;                // owned rows of which it is
  bool has_side_ = false;                    // without it every node has its row and nothing else
  std::vector<T> keep_, step_keep_;          // 0: without the row of its own
};

}  // namespace halorec
