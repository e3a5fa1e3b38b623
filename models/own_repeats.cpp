#include "models/own_repeats.hpp"

#include <algorithm>

#include "engine/row_length.hpp"
#include "models/mean_item_length.hpp"

namespace halorec {

OwnRepeats::OwnRepeats(const InteractionFacts& facts, double half_life_seconds, double weight)
    : newest_(static_cast<float>(weight)) {
  for (std::int64_t row = 0; row < facts.shard().num_owned_users(); ++row) {
    for (const std::int64_t time : facts.of_user(row).time) {
      const auto age = static_cast<double>(facts.last_time() - time);
      own_.push_back(static_cast<float>(weight * decayed(age, half_life_seconds)));
    }
    begin_.push_back(std::ssize(own_));
  }
}

void OwnRepeats::add_scores(const Scorer& scorer, std::int32_t person,
                            std::span<const std::uint32_t> items, double unit,
                            float* scores) const {
  const auto history = scorer.history_of(person);
  const bool is_guest = person >= scorer.shard().num_owned_users();
  const float* own = is_guest ? nullptr : own_.data() + begin_[static_cast<std::size_t>(person)];
  auto at = items.begin();
  for (std::size_t e = 0; e < history.size(); ++e) {
    at = std::lower_bound(at, items.end(), history[e]);
    if (at == items.end()) return;
    if (*at != history[e]) continue;
    float& score = scores[at - items.begin()];
    score += static_cast<float>(unit * static_cast<double>(is_guest ? newest_ : own[e]));
  }
}

RepeatScorer::RepeatScorer(const Shard& shard, MatrixView<const float> rows,
                           std::unique_ptr<Scorer> base, const EmbeddingScorer& by_rows,
                           std::shared_ptr<const OwnRepeats> repeats)
    : Scorer(shard),
      base_(std::move(base)),
      by_rows_(&by_rows),
      repeats_(std::move(repeats)),
      dim_(rows.cols),
      item_length_(mean_item_length(shard, rows)) {}

void RepeatScorer::take_items(const ItemBlock& block) {
  Scorer::take_items(block);
  base_->take_items(block);
}

void RepeatScorer::score(std::span<const std::int32_t> people, std::int64_t first,
                         std::int64_t count, float* scratch, float* scores) const {
  base_->score(people, first, count, scratch, scores);
  const auto items =
      block().items.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
  for (const std::int32_t person : people) {
    const double unit = item_length_ * row_length(by_rows_->row_of(person), dim_);
    repeats_->add_scores(*this, person, items, unit, scores);
    scores += count;
  }
}

}  // namespace halorec
