// A user's own items once more: where people take the same things again, the best guess is often
// what they took before, the newest first, and rows of few numbers do not remember each item. To
// the score of an item that the user has taken is added
//   r 2^-((T - t_ui) / h),
// in units that the scorer chooses: of the most popular item (baselines/recent.hpp), or of the
// cosine in lists of a trained model (RepeatScorer). r and h are chosen on validation.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/embedding_scorer.hpp"
#include "partition/interaction_facts.hpp"

namespace halorec {

class OwnRepeats {
 public:
  // weight: r. Of data without times, or with an infinite half-life, own items count alike. Does
  // not communicate.
  OwnRepeats(const InteractionFacts& facts, double half_life_seconds, double weight);

  // Adds unit times the term to the scores of `items` (ascending) that the person, a row of
  // `scorer`, has taken. A guest's history has no times: as if just taken.
  void add_scores(const Scorer& scorer, std::int32_t person, std::span<const std::uint32_t> items,
                  double unit, float* scores) const;

 private:
  // r 2^-((T - t) / h) of each interaction of the owned users, as Shard::items_of lists them.
  std::vector<std::int64_t> begin_{0};
  std::vector<float> own_;
  float newest_;
};

// Lists of a trained model with that term: score(u, i) + l |x_u| r 2^-((T - t_ui) / h), l the mean
// length of trained items' rows.
class RepeatScorer final : public Scorer {
 public:
  // rows: those of `base`, which has them as `by_rows`. Collective.
  RepeatScorer(const Shard& shard, MatrixView<const float> rows, std::unique_ptr<Scorer> base,
               const EmbeddingScorer& by_rows, std::shared_ptr<const OwnRepeats> repeats);

  std::int64_t item_width() const override { return base_->item_width(); }
  void pack_items(std::span<const std::int32_t> owned, float* out) const override {
    base_->pack_items(owned, out);
  }
  void take_items(const ItemBlock& block) override;
  std::int64_t scratch_size(std::int64_t num_people) const override {
    return base_->scratch_size(num_people);
  }
  void score(std::span<const std::int32_t> people, std::int64_t first, std::int64_t count,
             float* scratch, float* scores) const override;
  bool serves_cold(std::int64_t person) const override { return base_->serves_cold(person); }
  void set_popularity(std::shared_ptr<const std::vector<float>> popularity) override {
    Scorer::set_popularity(popularity);
    base_->set_popularity(std::move(popularity));
  }
  std::vector<std::uint32_t> unknown_items() const override { return base_->unknown_items(); }
  bool serves_cold_items() const override { return base_->serves_cold_items(); }
  std::optional<std::vector<RankedItem>> similar_items(const Catalogue& catalogue,
                                                       std::uint32_t item,
                                                       std::int64_t k) const override {
    return base_->similar_items(catalogue, item, k);
  }

 private:
  void fold_in_guests() override { base_->set_guests(guests()); }

  std::unique_ptr<Scorer> base_;
  const EmbeddingScorer* by_rows_;
  std::shared_ptr<const OwnRepeats> repeats_;
  std::int64_t dim_;
  double item_length_;  // l
};

}  // namespace halorec
