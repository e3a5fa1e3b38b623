#include "engine/contrastive_term.hpp"

#include <algorithm>
#include <numeric>

#include "engine/ops/losses.hpp"
#include "engine/ops/pointwise_losses.hpp"
#include "engine/ops/rows.hpp"

namespace halorec {
namespace {

// The distinct numbers of all ranks, ascending. Collective.
std::vector<std::uint32_t> distinct(Communicator& communicator,
                                    const std::vector<std::uint32_t>& own) {
  auto all = communicator.all_gather(std::span<const std::uint32_t>(own));
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

// Nodes [first, first + count) of both views, this rank's part of them against all. Rows are
// normalised: cosines.
template <typename T>
double info_nce(Tape<T>& tape, const Communicator& communicator, Variable<T>& first_view,
                Variable<T>& second_view, std::int64_t first, std::int64_t count, double tau) {
  const std::int64_t begin = count * communicator.rank() / communicator.size();
  const std::int64_t end = count * (communicator.rank() + 1) / communicator.size();
  // A node's own row of the other view is the positive, and one of the pool: nothing is left out.
  const std::vector<std::span<const std::uint32_t>> left_out(static_cast<std::size_t>(end - begin));
  std::vector<std::uint32_t> names(static_cast<std::size_t>(count));
  std::iota(names.begin(), names.end(), 0U);
  return softmax_loss(tape, row_range(tape, first_view, first + begin, end - begin),
                      row_range(tape, second_view, first + begin, end - begin),
                      row_range(tape, second_view, first, count), left_out, names, {tau}, count);
}

}  // namespace

std::vector<std::int32_t> places_in(std::span<const std::int32_t> all,
                                    std::span<const std::int32_t> rows) {
  std::vector<std::int32_t> places;
  places.reserve(rows.size());
  auto at = all.begin();
  for (const std::int32_t row : rows) {
    at = std::lower_bound(at, all.end(), row);
    HALOREC_ASSERT_LIGHT(at != all.end() && *at == row);
    places.push_back(static_cast<std::int32_t>(at - all.begin()));
  }
  return places;
}

template <typename T>
ContrastiveTerm<T>::ContrastiveTerm(const Shard& shard, const LossOptions& options)
    : shard_(&shard),
      temperature_(options.contrastive_temperature),
      num_positions_(options.contrastive_pool) {}

template <typename T>
void ContrastiveTerm<T>::plan(const Batch& batch) {
  std::vector<std::uint32_t> users, items;
  for (std::int64_t k = 0; k < batch.size(); ++k) {
    const auto i = static_cast<std::size_t>(k);
    if (batch.positions[i] >= num_positions_) break;  // they ascend
    users.push_back(shard_->owned_users()[static_cast<std::size_t>(batch.user_rows[i])]);
    items.push_back(batch.items[i]);
  }
  users = distinct(shard_->communicator(), users);
  items = distinct(shard_->communicator(), items);
  num_users_ = std::ssize(users);
  num_items_ = std::ssize(items);
  std::vector<RowAddress> wanted;
  for (const std::uint32_t u : users) wanted.push_back(shard_->address_of_user(u));
  for (const std::uint32_t i : items) wanted.push_back(shard_->address_of_item(i));
  gather_.emplace(shard_->communicator(), wanted);
}

template <typename T>
double ContrastiveTerm<T>::record(Tape<T>& tape, Variable<T>& first_view, Variable<T>& second_view,
                                  std::span<const std::int32_t> all_rows, double weight) {
  places_ = places_in(all_rows, rows());
  const auto fetch = [&](Variable<T>& view) -> Variable<T>& {
    Variable<T>& gathered = gather_rows(tape, *gather_, select_rows(tape, view, places_));
    return normalise_rows(tape, weigh_gradient(tape, gathered, static_cast<T>(weight)));
  };
  Variable<T>& first = fetch(first_view);
  Variable<T>& second = fetch(second_view);
  const Communicator& communicator = shard_->communicator();
  return info_nce(tape, communicator, first, second, 0, num_users_, temperature_) +
         info_nce(tape, communicator, first, second, num_users_, num_items_, temperature_);
}

template class ContrastiveTerm<float>;
template class ContrastiveTerm<double>;

}  // namespace halorec
