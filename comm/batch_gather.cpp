#include "comm/batch_gather.hpp"

#include <algorithm>
#include <numeric>

namespace halorec {

BatchGather::BatchGather(Communicator& communicator, std::span<const RowAddress> wanted)
    : communicator_(&communicator), fetch_counts_(static_cast<std::size_t>(communicator.size())) {
  order_.resize(static_cast<std::size_t>(checked_int(std::ssize(wanted), "batch gather")));
  std::iota(order_.begin(), order_.end(), 0);
  std::sort(order_.begin(), order_.end(), [&](std::int32_t a, std::int32_t b) {
    const RowAddress& left = wanted[static_cast<std::size_t>(a)];
    const RowAddress& right = wanted[static_cast<std::size_t>(b)];
    return left != right ? left < right : a < b;
  });
  std::vector<std::int32_t> fetch_rows;
  for (std::size_t k = 0; k < order_.size(); ++k) {
    const RowAddress& address = wanted[static_cast<std::size_t>(order_[k])];
    if (k == 0 || wanted[static_cast<std::size_t>(order_[k - 1])] != address) {
      HALOREC_ASSERT_LIGHT(address.owner >= 0 && address.owner < communicator.size());
      group_begin_.push_back(static_cast<std::int64_t>(k));
      fetch_rows.push_back(address.row);
      ++fetch_counts_[static_cast<std::size_t>(address.owner)];
    }
  }
  group_begin_.push_back(std::ssize(order_));
  serve_ = communicator.all_to_all<std::int32_t>(fetch_rows, fetch_counts_, &serve_counts_);
  served_rows_ = serve_;
  std::sort(served_rows_.begin(), served_rows_.end());
  served_rows_.erase(std::unique(served_rows_.begin(), served_rows_.end()), served_rows_.end());
  // What a rank reads comes ascending, so each search begins where the last one ended.
  auto next = serve_.begin();
  for (const std::int64_t count : serve_counts_) {
    auto at = served_rows_.begin();
    for (const auto last = next + count; next != last; ++next) {
      at = std::lower_bound(at, served_rows_.end(), *next);
      *next = static_cast<std::int32_t>(at - served_rows_.begin());
    }
  }
}

namespace {

std::vector<std::int64_t> times(std::span<const std::int64_t> counts, std::int64_t width) {
  std::vector<std::int64_t> scaled(counts.begin(), counts.end());
  for (auto& count : scaled) count *= width;
  return scaled;
}

}  // namespace

template <typename T>
void BatchGather::gather(const T* served, std::int64_t stride, std::int64_t width, T* out) const {
  std::vector<T> outgoing(serve_.size() * static_cast<std::size_t>(width));
#pragma omp parallel for schedule(static)
  for (std::int64_t k = 0; k < std::ssize(serve_); ++k) {
    const T* from = served + serve_[static_cast<std::size_t>(k)] * stride;
    std::copy(from, from + width, outgoing.data() + k * width);
  }
  const auto fetched = communicator_->all_to_all<T>(outgoing, times(serve_counts_, width));
#pragma omp parallel for schedule(static)
  for (std::int64_t g = 0; g < std::ssize(group_begin_) - 1; ++g) {
    const auto group = static_cast<std::size_t>(g);
    for (std::int64_t k = group_begin_[group]; k < group_begin_[group + 1]; ++k) {
      std::copy_n(fetched.data() + g * width, width,
                  out + order_[static_cast<std::size_t>(k)] * width);
    }
  }
}

template <typename T>
void BatchGather::scatter_add(const T* gradients, std::int64_t width, T* served,
                              std::int64_t stride) const {
  std::vector<T> returned((group_begin_.size() - 1) * static_cast<std::size_t>(width), T{0});
#pragma omp parallel for schedule(static)
  for (std::int64_t g = 0; g < std::ssize(group_begin_) - 1; ++g) {
    const auto group = static_cast<std::size_t>(g);
    T* to = returned.data() + g * width;
    for (std::int64_t k = group_begin_[group]; k < group_begin_[group + 1]; ++k) {
      const T* from = gradients + order_[static_cast<std::size_t>(k)] * width;
      for (std::int64_t c = 0; c < width; ++c) to[c] += from[c];
    }
  }
  const auto arrived = communicator_->all_to_all<T>(returned, times(fetch_counts_, width));
  std::int64_t begin = 0;
  for (const std::int64_t count : serve_counts_) {  // rank after rank; rows distinct within one
#pragma omp parallel for schedule(static)
    for (std::int64_t k = begin; k < begin + count; ++k) {
      T* to = served + serve_[static_cast<std::size_t>(k)] * stride;
      for (std::int64_t c = 0; c < width; ++c)
        to[c] += arrived[static_cast<std::size_t>(k * width + c)];
    }
    begin += count;
  }
}

template void BatchGather::gather<float>(const float*, std::int64_t, std::int64_t, float*) const;
template void BatchGather::gather<double>(const double*, std::int64_t, std::int64_t, double*) const;
template void BatchGather::scatter_add<float>(const float*, std::int64_t, float*,
                                              std::int64_t) const;
template void BatchGather::scatter_add<double>(const double*, std::int64_t, double*,
                                               std::int64_t) const;

}  // namespace halorec
