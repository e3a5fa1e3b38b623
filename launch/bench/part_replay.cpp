#include "launch/bench/part_replay.hpp"

#include <omp.h>

#include <algorithm>
#include <barrier>
#include <exception>
#include <numeric>
#include <thread>

#include "comm/communicator.hpp"
#include "engine/optimizer.hpp"
#include "engine/parallel.hpp"
#include "engine/sparse_product.hpp"
#include "launch/bench/statistics.hpp"

namespace halorec {
namespace {

// Which rows of a part travel, and which of its cross edges are met here.
class PartBoundary {
 public:
  PartBoundary(const PartShard& shard, const ReplayOptions& options)
      : shard_(shard),
        options_(options),
        is_hybrid_(options.exchange == ExchangePlan::hybrid),
        wire_(options.store == RowStorage::bf16 ? WireFormat::bf16 : options.wire) {
    if (is_hybrid_) {
      CoveredBoundary covered =
          cover_boundary({shard.part, shard.num_owned(), &shard.cross, &shard.cross_transposed,
                          shard.send_rows, shard.send_begin, shard.receive_begin});
      send_rows_ = std::move(covered.send_rows);
      num_ghosts_ = covered.receive_begin.back();
      gathered_ = std::move(covered.gathered);
      partial_ = std::move(covered.partial);
    } else {
      send_rows_ = shard.send_rows;
      num_ghosts_ = shard.num_ghosts();
      gathered_ = shard.cross;
    }
  }

  bool is_hybrid() const { return is_hybrid_; }
  WireFormat wire() const { return wire_; }
  std::int64_t row_bytes() const { return wire_row_bytes<float>(wire_, options_.dim); }
  const std::vector<std::int32_t>& send_rows() const { return send_rows_; }
  std::int64_t num_sent() const { return std::ssize(send_rows_); }
  std::int64_t num_ghosts() const { return num_ghosts_; }
  const Csr& gathered() const { return gathered_; }
  const Csr& partial() const { return partial_; }

  // All but the times.
  PartFigures counts() const {
    PartFigures figures;
    figures.part = shard_.part;
    figures.replayed = false;
    figures.owned = shard_.num_owned();
    figures.ghosts = shard_.num_ghosts();
    figures.nonzeros = shard_.num_nonzeros();
    figures.cross_nonzeros = shard_.cross.num_nonzeros();
    figures.interactions = shard_.interactions;
    // Rows each way: a hybrid plan sends rows one way and sums the other.
    figures.exchanged_rows =
        is_hybrid_ ? num_sent() + num_ghosts_ : std::max(num_sent(), num_ghosts_);
    // Rows that arrive, sums for other ranks, sums that arrive; what is packed leaves in pieces.
    figures.buffer_rows =
        2 * num_ghosts_ + (is_hybrid_ ? num_sent() : 0) +
        std::min(num_sent(), kHaloBufferBytes / (options_.dim * std::int64_t{sizeof(float)}));
    // Rows stored beside the others are half as wide.
    if (options_.store == RowStorage::bf16) figures.buffer_rows += (shard_.num_owned() + 1) / 2;
    figures.messages =
        (is_hybrid_ ? 2 : 1) * shard_.num_peers() + num_sent() * row_bytes() / kHaloPieceBytes;
    return figures;
  }

 private:
  const PartShard& shard_;
  ReplayOptions options_;
  bool is_hybrid_;
  WireFormat wire_;
  std::vector<std::int32_t> send_rows_;
  std::int64_t num_ghosts_ = 0;
  Csr gathered_, partial_;
};

// The compute of a product of all rows on one rank, y of x, in the pieces between which messages
// travel: what Propagation does, without the messages.
class PartProduct {
 public:
  PartProduct(const PartShard& shard, const ReplayOptions& options)
      : shard_(shard),
        boundary_(shard, options),
        stores_bf16_(options.store == RowStorage::bf16),
        ghosts_(boundary_.num_ghosts(), options.dim),
        sums_(boundary_.num_ghosts(), options.dim),
        packed_(static_cast<std::size_t>(boundary_.num_sent() * boundary_.row_bytes())),
        local_chunks_(shard.local),
        partial_chunks_(boundary_.partial()) {
    const Csr& gathered = boundary_.gathered();
    for (std::size_t row = 0; row + 1 < gathered.row_begin.size(); ++row) {
      if (gathered.row_begin[row] != gathered.row_begin[row + 1]) {
        gathered_rows_.push_back(static_cast<std::int32_t>(row));
      }
    }
    gathered_chunks_ = RowChunks(gathered, gathered_rows_);
    ghosts_.fill(0.01F);
  }

  PartFigures counts() const { return boundary_.counts(); }

  // What the calls below read and write; neither is owned.
  void set(const Matrix<float>& x, Matrix<float>& y) {
    x_ = &x;
    y_ = &y;
  }

  void pack() {
    const auto& rows = boundary_.send_rows();
    const std::int64_t row_bytes = boundary_.row_bytes();
#pragma omp parallel for schedule(static)
    for (std::int64_t k = 0; k < std::ssize(rows); ++k) {
      const std::int32_t row = rows[static_cast<std::size_t>(k)];
      pack_row<float>(boundary_.wire(), 0, x_->row(row),
                      shard_.scale[static_cast<std::size_t>(row)], x_->cols(),
                      packed_.data() + k * row_bytes);
    }
  }
  // What arrives of partial sums; row after row of one rank, as the exchange adds them.
  void unpack() {
    if (!boundary_.is_hybrid()) return;
    const std::byte* from = packed_.data();
    for (const std::int32_t row : boundary_.send_rows()) {
      add_row<float>(boundary_.wire(), from, shard_.scale[static_cast<std::size_t>(row)],
                     y_->cols(), y_->row(row));
      from += boundary_.row_bytes();
    }
  }
  // What own edges and those of the sums read.
  void store() {
    if (stores_bf16_) store_rows(shard_.scale, x_->view(), stored_);
  }
  void local() {
    auto what = of_owned(*y_);
    what.row_scale = shard_.scale.data();
    product_.run(shard_.local, local_chunks_, what);
  }
  // The sums for other ranks' rows, and the rows that arrived.
  void partial_sums() {
    if (!boundary_.is_hybrid()) return;
    const auto what = of_owned(sums_);
    product_.run(boundary_.partial(), partial_chunks_, what);
  }
  void gathered() {
    auto what = into(*y_);
    what.row_scale = shard_.scale.data();
    what.x = ghosts_.data();
    what.accumulate = what.y_by_row = true;
    if (!gathered_rows_.empty()) product_.run(boundary_.gathered(), gathered_chunks_, what);
  }

 private:
  kernels::Spmm<float> into(Matrix<float>& y) const {
    kernels::Spmm<float> what;
    what.x_stride = what.y_stride = what.cols = y.cols();
    what.y = y.data();
    return what;
  }

  kernels::Spmm<float> of_owned(Matrix<float>& y) const {
    kernels::Spmm<float> what = into(y);
    if (stores_bf16_) {
      what.stored_x = stored_.data();
    } else {
      what.column_scale = shard_.scale.data();
      what.x = x_->data();
    }
    return what;
  }

  const PartShard& shard_;
  PartBoundary boundary_;
  bool stores_bf16_;
  std::vector<std::int32_t> gathered_rows_;
  const Matrix<float>* x_ = nullptr;
  Matrix<float>* y_ = nullptr;
  Matrix<float> ghosts_, sums_;
  LargeVector<std::byte> packed_;
  LargeVector<kernels::Bf16> stored_;
  RowChunks local_chunks_, gathered_chunks_, partial_chunks_;
  SparseProduct<float> product_;
};

// One rank's rows and what a step does with them: products through as many matrices as a training
// step goes through, so that each finds the caches as it does there, and the update.
class PartReplay {
 public:
  PartReplay(const PartShard& shard, const ReplayOptions& options)
      : options_(options),
        product_(shard, options),
        rows_("rows", false, shard.num_owned(), options.dim),
        optimizer_(OptimizerOptions{}, {&rows_}) {
    rows_.value.fill(0.01F);
    rows_.gradient.fill(0.001F);
    for (std::int64_t k = 0; k < 2 * options.matrices; ++k) {
      between_.emplace_back(shard.num_owned(), options.dim);
    }
  }

  // `meet` is called before each product and update, where real ranks wait for each other.
  void run(const std::function<void()>& meet) {
    for (std::int64_t round = -1; round < options_.repetitions; ++round) {
      Times sum;
      for (std::size_t k = 0; k <= between_.size(); ++k) {
        product_.set(k == 0 ? rows_.value : between_[k - 1],
                     k == between_.size() ? rows_.gradient : between_[k]);
        meet();
        sum.pack += seconds_of([&] { product_.pack(); });
        sum.local += seconds_of([&] { product_.store(); });
        sum.cross += seconds_of([&] { product_.partial_sums(); });
        sum.local += seconds_of([&] { product_.local(); });
        sum.cross += seconds_of([&] { product_.gathered(); });
        sum.pack += seconds_of([&] { product_.unpack(); });
      }
      meet();
      const double updating = seconds_of([&] { optimizer_.update(++step_, 1e-3); });
      if (round < 0) continue;
      const auto products = static_cast<double>(between_.size() + 1);
      pack_.push_back(sum.pack / products);
      local_.push_back(sum.local / products);
      cross_.push_back(sum.cross / products);
      update_.push_back(updating);
    }
  }

  PartFigures figures() const {
    PartFigures figures = product_.counts();
    figures.replayed = true;
    figures.pack_seconds = summarise(pack_).median;
    figures.local_seconds = summarise(local_).median;
    figures.cross_seconds = summarise(cross_).median;
    figures.update_seconds = summarise(update_).median;
    return figures;
  }

 private:
  struct Times {
    double pack = 0, local = 0, cross = 0;
  };

  ReplayOptions options_;
  PartProduct product_;
  Parameter<float> rows_;
  std::vector<Matrix<float>> between_;
  Optimizer<float> optimizer_;
  std::uint64_t step_ = 0;
  std::vector<double> pack_, local_, cross_, update_;  // by round, of a product
};

}  // namespace

PartFigures count_part(const PartShard& shard, const ReplayOptions& options) {
  return PartBoundary(shard, options).counts();
}

std::vector<PartFigures> replay_parts(std::span<const PartShard> shards,
                                      const ReplayOptions& options) {
  const int threads = omp_get_max_threads();
  std::vector<PartFigures> figures(shards.size());
  std::vector<std::exception_ptr> errors(shards.size());
  std::barrier<> together(std::ssize(shards));
  const auto run = [&](std::size_t k) {
    try {
      omp_set_num_threads(threads);
      PartReplay replay(shards[k], options);
      replay.run([&] { together.arrive_and_wait(); });
      figures[k] = replay.figures();
    } catch (...) {
      errors[k] = std::current_exception();
      together.arrive_and_drop();
    }
  };
  std::vector<std::jthread> others;
  for (std::size_t k = 1; k < shards.size(); ++k) {
    try {
      others.emplace_back(run, k);
    } catch (...) {  // no thread for it: the others must not wait
      errors[k] = std::current_exception();
      together.arrive_and_drop();
    }
  }
  run(0);
  others.clear();  // joins
  for (const auto& error : errors) {
    if (error) std::rethrow_exception(error);
  }
  return figures;
}

ColumnFigures replay_columns(const PartShard& whole, const std::vector<std::int32_t>& order,
                             std::int64_t num_ranks, const ReplayOptions& options) {
  ColumnFigures figures;
  figures.columns = (options.dim + num_ranks - 1) / num_ranks;
  PartProduct product(whole,
                      {figures.columns, 0, ExchangePlan::halo, 0, WireFormat::full, options.store});
  // As many as a step goes through, see PartReplay.
  std::vector<Matrix<float>> blocks;
  for (std::int64_t k = 0; k < 2 * options.matrices + 2; ++k) {
    blocks.emplace_back(whole.num_owned(), figures.columns);
    blocks.back().fill(0.01F);
  }
  const Matrix<float>& arrived = blocks.front();
  Matrix<float>& block = blocks.back();
  std::vector<double> products, copies;
  for (std::int64_t round = -1; round < options.repetitions; ++round) {
    const double multiplied = seconds_of([&] {
      for (std::size_t k = 0; k + 1 < blocks.size(); ++k) {
        product.set(blocks[k], blocks[k + 1]);
        product.store();
        product.local();
      }
    });
    // As many numbers as there are in a block are packed and unpacked, on the way there and back.
    const double copied = seconds_of([&] {
#pragma omp parallel for schedule(static)
      for (std::int64_t k = 0; k < arrived.rows(); ++k) {
        std::copy_n(arrived.row(k), arrived.cols(), block.row(order[static_cast<std::size_t>(k)]));
      }
    });
    if (round < 0) continue;
    products.push_back(multiplied / static_cast<double>(blocks.size() - 1));
    copies.push_back(4 * copied);
  }
  figures.product_seconds = summarise(products).median;
  figures.transpose_seconds = summarise(copies).median;
  return figures;
}

}  // namespace halorec
