// Lists of a trained model in which what items are like counts beside their rows:
//   score(u, i) = <x_u, x_i> + l |x_u| likeness(u, i)^p
// l is the mean length of trained items' rows, so that likeness, which lies between 0 and
// what its kind of item was given (LikenessScorer::scale_to), is in units of the cosine: to weigh w
// for a kind, w^(1/p). Likeness is the share of the items most like i that u has taken, or the
// cosine of i with u's profile. With p below 1 the first such item counts more than any further:
// that u took one says what u likes, that u took several how much u takes. Rows of few
// numbers know what a user likes, but not each item that a user took: near twins of one are found
// by likeness, and items without training interactions by nothing else where the model has no
// features.
#pragma once

#include <memory>

#include "engine/embedding_scorer.hpp"
#include "models/baselines/likeness_scorer.hpp"

namespace halorec {

class BlendedScorer final : public Scorer {
 public:
  // rows, cold, log_popularity: as EmbeddingScorer takes them. likeness: scaled; `likens_cold`
  // tells whether that of items without training interactions is above 0. power: p, above 0.
  // Collective.
  BlendedScorer(const Shard& shard, MatrixView<const float> rows, ColdRows cold,
                double log_popularity, std::shared_ptr<LikenessScorer> likeness, bool likens_cold,
                double power = 1);

  std::int64_t item_width() const override {
    return by_rows_.item_width() + likeness_->item_width();
  }
  void pack_items(std::span<const std::int32_t> owned, float* out) const override;
  void take_items(const ItemBlock& block) override;
  std::int64_t scratch_size(std::int64_t num_people) const override;
  void score(std::span<const std::int32_t> people, std::int64_t first, std::int64_t count,
             float* scratch, float* scores) const override;

  const EmbeddingScorer& by_rows() const { return by_rows_; }
  bool serves_cold(std::int64_t person) const override { return by_rows_.serves_cold(person); }
  void set_popularity(std::shared_ptr<const std::vector<float>> popularity) override {
    Scorer::set_popularity(popularity);
    by_rows_.set_popularity(std::move(popularity));
  }
  std::vector<std::uint32_t> unknown_items() const override {
    return likens_cold_ ? std::vector<std::uint32_t>() : by_rows_.unknown_items();
  }
  bool serves_cold_items() const override { return likens_cold_ || by_rows_.serves_cold_items(); }

  // By the cosine of item rows.
  std::optional<std::vector<RankedItem>> similar_items(const Catalogue& catalogue,
                                                       std::uint32_t item,
                                                       std::int64_t k) const override;

 private:
  void fold_in_guests() override;
  // As add_scores of likeness_, but of its power.
  void add_powers(std::span<const std::int32_t> people, std::span<const float> weights,
                  std::int64_t first, std::int64_t count, float* scratch, float* scores) const;

  EmbeddingScorer by_rows_;
  std::shared_ptr<LikenessScorer> likeness_;
  bool likens_cold_;
  double power_;
  std::int64_t dim_;
  double item_length_;  // l
};

}  // namespace halorec
