#include "models/blended_scorer.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/row_length.hpp"
#include "models/mean_item_length.hpp"

namespace halorec {

BlendedScorer::BlendedScorer(const Shard& shard, MatrixView<const float> rows, ColdRows cold,
                             double log_popularity, std::shared_ptr<LikenessScorer> likeness,
                             bool likens_cold, double power)
    : Scorer(shard),
      by_rows_(shard, rows, cold, log_popularity),
      likeness_(std::move(likeness)),
      likens_cold_(likens_cold),
      power_(power),
      dim_(rows.cols),
      item_length_(mean_item_length(shard, rows)) {}

void BlendedScorer::pack_items(std::span<const std::int32_t> owned, float* out) const {
  const std::int64_t row_width = by_rows_.item_width(), list_width = likeness_->item_width();
  for (const std::int32_t& item : owned) {
    by_rows_.pack_items({&item, 1}, out);
    likeness_->pack_items({&item, 1}, out + row_width);
    out += row_width + list_width;
  }
}

void BlendedScorer::take_items(const ItemBlock& block) {
  Scorer::take_items(block);
  const MatrixView<const float>& all = block.rows;
  const std::int64_t row_width = by_rows_.item_width();
  by_rows_.take_items({block.items, {all.data, all.rows, row_width, all.stride}});
  likeness_->take_items(
      {block.items, {all.data + row_width, all.rows, all.cols - row_width, all.stride}});
}

std::int64_t BlendedScorer::scratch_size(std::int64_t num_people) const {
  return std::max(by_rows_.scratch_size(num_people), likeness_->scratch_size(num_people));
}

void BlendedScorer::score(std::span<const std::int32_t> people, std::int64_t first,
                          std::int64_t count, float* scratch, float* scores) const {
  by_rows_.score(people, first, count, scratch, scores);
  std::transform(people.begin(), people.end(), scratch, [this](std::int32_t person) {
    return static_cast<float>(item_length_ * row_length(by_rows_.row_of(person), dim_));
  });
  const std::span<const float> weights{scratch, people.size()};
  float* const rest = scratch + people.size();
  if (power_ == 1) {
    likeness_->add_scores(people, weights, first, count, rest, scores);
  } else {
    add_powers(people, weights, first, count, rest, scores);
  }
}

void BlendedScorer::add_powers(std::span<const std::int32_t> people, std::span<const float> weights,
                               std::int64_t first, std::int64_t count, float* scratch,
                               float* scores) const {
  constexpr float kOne = 1;
  thread_local std::vector<float> likeness;
  for (std::size_t p = 0; p < people.size(); ++p) {
    likeness.assign(static_cast<std::size_t>(count), 0.0F);
    likeness_->add_scores(people.subspan(p, 1), {&kOne, 1}, first, count, scratch, likeness.data());
    for (const float one : likeness) {
      if (one != 0) {
        const float raised = std::pow(std::abs(one), static_cast<float>(power_));
        *scores += weights[p] * std::copysign(raised, one);  // vectors may be unlike, too
      }
      ++scores;
    }
  }
}

void BlendedScorer::fold_in_guests() {
  by_rows_.set_guests(guests());
  likeness_->set_guests(guests());
}

std::optional<std::vector<RankedItem>> BlendedScorer::similar_items(const Catalogue& catalogue,
                                                                    std::uint32_t item,
                                                                    std::int64_t k) const {
  return by_rows_.similar_items(catalogue, item, k);
}

}  // namespace halorec
