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

#include <array>
#include <cstddef>
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

// Pieces in which packed rows leave, and all that a rank buffers of them.
inline constexpr std::int64_t kHaloPieceBytes = 2 << 20;
inline constexpr std::size_t kHaloPieces = 3;
inline constexpr std::int64_t kHaloBufferBytes = kHaloPieces * kHaloPieceBytes;

// One exchange at a time over a plan: start, compute (calling progress now and then: MPI moves
// data only inside its calls), finish. Rows that are packed leave in pieces, through a few buffers
// of one piece each: what a rank sends takes no memory of its size, and is still in the caches when
// it is read. Owns those buffers and the one of what arrives, which are reused. T: float, double.
template <typename T>
class HaloExchange {
 public:
  // wire_seed: of what int8 draws. piece_bytes: the same on all ranks; at least a row travels.
  explicit HaloExchange(const HaloPlan& plan, WireFormat wire = WireFormat::full,
                        std::uint64_t wire_seed = 0, std::int64_t piece_bytes = kHaloPieceBytes)
      : plan_(&plan), wire_(wire), wire_seed_(wire_seed), piece_bytes_(piece_bytes) {}
  // Goes on with another plan; nothing may be under way.
  void use(const HaloPlan& plan);
  ~HaloExchange();
  HaloExchange(const HaloExchange&) = delete;
  HaloExchange& operator=(const HaloExchange&) = delete;

  // Sends rows of `owned` [num_owned x width, row stride `stride`], each times its entry of `scale`
  // [num_owned] if given; both stay as they are until finish_gather. Collective with it.
  void start_gather(const T* owned, std::int64_t width, std::int64_t stride,
                    const T* scale = nullptr);
  // Waits; the ghosts' rows [num_ghosts x width], dense, valid until the next start. What `beside`
  // has under way goes on meanwhile.
  const T* finish_gather(HaloExchange* beside = nullptr);

  // Sends `ghosts` [num_ghosts x width, dense] home; they stay as they are until
  // finish_scatter_add. Collective with it.
  void start_scatter_add(const T* ghosts, std::int64_t width);
  // Waits and adds what arrived, times `factor` and the row's entry of `scale` if given, to `owned`
  // [num_owned x width], in rank order.
  void finish_scatter_add(T* owned, std::int64_t stride, T factor = T{1}, const T* scale = nullptr);

  // Lets MPI move data, and packs what finds room; true once nothing is pending. Main thread only.
  bool progress();

 private:
  // The rows to be packed: row k is scale[at] * from[at * stride ..], where at is rows[k], or k.
  struct Source {
    const T* from = nullptr;
    std::int64_t stride = 0;
    const std::int32_t* rows = nullptr;
    const T* scale = nullptr;
  };
  struct Piece {
    LargeVector<std::byte> rows;  // as they travel
    std::vector<MPI_Request> requests;
  };

  std::int64_t row_bytes() const { return wire_row_bytes<T>(wire_, width_); }
  // Posts what fills incoming_ by messages of at most message_rows_ rows, and takes the tag of this
  // exchange.
  void receive(std::span<const std::int64_t> begin);
  // Posts rows [first, last) of what goes to rank r, which stand at `data`.
  void send(std::int64_t first, std::int64_t last, int r, const std::byte* data,
            std::vector<MPI_Request>* requests);
  // Packs and posts the first pieces of rows that go to rank r from begin[r] on.
  void send_packed(const Source& source, std::span<const std::int64_t> begin);
  // Packs and posts as many of the rows that are left as a piece holds.
  void fill(Piece& piece);
  // Fills the oldest piece anew once it has been sent.
  void refill();
  void wait(const char* what, HaloExchange* beside = nullptr);

  enum class Kind : std::uint8_t { none, gather, scatter_add };

  const HaloPlan* plan_;
  WireFormat wire_;
  std::uint64_t wire_seed_;
  std::int64_t piece_bytes_;
  Kind under_way_ = Kind::none;
  std::int64_t width_ = 0, message_rows_ = 0;
  int tag_ = 0;
  Source source_;
  std::span<const std::int64_t> send_begin_;
  std::int64_t next_row_ = 0;  // of those that are sent, the first that is not packed yet
  int next_rank_ = 0;          // to which it goes
  std::array<Piece, kHaloPieces> pieces_;
  std::size_t oldest_ = 0;
  LargeVector<std::byte> incoming_;
  LargeVector<T> ghosts_;              // what a gather brought, if it travelled rounded
  std::vector<MPI_Request> requests_;  // of all but the pieces
};

}  // namespace halorec
