#include "engine/column_propagation.hpp"

#include <algorithm>
#include <numeric>

#include "comm/run_log.hpp"

namespace halorec {

template <typename T>
ColumnExchange<T>::ColumnExchange(const Shard& shard, const Shard& whole, std::int64_t dim)
    : communicator_(&shard.communicator()),
      rank_(shard.communicator().rank()),
      num_ranks_(shard.communicator().size()),
      dim_(dim) {
  const auto counts = communicator_->all_gather(shard.num_owned());
  owned_begin_.assign(static_cast<std::size_t>(num_ranks_) + 1, 0);
  std::partial_sum(counts.begin(), counts.end(), owned_begin_.begin() + 1);
  arrival_of_.resize(static_cast<std::size_t>(owned_begin_.back()));
  const auto note = [&](RowAddress in_whole, RowAddress address) {
    arrival_of_[static_cast<std::size_t>(in_whole.row)] =
        owned_begin_[static_cast<std::size_t>(address.owner)] + address.row;
  };
  for (std::uint32_t u = 0; u < shard.num_users(); ++u) {
    note(whole.address_of_user(u), shard.address_of_user(u));
  }
  for (std::uint32_t i = 0; i < shard.num_items(); ++i) {
    note(whole.address_of_item(i), shard.address_of_item(i));
  }
  node_of_arrival_.resize(arrival_of_.size());
  for (std::size_t v = 0; v < arrival_of_.size(); ++v) {
    node_of_arrival_[static_cast<std::size_t>(arrival_of_[v])] = static_cast<std::int64_t>(v);
  }
}

// Own rows [. x dim] to their columns' ranks; returns everybody's rows of this rank's columns,
// dense, in the order of `begin`.
template <typename T>
std::vector<T> ColumnExchange<T>::send_columns(MatrixView<const T> rows, const Begin& begin) const {
  HALOREC_ASSERT_LIGHT(rows.cols == dim_ || rows.rows == 0);
  std::vector<T> outgoing(static_cast<std::size_t>(rows.rows * dim_));
  std::vector<std::int64_t> counts;
  for (int r = 0; r < num_ranks_; ++r) {
    const std::int64_t first = column_begin(r), width = column_begin(r + 1) - first;
    T* to = outgoing.data() + rows.rows * first;
#pragma omp parallel for schedule(static)
    for (std::int64_t k = 0; k < rows.rows; ++k) {
      std::copy_n(rows.row(k) + first, width, to + k * width);
    }
    counts.push_back(rows.rows * width);
  }
  auto arrived = communicator_->all_to_all<T>(outgoing, counts);
  HALOREC_ASSERT_LIGHT(std::ssize(arrived) == begin.back() * num_columns());
  return arrived;
}

// Rows of this rank's columns, dense, in the order of `begin`, to the rows' owners; returns own
// rows as one dense block [. x width] for each rank's columns.
template <typename T>
std::vector<T> ColumnExchange<T>::send_home(std::vector<T> by_owner, const Begin& begin) const {
  std::vector<std::int64_t> counts;
  for (int r = 0; r < num_ranks_; ++r) {
    const auto i = static_cast<std::size_t>(r);
    counts.push_back((begin[i + 1] - begin[i]) * num_columns());
  }
  return communicator_->all_to_all<T>(by_owner, counts);
}

template <typename T>
void ColumnExchange<T>::to_columns(MatrixView<const T> owned, MatrixView<T> block) {
  const auto arrived = send_columns(owned, owned_begin_);
  const std::int64_t width = num_columns();
#pragma omp parallel for schedule(static)
  for (std::int64_t v = 0; v < block.rows; ++v) {
    std::copy_n(arrived.data() + arrival_of_[static_cast<std::size_t>(v)] * width, width,
                block.row(v));
  }
}

template <typename T>
void ColumnExchange<T>::add_from_columns(MatrixView<const T> block, MatrixView<T> owned) {
  const std::int64_t width = num_columns();
  std::vector<T> by_owner(static_cast<std::size_t>(block.rows * width));
#pragma omp parallel for schedule(static)
  for (std::int64_t k = 0; k < block.rows; ++k) {
    std::copy_n(block.row(node_of_arrival_[static_cast<std::size_t>(k)]), width,
                by_owner.data() + k * width);
  }
  const auto arrived = send_home(std::move(by_owner), owned_begin_);
  for (int r = 0; r < num_ranks_; ++r) {
    const std::int64_t first = column_begin(r), columns = column_begin(r + 1) - first;
    const T* from = arrived.data() + owned.rows * first;
#pragma omp parallel for schedule(static)
    for (std::int64_t k = 0; k < owned.rows; ++k) {
      for (std::int64_t c = 0; c < columns; ++c) owned(k, first + c) += from[k * columns + c];
    }
  }
}

template <typename T>
void ColumnExchange<T>::demand(std::span<const std::int32_t> rows) {
  std::vector<std::int32_t> own;
  for (const std::int32_t row : rows) {
    const std::int64_t at = owned_begin_[static_cast<std::size_t>(rank_)] + row;
    own.push_back(static_cast<std::int32_t>(node_of_arrival_[static_cast<std::size_t>(at)]));
  }
  std::vector<std::int64_t> counts;
  const auto arrived = communicator_->all_gather(std::span<const std::int32_t>(own), &counts);
  demanded_begin_.assign(static_cast<std::size_t>(num_ranks_) + 1, 0);
  std::partial_sum(counts.begin(), counts.end(), demanded_begin_.begin() + 1);
  demanded_arrival_of_.resize(arrived.size());
  std::iota(demanded_arrival_of_.begin(), demanded_arrival_of_.end(), std::int64_t{0});
  std::sort(demanded_arrival_of_.begin(), demanded_arrival_of_.end(),
            [&](std::int64_t a, std::int64_t b) {
              return arrived[static_cast<std::size_t>(a)] < arrived[static_cast<std::size_t>(b)];
            });
  demanded_.clear();
  for (const std::int64_t k : demanded_arrival_of_) {
    demanded_.push_back(arrived[static_cast<std::size_t>(k)]);
  }
}

template <typename T>
void ColumnExchange<T>::demanded_to_columns(MatrixView<const T> rows, MatrixView<T> block) {
  const auto arrived = send_columns(rows, demanded_begin_);
  const std::int64_t width = num_columns();
  for (std::int64_t k = 0; k < block.rows; ++k) {
    std::copy_n(arrived.data() + demanded_arrival_of_[static_cast<std::size_t>(k)] * width, width,
                block.row(k));
  }
}

template <typename T>
void ColumnExchange<T>::demanded_from_columns(MatrixView<const T> block, MatrixView<T> rows) {
  const std::int64_t width = num_columns();
  std::vector<T> by_owner(static_cast<std::size_t>(block.rows * width));
  for (std::int64_t k = 0; k < block.rows; ++k) {
    std::copy_n(block.row(k), width,
                by_owner.data() + demanded_arrival_of_[static_cast<std::size_t>(k)] * width);
  }
  const auto arrived = send_home(std::move(by_owner), demanded_begin_);
  for (int r = 0; r < num_ranks_; ++r) {
    const std::int64_t first = column_begin(r), columns = column_begin(r + 1) - first;
    const T* from = arrived.data() + rows.rows * first;
    for (std::int64_t k = 0; k < rows.rows; ++k) {
      std::copy_n(from + k * columns, columns, rows.row(k) + first);
    }
  }
}

ExchangeCost exchange_cost(const Shard& shard, std::int64_t num_layers, std::int64_t dim) {
  Communicator& communicator = shard.communicator();
  const CoveredHalo covered = cover_halo(shard.interactions());
  // A layer sends each covered node's row one way and a sum the other way.
  const std::int64_t sent = std::ssize(covered.plan.send_rows()) + covered.plan.num_ghosts();
  ExchangeSizes sizes;
  sizes.num_nodes = static_cast<double>(shard.num_users()) + static_cast<double>(shard.num_items());
  sizes.num_edges = static_cast<double>(shard.num_edges());
  sizes.num_ranks = communicator.size();
  sizes.num_layers = num_layers;
  sizes.dim = dim;
  sizes.hybrid_vectors = static_cast<double>(communicator.sum(sent)) / sizes.num_nodes;
  return exchange_cost(sizes);
}

ExchangeCost exchange_cost(const ExchangeSizes& sizes) {
  constexpr double kEdgeBytes = 128, kTravelWeight = 8;
  const auto ranks = static_cast<double>(sizes.num_ranks);
  const auto layers = static_cast<double>(std::max<std::int64_t>(1, sizes.num_layers));
  const double row_bytes = 4 * static_cast<double>(sizes.dim);
  ExchangeCost cost;
  cost.hybrid_vectors = 2 * (layers - 1) * sizes.hybrid_vectors;
  cost.column_vectors = 2 * (ranks - 1) / ranks;
  // A layer forward and one backward, both ends of each edge; of the last, few rows.
  const double edges = (2 * layers - 1) * 2 * sizes.num_edges;
  const double travel = kTravelWeight * row_bytes * sizes.num_nodes / ranks;
  cost.hybrid_bytes = edges / ranks * (row_bytes + kEdgeBytes) + travel * cost.hybrid_vectors;
  cost.column_bytes = edges * (row_bytes / ranks + kEdgeBytes) + travel * cost.column_vectors;
  return cost;
}

bool columns_may_pay(std::uint64_t num_edges, std::int64_t num_ranks, double memory_bytes,
                     std::int64_t dim, std::int64_t num_layers) {
  constexpr std::int64_t kCacheLineFloats = 16;
  constexpr double kBytesPerEdge = 12;  // two ends in the matrix, one in the users' lists
  constexpr double kMemoryShare = 1.0 / 8;
  const bool fits = kBytesPerEdge * static_cast<double>(num_edges) <= kMemoryShare * memory_bytes;
  return fits && num_layers >= 2 && dim / num_ranks >= kCacheLineFloats;
}

bool columns_may_pay(const Shard& shard, std::int64_t dim, std::int64_t num_layers) {
  Communicator& communicator = shard.communicator();
  const auto memory = static_cast<double>(host_memory_bytes());
  MPI_Comm host = MPI_COMM_NULL;
  int ranks_here = 1;
  check_mpi(
      MPI_Comm_split_type(communicator.handle(), MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &host),
      "MPI_Comm_split_type");
  check_mpi(MPI_Comm_size(host, &ranks_here), "MPI_Comm_size");
  check_mpi(MPI_Comm_free(&host), "MPI_Comm_free");
  const bool pays =
      columns_may_pay(shard.num_edges(), communicator.size(), memory / ranks_here, dim, num_layers);
  return communicator.min(pays ? 1 : 0) == 1;
}

template class ColumnExchange<float>;
template class ColumnExchange<double>;

}  // namespace halorec
