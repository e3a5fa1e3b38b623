#include "comm/halo.hpp"

#include <algorithm>
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

template <typename T>
HaloExchange<T>::~HaloExchange() {
  // Only an error in flight leaves requests pending, and the job is about to end. Their buffers
  // must outlive them, so they are left to MPI; waiting here would hang when a peer has died, and
  // keep the error from being told.
  if (requests_.empty()) return;
  static_cast<void>(new std::vector<T>(std::move(outgoing_)));
  static_cast<void>(new std::vector<T>(std::move(incoming_)));
}

template <typename T>
void HaloExchange<T>::post(std::span<const std::int64_t> receive_begin, T* receive,
                           std::span<const std::int64_t> send_begin, const T* send,
                           std::int64_t width, int tag) {
  Communicator& communicator = plan_->communicator();
  width_ = width;
  for (int r = 0; r < communicator.size(); ++r) {
    const auto i = static_cast<std::size_t>(r);
    const std::int64_t count = (receive_begin[i + 1] - receive_begin[i]) * width;
    if (count == 0) continue;
    check_mpi(MPI_Irecv(receive + receive_begin[i] * width, checked_int(count, "halo receive"),
                        mpi_type<T>(), r, tag, communicator.handle(),
                        &requests_.emplace_back(MPI_REQUEST_NULL)),
              "MPI_Irecv");
  }
  for (int r = 0; r < communicator.size(); ++r) {
    const auto i = static_cast<std::size_t>(r);
    const std::int64_t count = (send_begin[i + 1] - send_begin[i]) * width;
    if (count == 0) continue;
    check_mpi(
        MPI_Isend(send + send_begin[i] * width, checked_int(count, "halo send"), mpi_type<T>(), r,
                  tag, communicator.handle(), &requests_.emplace_back(MPI_REQUEST_NULL)),
        "MPI_Isend");
    communicator.counters().bytes_sent += static_cast<std::uint64_t>(count) * sizeof(T);
    communicator.counters().messages_sent += 1;
  }
}

template <typename T>
void HaloExchange<T>::wait(const char* what) {
  const Communicator::Wait watch(plan_->communicator(), what);
  check_mpi(MPI_Waitall(static_cast<int>(requests_.size()), requests_.data(), MPI_STATUSES_IGNORE),
            "MPI_Waitall");
  requests_.clear();
}

template <typename T>
bool HaloExchange<T>::progress() {
  int done = 1;
  if (!requests_.empty()) {
    check_mpi(MPI_Testall(static_cast<int>(requests_.size()), requests_.data(), &done,
                          MPI_STATUSES_IGNORE),
              "MPI_Testall");
    if (done != 0) requests_.clear();
  }
  return done != 0;
}

template <typename T>
void HaloExchange<T>::start_gather(const T* owned, std::int64_t width, std::int64_t stride) {
  HALOREC_ASSERT_LIGHT(under_way_ == Kind::none && width > 0 && stride >= width);
  under_way_ = Kind::gather;
  const auto rows = plan_->send_rows();
  const auto num_rows = std::ssize(rows);
  outgoing_.resize(static_cast<std::size_t>(num_rows * width));
  incoming_.resize(static_cast<std::size_t>(plan_->num_ghosts() * width));
#pragma omp parallel for schedule(static)
  for (std::int64_t k = 0; k < num_rows; ++k) {
    const T* from = owned + rows[static_cast<std::size_t>(k)] * stride;
    std::copy(from, from + width, outgoing_.data() + k * width);
  }
  post(plan_->receive_begin(), incoming_.data(), plan_->send_begin(), outgoing_.data(), width, 1);
}

template <typename T>
const T* HaloExchange<T>::finish_gather() {
  HALOREC_ASSERT_LIGHT(under_way_ == Kind::gather);
  under_way_ = Kind::none;
  wait("halo gather");
  return incoming_.data();
}

template <typename T>
void HaloExchange<T>::start_scatter_add(const T* ghosts, std::int64_t width) {
  HALOREC_ASSERT_LIGHT(under_way_ == Kind::none && width > 0);
  under_way_ = Kind::scatter_add;
  incoming_.resize(plan_->send_rows().size() * static_cast<std::size_t>(width));
  post(plan_->send_begin(), incoming_.data(), plan_->receive_begin(), ghosts, width, 2);
}

template <typename T>
void HaloExchange<T>::finish_scatter_add(T* owned, std::int64_t stride) {
  HALOREC_ASSERT_LIGHT(under_way_ == Kind::scatter_add && stride >= width_);
  under_way_ = Kind::none;
  wait("halo scatter-add");
  const auto rows = plan_->send_rows();
  const auto begin = plan_->send_begin();
  // A row may arrive from several ranks: rank after rank. Within a rank rows are distinct.
  for (std::size_t r = 0; r + 1 < begin.size(); ++r) {
#pragma omp parallel for schedule(static)
    for (std::int64_t k = begin[r]; k < begin[r + 1]; ++k) {
      T* to = owned + rows[static_cast<std::size_t>(k)] * stride;
      const T* from = incoming_.data() + k * width_;
      for (std::int64_t c = 0; c < width_; ++c) to[c] += from[c];
    }
  }
}

template class HaloExchange<float>;
template class HaloExchange<double>;

}  // namespace halorec
