#include "comm/halo.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace halorec {

HaloPlan::HaloPlan(Communicator& communicator, std::int64_t num_owned,
                   std::span<const std::int32_t> ghost_owner,
                   std::span<const std::int32_t> ghost_row)
    : communicator_(&communicator), num_owned_(num_owned) {
  HALOREC_ASSERT_LIGHT(ghost_owner.size() == ghost_row.size());
  const auto num_ranks = static_cast<std::size_t>(communicator.size());
  std::vector<std::int64_t> wants(num_ranks, 0);
  for (std::size_t g = 0; g < ghost_owner.size(); ++g) {
    HALOREC_ASSERT_LIGHT(ghost_owner[g] >= 0 && ghost_owner[g] < communicator.size() &&
                         ghost_owner[g] != communicator.rank());
    HALOREC_ASSERT_LIGHT(g == 0 || ghost_owner[g - 1] < ghost_owner[g] ||
                         (ghost_owner[g - 1] == ghost_owner[g] && ghost_row[g - 1] < ghost_row[g]));
    ++wants[static_cast<std::size_t>(ghost_owner[g])];
  }
  std::vector<std::int64_t> gives;
  send_rows_ = communicator.all_to_all<std::int32_t>(ghost_row, wants, &gives);
  send_begin_.assign(num_ranks + 1, 0);
  receive_begin_.assign(num_ranks + 1, 0);
  for (std::size_t r = 0; r < num_ranks; ++r) {
    send_begin_[r + 1] = send_begin_[r] + gives[r];
    receive_begin_[r + 1] = receive_begin_[r] + wants[r];
  }
  for (const std::int32_t row : send_rows_) HALOREC_ASSERT_LIGHT(row >= 0 && row < num_owned);
}

HaloPlan::HaloPlan(Communicator& communicator, std::int64_t num_owned,
                   std::vector<std::int32_t> send_rows, std::vector<std::int64_t> send_begin,
                   std::vector<std::int64_t> receive_begin)
    : communicator_(&communicator),
      num_owned_(num_owned),
      send_rows_(std::move(send_rows)),
      send_begin_(std::move(send_begin)),
      receive_begin_(std::move(receive_begin)) {
  HALOREC_ASSERT_LIGHT(std::ssize(send_begin_) == communicator.size() + 1 &&
                       std::ssize(receive_begin_) == communicator.size() + 1 &&
                       send_begin_.back() == std::ssize(send_rows_));
}

HaloPlan HaloPlan::restricted(std::span<const std::int32_t> position, std::int64_t num_kept,
                              std::vector<std::int32_t>* kept_ghosts) const {
  HALOREC_ASSERT_LIGHT(std::ssize(position) == num_owned_);
  const auto num_ranks = static_cast<std::size_t>(communicator_->size());
  std::vector<std::int32_t> rows, places;  // places: within what this rank sends to the other
  std::vector<std::int64_t> begin(num_ranks + 1, 0), counts(num_ranks, 0);
  for (std::size_t r = 0; r < num_ranks; ++r) {
    for (std::int64_t k = send_begin_[r]; k < send_begin_[r + 1]; ++k) {
      const std::int32_t at =
          position[static_cast<std::size_t>(send_rows_[static_cast<std::size_t>(k)])];
      if (at < 0) continue;
      rows.push_back(at);
      places.push_back(static_cast<std::int32_t>(k - send_begin_[r]));
    }
    begin[r + 1] = std::ssize(rows);
    counts[r] = begin[r + 1] - begin[r];
  }
  std::vector<std::int64_t> arriving;
  *kept_ghosts = communicator_->all_to_all<std::int32_t>(places, counts, &arriving);
  std::vector<std::int64_t> receive_begin(num_ranks + 1, 0);
  for (std::size_t r = 0; r < num_ranks; ++r) {
    receive_begin[r + 1] = receive_begin[r] + arriving[r];
    for (std::int64_t g = receive_begin[r]; g < receive_begin[r + 1]; ++g) {
      (*kept_ghosts)[static_cast<std::size_t>(g)] += static_cast<std::int32_t>(receive_begin_[r]);
    }
  }
  return {*communicator_, num_kept, std::move(rows), std::move(begin), std::move(receive_begin)};
}

template <typename T>
void HaloExchange<T>::use(const HaloPlan& plan) {
  HALOREC_ASSERT_LIGHT(under_way_ == Kind::none);
  plan_ = &plan;
}

namespace {

// What a row is to MPI: so many elements of a type.
template <typename T>
std::pair<MPI_Datatype, std::int64_t> message_type(WireFormat format, std::int64_t width) {
  if (format == WireFormat::full) return {mpi_type<T>(), width};
  if (format == WireFormat::bf16) return {mpi_type<std::uint16_t>(), width};
  return {MPI_BYTE, wire_row_bytes<T>(format, width)};
}

}  // namespace

template <typename T>
HaloExchange<T>::~HaloExchange() {
  // Only an error in flight leaves requests pending, and the job is about to end. Their buffers
  // must outlive them, so they are left to MPI; waiting here would hang when a peer has died, and
  // keep the error from being told.
  const auto leave = [](LargeVector<std::byte>& buffer) {
    static_cast<void>(std::make_unique<LargeVector<std::byte>>(std::move(buffer)).release());
  };  // NOLINT(clang-analyzer-cplusplus.NewDeleteLeaks): meant
  if (!requests_.empty()) leave(incoming_);
  for (Piece& piece : pieces_) {
    if (!piece.requests.empty()) leave(piece.rows);
  }
}

template <typename T>
void HaloExchange<T>::receive(std::span<const std::int64_t> begin) {
  Communicator& communicator = plan_->communicator();
  tag_ = communicator.next_exchange_tag();
  const std::int64_t bytes = row_bytes();
  incoming_.resize(static_cast<std::size_t>(begin.back() * bytes));
  const auto [type, row_count] = message_type<T>(wire_, width_);
  for (int r = 0; r < communicator.size(); ++r) {
    const std::int64_t end = begin[static_cast<std::size_t>(r) + 1];
    for (std::int64_t first = begin[static_cast<std::size_t>(r)]; first < end;) {
      const std::int64_t rows = std::min(message_rows_, end - first);
      check_mpi(MPI_Irecv(incoming_.data() + first * bytes,
                          checked_int(rows * row_count, "halo receive"), type, r, tag_,
                          communicator.handle(), &requests_.emplace_back(MPI_REQUEST_NULL)),
                "MPI_Irecv");
      first += rows;
    }
  }
}

template <typename T>
void HaloExchange<T>::send(std::int64_t first, std::int64_t last, int r, const std::byte* data,
                           std::vector<MPI_Request>* requests) {
  const auto [type, row_count] = message_type<T>(wire_, width_);
  Communicator& communicator = plan_->communicator();
  check_mpi(MPI_Isend(data, checked_int((last - first) * row_count, "halo send"), type, r, tag_,
                      communicator.handle(), &requests->emplace_back(MPI_REQUEST_NULL)),
            "MPI_Isend");
  communicator.counters().bytes_sent += static_cast<std::uint64_t>((last - first) * row_bytes());
  communicator.counters().messages_sent += 1;
}

template <typename T>
void HaloExchange<T>::send_packed(const Source& source, std::span<const std::int64_t> begin) {
  source_ = source;
  send_begin_ = begin;
  next_row_ = 0;
  next_rank_ = 0;
  oldest_ = 0;
  for (Piece& piece : pieces_) fill(piece);
}

template <typename T>
void HaloExchange<T>::fill(Piece& piece) {
  struct Message {
    std::int64_t first, last;
    int rank;
  };
  std::vector<Message> messages;
  const std::int64_t begin = next_row_;
  while (next_row_ < send_begin_.back()) {
    const std::int64_t rank_end = send_begin_[static_cast<std::size_t>(next_rank_) + 1];
    if (next_row_ == rank_end) {
      ++next_rank_;
      continue;
    }
    const std::int64_t last = std::min(next_row_ + message_rows_, rank_end);
    if (last - begin > message_rows_) break;
    messages.push_back({next_row_, last, next_rank_});
    next_row_ = last;
  }
  const std::int64_t bytes = row_bytes();
  piece.rows.resize(static_cast<std::size_t>((next_row_ - begin) * bytes));
#pragma omp parallel for schedule(static)
  for (std::int64_t k = begin; k < next_row_; ++k) {
    const std::int64_t at = source_.rows == nullptr ? k : source_.rows[k];
    pack_row<T>(wire_, wire_seed_, source_.from + at * source_.stride,
                source_.scale == nullptr ? T{1} : source_.scale[at], width_,
                piece.rows.data() + (k - begin) * bytes);
  }
  for (const Message& message : messages) {
    send(message.first, message.last, message.rank,
         piece.rows.data() + (message.first - begin) * bytes, &piece.requests);
  }
}

template <typename T>
void HaloExchange<T>::refill() {
  pieces_[oldest_].requests.clear();
  fill(pieces_[oldest_]);
  oldest_ = (oldest_ + 1) % kHaloPieces;
}

template <typename T>
void HaloExchange<T>::wait(const char* what, HaloExchange* beside) {
  Communicator::Wait watch(plan_->communicator(), what);
  if (beside != nullptr) {
    // What progress() spends in MPI is waited for here; the rest of it packs.
    double& driven = plan_->communicator().counters().progress_seconds;
    const double before = driven, start = MPI_Wtime();
    if (!beside->progress()) {
      while (!progress()) beside->progress();
    }
    watch.leave_out(MPI_Wtime() - start - (driven - before));
    driven = before;
  }
  const auto wait_for = [](std::vector<MPI_Request>& requests) {
    check_mpi(MPI_Waitall(static_cast<int>(requests.size()), requests.data(), MPI_STATUSES_IGNORE),
              "MPI_Waitall");
  };
  while (!pieces_[oldest_].requests.empty()) {
    wait_for(pieces_[oldest_].requests);
    const double start = MPI_Wtime();
    refill();
    watch.leave_out(MPI_Wtime() - start);
  }
  wait_for(requests_);
  requests_.clear();
}

template <typename T>
bool HaloExchange<T>::progress() {
  CommCounters& counters = plan_->communicator().counters();
  const auto are_done = [&](std::vector<MPI_Request>& requests) {
    const double start = MPI_Wtime();
    int done = 0;
    check_mpi(
        MPI_Testall(static_cast<int>(requests.size()), requests.data(), &done, MPI_STATUSES_IGNORE),
        "MPI_Testall");
    counters.progress_seconds += MPI_Wtime() - start;
    return done != 0;
  };
  if (!requests_.empty() && are_done(requests_)) requests_.clear();
  while (!pieces_[oldest_].requests.empty() && are_done(pieces_[oldest_].requests)) refill();
  return requests_.empty() && pieces_[oldest_].requests.empty();
}

template <typename T>
void HaloExchange<T>::start_gather(const T* owned, std::int64_t width, std::int64_t stride,
                                   const T* scale) {
  HALOREC_ASSERT_LIGHT(under_way_ == Kind::none && width > 0 && stride >= width);
  under_way_ = Kind::gather;
  width_ = width;
  message_rows_ = std::max<std::int64_t>(1, piece_bytes_ / row_bytes());
  receive(plan_->receive_begin());
  send_packed({owned, stride, plan_->send_rows().data(), scale}, plan_->send_begin());
}

template <typename T>
const T* HaloExchange<T>::finish_gather(HaloExchange* beside) {
  HALOREC_ASSERT_LIGHT(under_way_ == Kind::gather);
  under_way_ = Kind::none;
  wait("halo gather", beside);
  if (wire_ == WireFormat::full) return reinterpret_cast<const T*>(incoming_.data());
  const std::int64_t num_ghosts = plan_->num_ghosts();
  ghosts_.resize(static_cast<std::size_t>(num_ghosts * width_));
#pragma omp parallel for schedule(static)
  for (std::int64_t g = 0; g < num_ghosts; ++g) {
    unpack_row<T>(wire_, incoming_.data() + g * row_bytes(), width_, ghosts_.data() + g * width_);
  }
  return ghosts_.data();
}

template <typename T>
void HaloExchange<T>::start_scatter_add(const T* ghosts, std::int64_t width) {
  HALOREC_ASSERT_LIGHT(under_way_ == Kind::none && width > 0);
  under_way_ = Kind::scatter_add;
  width_ = width;
  const auto begin = plan_->receive_begin();
  if (wire_ != WireFormat::full) {
    message_rows_ = std::max<std::int64_t>(1, piece_bytes_ / row_bytes());
    receive(plan_->send_begin());
    send_packed({ghosts, width, nullptr, nullptr}, begin);
    return;
  }
  // They stand as they travel: nothing is packed. MPI counts elements in 32 bits: 2^30 of them in a
  // message, where a piece has 2^21 bytes.
  message_rows_ = std::max<std::int64_t>(1, 512 * piece_bytes_ / width);
  receive(plan_->send_begin());
  for (int r = 0; r < plan_->communicator().size(); ++r) {
    const std::int64_t end = begin[static_cast<std::size_t>(r) + 1];
    for (std::int64_t first = begin[static_cast<std::size_t>(r)]; first < end;
         first += message_rows_) {
      send(first, std::min(end, first + message_rows_), r,
           reinterpret_cast<const std::byte*>(ghosts + first * width), &requests_);
    }
  }
}

template <typename T>
void HaloExchange<T>::finish_scatter_add(T* owned, std::int64_t stride, T factor, const T* scale) {
  HALOREC_ASSERT_LIGHT(under_way_ == Kind::scatter_add && stride >= width_);
  under_way_ = Kind::none;
  wait("halo scatter-add");
  const auto rows = plan_->send_rows();
  const auto begin = plan_->send_begin();
  // A row may arrive from several ranks: rank after rank. Within a rank rows are distinct.
  for (std::size_t r = 0; r + 1 < begin.size(); ++r) {
#pragma omp parallel for schedule(static)
    for (std::int64_t k = begin[r]; k < begin[r + 1]; ++k) {
      const std::int32_t row = rows[static_cast<std::size_t>(k)];
      add_row<T>(wire_, incoming_.data() + k * row_bytes(),
                 scale == nullptr ? factor : factor * scale[row], width_, owned + row * stride);
    }
  }
}

template class HaloExchange<float>;
template class HaloExchange<double>;

}  // namespace halorec
