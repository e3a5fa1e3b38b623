// The halo plan: which rows of a shard travel to which rank, and the exchange that moves them.
//
// Example, two ranks. Rank 0 owns rows {0,1,2}, rank 1 owns rows {0,1}. Rank 0's edges also read
// rank 1's row 1; rank 1's edges read rank 0's rows 0 and 2:
//     rank 0: send_rows to 1 = {0,2}    ghosts = [rank 1's row 1]
//     rank 1: send_rows to 0 = {1}      ghosts = [rank 0's row 0, rank 0's row 2]
// gather fills the ghosts from their owners; scatter_add, its adjoint, adds ghosts' values to the
// owners' rows: <gather(x), y> = <x, scatter_add(y)>. Ghosts stand ordered by owner rank, then by
// the owner's row. Sums run in rank order, never in order of arrival, so equal input gives equal
// bits.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "comm/communicator.hpp"
#include "comm/large_memory.hpp"
#include "comm/wire_format.hpp"

namespace halorec {

class HaloPlan {
 public:
  // ghost_owner[g], ghost_row[g]: owner rank of ghost g and its row there, sorted by (owner, row),
  // without duplicates and never this rank itself. Collective: ranks tell each other what they
  // want.
  HaloPlan(Communicator& communicator, std::int64_t num_owned,
           std::span<const std::int32_t> ghost_owner, std::span<const std::int32_t> ghost_row);

  // A plan both of whose ends are known already: send lists and receive counts that are dual to
  // those of the other ranks. Not collective.
  HaloPlan(Communicator& communicator, std::int64_t num_owned, std::vector<std::int32_t> send_rows,
           std::vector<std::int64_t> send_begin, std::vector<std::int64_t> receive_begin);

  // The part of this plan that concerns some of the owned rows: position[row] is the place of a row
  // among the `num_kept` of them, negative for the others. Owned rows of the result are those
  // places; its ghosts are, in order, ghosts (*kept_ghosts)[0], [1], ... of this plan. Collective.
  HaloPlan restricted(std::span<const std::int32_t> position, std::int64_t num_kept,
                      std::vector<std::int32_t>* kept_ghosts) const;

  std::int64_t num_owned() const { return num_owned_; }
  std::int64_t num_ghosts() const { return receive_begin_.back(); }
  // Rows sent to rank r: send_rows()[send_begin()[r] .. send_begin()[r+1]).
  std::span<const std::int32_t> send_rows() const { return send_rows_; }
  std::span<const std::int64_t> send_begin() const { return send_begin_; }
  // Ghosts received from rank r: [receive_begin()[r], receive_begin()[r+1]).
  std::span<const std::int64_t> receive_begin() const { return receive_begin_; }
  Communicator& communicator() const { return *communicator_; }

 private:
  Communicator* communicator_;
  std::int64_t num_owned_;
  std::vector<std::int32_t> send_rows_;
  std::vector<std::int64_t> send_begin_;
  std::vector<std::int64_t> receive_begin_;
};

// One exchange at a time over a plan: start, compute (calling progress now and then: MPI moves
// data only inside its calls), finish. Owns the message buffers, which are reused. T: float,
// double.
template <typename T>
class HaloExchange {
 public:
  // wire_seed: of what int8 draws.
  explicit HaloExchange(const HaloPlan& plan, WireFormat wire = WireFormat::full,
                        std::uint64_t wire_seed = 0)
      : plan_(&plan), wire_(wire), wire_seed_(wire_seed) {}
  // Goes on with another plan; nothing may be under way.
  void use(const HaloPlan& plan);
  ~HaloExchange();
  HaloExchange(const HaloExchange&) = delete;
  HaloExchange& operator=(const HaloExchange&) = delete;

  // Sends rows of `owned` [num_owned x width, row stride `stride`], each times its entry of `scale`
  // [num_owned] if given. Collective with finish_gather.
  void start_gather(const T* owned, std::int64_t width, std::int64_t stride,
                    const T* scale = nullptr);
  // Waits; the ghosts' rows [num_ghosts x width], dense, valid until the next start.
  const T* finish_gather();

  // Sends `ghosts` [num_ghosts x width, dense] home. Collective with finish_scatter_add.
  void start_scatter_add(const T* ghosts, std::int64_t width);
  // Waits and adds what arrived, times `factor` and the row's entry of `scale` if given, to `owned`
  // [num_owned x width], in rank order.
  void finish_scatter_add(T* owned, std::int64_t stride, T factor = T{1}, const T* scale = nullptr);

  // Lets MPI move data; true once nothing is pending. Main thread only.
  bool progress();

 private:
  std::int64_t row_bytes() const { return wire_row_bytes<T>(wire_, width_); }
  // Packs num_rows rows: row k is factor_of(k) * row_of(k)[0 .. width).
  template <typename RowOf, typename FactorOf>
  void pack(std::int64_t num_rows, const RowOf& row_of, const FactorOf& factor_of);
  // Posts the messages that hold `send`, rows as they travel, and those that fill incoming_.
  void post(std::span<const std::int64_t> receive_begin, std::span<const std::int64_t> send_begin,
            const std::byte* send, int tag);
  void wait(const char* what);

  enum class Kind : std::uint8_t { none, gather, scatter_add };

  const HaloPlan* plan_;
  WireFormat wire_;
  std::uint64_t wire_seed_;
  Kind under_way_ = Kind::none;
  std::int64_t width_ = 0;
  LargeVector<std::byte> outgoing_, incoming_;  // rows as they travel
  LargeVector<T> ghosts_;                       // what a gather brought, if it travelled rounded
  std::vector<MPI_Request> requests_;
};

}  // namespace halorec
