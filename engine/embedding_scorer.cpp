#include "engine/embedding_scorer.hpp"

#include <algorithm>
#include <cmath>

#include "engine/kernels/ordered_products.hpp"
#include "engine/ranking.hpp"
#include "engine/row_length.hpp"

namespace halorec {
namespace {

// The nearest items as a ranking of their own: one guest with the item's row, items of length 1.
class CosineScorer final : public Scorer {
 public:
  CosineScorer(const Shard& shard, Matrix<float> item_rows, std::vector<float> target)
      : Scorer(shard), item_rows_(std::move(item_rows)), target_(std::move(target)) {}

  std::int64_t item_width() const override { return item_rows_.cols(); }
  void pack_items(std::span<const std::int32_t> owned, float* out) const override {
    for (const std::int32_t i : owned) {
      out = std::copy(item_rows_.row(i), item_rows_.row(i) + item_rows_.cols(), out);
    }
  }
  void score(std::span<const std::int32_t> people, std::int64_t first, std::int64_t count, float*,
             float* scores) const override {
    for (std::size_t p = 0; p < people.size(); ++p) {
      for (std::int64_t i = 0; i < count; ++i) {
        const float* row = block().rows.row(first + i);
        double sum = 0;
        for (std::size_t c = 0; c < target_.size(); ++c) {
          sum += static_cast<double>(target_[c]) * static_cast<double>(row[c]);
        }
        *scores++ = static_cast<float>(sum);
      }
    }
  }
  bool serves_cold(std::int64_t /*person*/) const override { return true; }

 private:
  void fold_in_guests() override {}

  Matrix<float> item_rows_;  // [owned items x dim]
  std::vector<float> target_;
};

float log_popularity_of(const Scorer& scorer, std::int64_t owned_item) {
  const std::uint32_t item = scorer.shard().owned_items()[static_cast<std::size_t>(owned_item)];
  return std::log(std::max(1.0F, scorer.popularity_of(item)));
}

// Scales a row to length 1; a row of zeros stays as it is.
void normalise(float* row, std::int64_t dim) {
  double squares = 0;
  for (std::int64_t c = 0; c < dim; ++c) squares += static_cast<double>(row[c]) * row[c];
  const auto scale = static_cast<float>(squares > 0 ? 1.0 / std::sqrt(squares) : 0.0);
  for (std::int64_t c = 0; c < dim; ++c) row[c] *= scale;
}

}  // namespace

EmbeddingScorer::EmbeddingScorer(const Shard& shard, MatrixView<const float> rows, ColdRows cold,
                                 double log_popularity)
    : Scorer(shard), rows_(rows), cold_(cold), log_popularity_(log_popularity) {
  HALOREC_ASSERT_LIGHT(rows.rows == shard.num_owned());
}

bool EmbeddingScorer::serves_cold(std::int64_t person) const {
  const bool is_guest = person >= shard().num_owned_users();
  if (is_guest ? !cold_.items : !cold_.users) return false;
  const float* row = row_of(static_cast<std::int32_t>(person));
  return std::any_of(row, row + rows_.cols, [](float number) { return number != 0; });
}

std::vector<std::uint32_t> EmbeddingScorer::unknown_items() const {
  if (!cold_.items) return {};
  std::vector<std::uint32_t> own;
  for (std::int64_t i = 0; i < shard().num_owned_items(); ++i) {
    const std::uint32_t item = shard().owned_items()[static_cast<std::size_t>(i)];
    const float* row = rows_.row(shard().num_owned_users() + i);
    const bool is_zero = std::all_of(row, row + rows_.cols, [](float x) { return x == 0; });
    if (is_zero && shard().item_degree(item) == 0) own.push_back(item);
  }
  auto all = shard().communicator().all_gather(std::span<const std::uint32_t>(own));
  std::sort(all.begin(), all.end());
  return all;
}

void EmbeddingScorer::pack_items(std::span<const std::int32_t> owned, float* out) const {
  for (const std::int32_t i : owned) {
    const float* row = rows_.row(shard().num_owned_users() + i);
    out = std::copy(row, row + rows_.cols, out);
    if (log_popularity_ != 0) {
      *out++ = log_popularity_of(*this, i);
    }
  }
}

void EmbeddingScorer::take_items(const ItemBlock& block) {
  Scorer::take_items(block);
  const MatrixView<const float>& rows = block.rows;
  columns_.resize(static_cast<std::size_t>(rows.rows * item_width() + kernels::kReadBehind));
  kernels::transpose(rows.rows, item_width(), rows.data, rows.stride, columns_.data(), rows.rows);
}

void EmbeddingScorer::score(std::span<const std::int32_t> people, std::int64_t first,
                            std::int64_t count, float* scratch, float* scores) const {
  float* packed = scratch;
  for (const std::int32_t person : people) {
    const float* row = row_of(person);
    packed = std::copy(row, row + rows_.cols, packed);
    if (log_popularity_ != 0) {
      *packed++ = static_cast<float>(log_popularity_ * row_length(row, rows_.cols));
    }
  }
  kernels::ordered_products(std::ssize(people), count, item_width(), scratch,
                            columns_.data() + first, block().rows.rows, scores);
}

void EmbeddingScorer::fold_in_guests() {
  guest_rows_ = Matrix<float>(num_guests(), rows_.cols);
  std::vector<double> sums(static_cast<std::size_t>(guest_rows_.size()), 0.0);
  const int rank = shard().communicator().rank();
  for (std::int64_t g = 0; g < num_guests(); ++g) {
    const auto& history = guests()[static_cast<std::size_t>(g)];
    const auto has_row = [&](std::uint32_t item) {
      return cold_.items || shard().item_degree(item) > 0;
    };
    const auto num_known = std::count_if(history.begin(), history.end(), has_row);
    for (const std::uint32_t item : history) {
      const RowAddress address = shard().address_of_item(item);
      if (address.owner != rank || !has_row(item)) continue;
      const double degree = std::max(shard().item_degree(item), 1U);
      const double scale = 1.0 / std::sqrt(static_cast<double>(num_known) * degree);
      for (std::int64_t c = 0; c < rows_.cols; ++c) {
        sums[static_cast<std::size_t>(g * rows_.cols + c)] +=
            scale * static_cast<double>(rows_(address.row, c));
      }
    }
  }
  shard().communicator().sum(std::span<double>(sums));
  std::transform(sums.begin(), sums.end(), guest_rows_.data(),
                 [](double sum) { return static_cast<float>(sum); });
}

std::optional<std::vector<RankedItem>> EmbeddingScorer::similar_items(const Catalogue& catalogue,
                                                                      std::uint32_t item,
                                                                      std::int64_t k) const {
  Communicator& communicator = shard().communicator();
  Matrix<float> item_rows(shard().num_owned_items(), rows_.cols);
  for (std::int64_t i = 0; i < item_rows.rows(); ++i) {
    const float* row = rows_.row(shard().num_owned_users() + i);
    std::copy(row, row + rows_.cols, item_rows.row(i));
    normalise(item_rows.row(i), rows_.cols);
  }
  std::vector<float> target(static_cast<std::size_t>(rows_.cols));
  const RowAddress address = shard().address_of_item(item);
  if (address.owner == communicator.rank()) {
    const float* row = item_rows.row(address.row - shard().num_owned_users());
    std::copy(row, row + rows_.cols, target.begin());
  }
  communicator.broadcast(std::span<float>(target), address.owner);

  Catalogue others = catalogue;
  others.remove({&item, 1});
  CosineScorer scorer(shard(), std::move(item_rows), std::move(target));
  scorer.set_guests({{}});
  const auto guest = static_cast<std::int32_t>(shard().num_owned_users());
  RankingQuery query;
  query.k = k;
  query.people = {&guest, 1};
  const RankedLists lists = rank_items(scorer, others, query);
  return std::vector<RankedItem>(lists.of(0).begin(), lists.of(0).end());
}

Matrix<float> rows_with_popularity(const Scorer& scorer, MatrixView<const float> rows,
                                   double log_popularity) {
  Matrix<float> wide(rows.rows, rows.cols + 1);
  for (std::int64_t r = 0; r < rows.rows; ++r) {
    const float* row = rows.row(r);
    std::copy(row, row + rows.cols, wide.row(r));
    const std::int64_t item = r - scorer.shard().num_owned_users();
    wide(r, rows.cols) = item < 0 ? static_cast<float>(log_popularity * row_length(row, rows.cols))
                                  : log_popularity_of(scorer, item);
  }
  return wide;
}

}  // namespace halorec
