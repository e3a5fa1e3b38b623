// y = A x for a symmetrically normalised adjacency A of the whole graph, spread over ranks: start
// the exchange of boundary rows, multiply the local edges in chunks while they travel (MPI moves
// data only inside its calls, so progress is driven between chunks), finish it, multiply the cross
// edges.
//
// A loss reads few rows, so the last forward product is computed at those rows alone, and the first
// backward product has only those rows nonzero. Both exchange only them: forward, ranks send
// partial sums to the owners of the rows; backward, owners send the rows. On a million nodes that
// is a small part of a product and of its halo.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "comm/halo.hpp"
#include "comm/run_log.hpp"
#include "engine/edge_dropout.hpp"
#include "engine/matrix.hpp"
#include "engine/sparse_product.hpp"
#include "partition/covered_halo.hpp"
#include "partition/shard.hpp"

namespace halorec {

enum class ExchangePlan : std::uint8_t { halo, hybrid };

// The rows of x that edges read: as they stand, or each times its scale and rounded to bfloat16
// once, at the start of a product, for all edges: those of this rank and those of ranks to which
// the row travels (exactly then, whatever the wire format), so that the number of ranks stays
// without effect. Sums are of full precision, also those that travel.
enum class RowStorage : std::uint8_t { full, bf16 };

struct PropagationOptions {
  ExchangePlan exchange = ExchangePlan::hybrid;
  WireFormat wire = WireFormat::full;
  std::uint64_t wire_seed = 0;          // of what int8 draws
  RowStorage store = RowStorage::full;  // bf16: of float alone
  std::int64_t piece_bytes = kHaloPieceBytes;
  // Receives the seconds of "local edges", "cross edges" and "exchange" (packing, what is still
  // waited for, unpacking); none: not taken. Outlives the propagation.
  PhaseTimers* timers = nullptr;
};

// What a product is added to: nothing, what stands in y, or factor times rows.
template <typename T>
struct AddedTo {
  enum class What : std::uint8_t { nothing, y, owned_rows, demanded_rows };
  What what = What::nothing;
  T factor = T{0};
  MatrixView<const T> rows;

  static AddedTo y() { return {What::y, T{1}, {}}; }
  static AddedTo owned(T factor, MatrixView<const T> rows) {
    return {What::owned_rows, factor, rows};
  }
  // rows: [demanded x cols]; other rows are zero.
  static AddedTo demanded(T factor, MatrixView<const T> rows) {
    return {What::demanded_rows, factor, rows};
  }
};

template <typename T>
class Propagation {
 public:
  // Over the shard's interactions, or over `graph` between its nodes, which outlives it.
  explicit Propagation(const Shard& shard, const PropagationOptions& options = {})
      : Propagation(shard, shard.interactions(), options) {}
  Propagation(const Shard& shard, const Adjacency& graph, const PropagationOptions& options);

  // From here on A is the sum of what it was and weight times the normalised adjacency of `edges`,
  // between the same nodes; they outlive this. Collective.
  void add_relation(T weight, const Adjacency& edges);
  // For evaluation: while it serves untrained nodes, these hear over `edges`, links between nodes
  // with training interactions and nodes without (Relation::untrained), and send nothing. Products
  // then are no more their own adjoints, and multiply_from_demanded is not for them. Collective.
  void add_untrained(T weight, const Adjacency& edges);
  void serve_untrained(bool serves) { serves_untrained_ = serves; }

  std::int64_t num_owned() const { return graph_->num_owned(); }
  Communicator& communicator() const { return graph_->communicator(); }

  // From here on products are of the edges that `dropout` keeps (added relations keep all), alike
  // at both ends: A is as symmetric as before. Their weights are those of a whole graph, times 1 /
  // (1 - share), or with `renormalise` those of a graph that never had more. The demanded rows are
  // to be named again. Exchanges carry the same rows as ever. Collective.
  void drop_edges(const EdgeDropout& dropout, bool renormalise);
  // And again of all edges.
  void keep_all_edges();

  // y = a A x + z. x, y: [num_owned x cols], owned rows, distinct. A is symmetric, so this is its
  // own adjoint. Collective.
  void multiply(T a, MatrixView<const T> x, const AddedTo<T>& z, MatrixView<T> y);

  // Names the owned rows, ascending and distinct, that the next two calls are about; other ranks
  // name theirs. Collective.
  void demand(std::span<const std::int32_t> rows);
  std::int64_t num_demanded() const { return std::ssize(demanded_); }
  // y = (a A x)[demanded] + z[demanded]. x: [num_owned x cols]; y: [num_demanded x cols]; z:
  // nothing, y or owned rows. Collective.
  void multiply_to_demanded(T a, MatrixView<const T> x, const AddedTo<T>& z, MatrixView<T> y);
  // The adjoint: y = a A x + z, where x [num_demanded x cols] holds the demanded rows and all
  // others are zero. y: [num_owned x cols]. Collective.
  void multiply_from_demanded(T a, MatrixView<const T> x, const AddedTo<T>& z, MatrixView<T> y);

 private:
  // The same of this relation alone.
  void multiply_own(T a, MatrixView<const T> x, const AddedTo<T>& z, MatrixView<T> y);
  void multiply_own_to_demanded(T a, MatrixView<const T> x, const AddedTo<T>& z, MatrixView<T> y);
  void multiply_own_from_demanded(T a, MatrixView<const T> x, const AddedTo<T>& z, MatrixView<T> y);
  // y += a times what untrained nodes hear of the others' rows of x, at all or the demanded rows.
  void add_heard_by_untrained(T a, MatrixView<const T> x, bool at_demanded, MatrixView<T> y);
  // A matrix with the rows that have nonzeros, dealt out; the others need no touching.
  struct Sparse {
    const Csr* matrix = nullptr;
    std::vector<std::int32_t> rows;
    RowChunks chunks;
    void set(const Csr& m);
  };
  // The edges that products are of, dealt out.
  struct Edges {
    const Csr* local = nullptr;
    const Csr* cross_transposed = nullptr;
    const Csr* partial = nullptr;  // as in CoveredHalo, with the hybrid plan alone
    RowChunks local_chunks, partial_chunks;
    Sparse cross, gathered;
    void set_covered(const Csr& of_gathered, const Csr& of_partial);
  };
  struct KeptEdges {
    Csr local, cross, cross_transposed, gathered, partial;
    // Global ids of owned rows, of ghosts, and of the hybrid plan's ghosts; found when first used.
    bool has_ids = false, has_covered_ids = false;
    std::vector<GlobalId> owned_ids, ghost_ids, covered_ids;
  };
  const Edges& edges() const { return dropout_ ? kept_edges_ : all_edges_; }
  kernels::Spmm<T> into(T a, MatrixView<T> y) const;
  // With bf16 storage, x into stored_.
  void store(MatrixView<const T> x, std::span<const T> scale);
  bool stores_bf16() const { return options_.store == RowStorage::bf16; }
  // Of owned rows x, stored where they are to be.
  kernels::Spmm<T> of_owned(MatrixView<const T> x, kernels::Spmm<T> product) const;
  // Of owned rows x into sums_, for the owners of other rows.
  kernels::Spmm<T> partial_sums(MatrixView<const T> x);
  void add(const AddedTo<T>& z, kernels::Spmm<T>& product) const;
  // The product, between whose parts messages are moved where there are any.
  template <typename Between>
  void run(const Csr& matrix, const RowChunks& chunks, const kernels::Spmm<T>& product,
           const Between& between);
  void prepare_exchange();
  void find_ids();
  void keep_covered_edges();
  // Ends the phase in `running` and starts this one.
  void time(std::optional<PhaseTimers::Scope>& running, const char* phase) const {
    if (options_.timers != nullptr) running.emplace(*options_.timers, phase);
  }

  const Shard* shard_;
  const Adjacency* graph_;
  PropagationOptions options_;
  LargeVector<T> scale_;  // of owned rows
  SparseProduct<T> product_;
  Edges all_edges_, kept_edges_;
  std::optional<EdgeDropout> dropout_;
  KeptEdges kept_;
  HaloExchange<T> rows_exchange_, sums_exchange_;
  Matrix<T> sums_, scaled_;
  LargeVector<kernels::Bf16> stored_;

  struct Added {
    T weight;
    std::unique_ptr<Propagation> product;
  };
  std::vector<Added> added_, added_untrained_;
  bool serves_untrained_ = false;
  Matrix<T> trained_rows_;

  // Full products: prepared by the first one, since a single layer needs none.
  bool is_prepared_ = false;
  std::optional<CoveredHalo> covered_;

  // The demanded rows.
  std::vector<std::int32_t> demanded_;
  LargeVector<std::int32_t> position_, ghost_position_;  // places among the demanded, or -1
  std::optional<HaloPlan> demanded_plan_;
  std::vector<std::int32_t> demanded_ghosts_;
  std::vector<T> demanded_scale_;
  RowChunks demanded_chunks_, demanded_ghost_chunks_;
};

}  // namespace halorec
