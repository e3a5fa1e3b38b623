#include "models/baselines/content_profile.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <numeric>

namespace halorec {
namespace {

constexpr std::uint32_t kNone = 0xffffffff;

// Rows on their way: item and length of each, then entries end to end.
struct RowParcel {
  std::vector<std::uint32_t> item_and_length, feature;
  std::vector<float> value;

  void add(const SparseRows& rows, std::uint32_t item, std::size_t place) {
    const auto first = static_cast<std::ptrdiff_t>(rows.begin[place]);
    const auto last = static_cast<std::ptrdiff_t>(rows.begin[place + 1]);
    item_and_length.insert(item_and_length.end(), {item, static_cast<std::uint32_t>(last - first)});
    feature.insert(feature.end(), rows.feature.begin() + first, rows.feature.begin() + last);
    value.insert(value.end(), rows.value.begin() + first, rows.value.begin() + last);
  }
  template <typename Take>
  void unpack(const Take& take) const {
    std::size_t next = 0;
    for (std::size_t k = 0; k < item_and_length.size(); k += 2) {
      const std::size_t length = item_and_length[k + 1];
      take(item_and_length[k], std::span(feature).subspan(next, length),
           std::span(value).subspan(next, length));
      next += length;
    }
  }
};

}  // namespace

ContentProfile::ContentProfile(const Shard& shard, const DatasetFile& dataset,
                               const std::vector<std::string>& columns)
    : LikenessScorer(shard), place_of_item_(shard.num_items(), -1) {
  ContentRows content = read_content_rows(shard, dataset, columns);
  rows_ = std::move(content.rows);
  num_features_ = content.num_features;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    longest_ = std::max(longest_, static_cast<std::int64_t>(rows_.begin[i + 1] - rows_.begin[i]));
    place_of_item_[shard.owned_items()[i]] = static_cast<std::int32_t>(i);
  }
  longest_ = shard.communicator().max(longest_);
  fetch_ghost_rows();
}

void ContentProfile::append_row(std::uint32_t item, std::span<const std::uint32_t> feature,
                                std::span<const float> value) {
  place_of_item_[item] = static_cast<std::int32_t>(rows_.size());
  rows_.feature.insert(rows_.feature.end(), feature.begin(), feature.end());
  rows_.value.insert(rows_.value.end(), value.begin(), value.end());
  rows_.close_row();
}

// Users' items are owned or ghosts: the halo's plan says who needs which. Collective.
void ContentProfile::fetch_ghost_rows() {
  Communicator& communicator = shard().communicator();
  const HaloPlan& halo = shard().halo();
  RowParcel parcel;
  std::vector<std::int64_t> num_heads, num_entries;
  for (std::size_t r = 0; r < static_cast<std::size_t>(communicator.size()); ++r) {
    const std::size_t heads = parcel.item_and_length.size(), entries = parcel.feature.size();
    for (std::int64_t s = halo.send_begin()[r]; s < halo.send_begin()[r + 1]; ++s) {
      const std::int64_t place =
          halo.send_rows()[static_cast<std::size_t>(s)] - shard().num_owned_users();
      if (place < 0) continue;  // a user
      const auto i = static_cast<std::size_t>(place);
      parcel.add(rows_, shard().owned_items()[i], i);
    }
    num_heads.push_back(static_cast<std::int64_t>(parcel.item_and_length.size() - heads));
    num_entries.push_back(static_cast<std::int64_t>(parcel.feature.size() - entries));
  }
  RowParcel arrived;
  arrived.item_and_length =
      communicator.all_to_all<std::uint32_t>(parcel.item_and_length, num_heads);
  arrived.feature = communicator.all_to_all<std::uint32_t>(parcel.feature, num_entries);
  arrived.value = communicator.all_to_all<float>(parcel.value, num_entries);
  arrived.unpack([this](std::uint32_t item, std::span<const std::uint32_t> feature,
                        std::span<const float> value) { append_row(item, feature, value); });
}

void ContentProfile::fold_in_guests() {
  std::vector<std::uint32_t> items;
  for (const auto& history : guests()) items.insert(items.end(), history.begin(), history.end());
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
  Communicator& communicator = shard().communicator();
  RowParcel parcel;
  for (const std::uint32_t item : items) {
    if (shard().address_of_item(item).owner != communicator.rank()) continue;
    parcel.add(rows_, item, static_cast<std::size_t>(place_of_item_[item]));
  }
  RowParcel all;
  all.item_and_length =
      communicator.all_gather(std::span<const std::uint32_t>(parcel.item_and_length));
  all.feature = communicator.all_gather(std::span<const std::uint32_t>(parcel.feature));
  all.value = communicator.all_gather(std::span<const float>(parcel.value));
  all.unpack([this](std::uint32_t item, std::span<const std::uint32_t> feature,
                    std::span<const float> value) {
    if (place_of_item_[item] < 0) append_row(item, feature, value);
  });
}

void ContentProfile::pack_items(std::span<const std::int32_t> owned, float* out) const {
  for (const std::int32_t i : owned) {
    const std::uint64_t begin = rows_.begin[static_cast<std::size_t>(i)];
    std::uint64_t length = rows_.begin[static_cast<std::size_t>(i) + 1] - begin;
    const std::uint32_t item = shard().owned_items()[static_cast<std::size_t>(i)];
    double weight = 1;
    if (weights_) weight = shard().item_degree(item) > 0 ? weights_->warm : weights_->cold;
    if (weight == 0) length = 0;
    for (std::uint64_t e = 0; e < static_cast<std::uint64_t>(longest_); ++e) {
      out[e] = std::bit_cast<float>(e < length ? rows_.feature[begin + e] : kNone);
      out[static_cast<std::uint64_t>(longest_) + e] =
          e < length ? static_cast<float>(weight * rows_.value[begin + e]) : 0.0F;
    }
    out += item_width();
  }
}

void ContentProfile::add_scores(std::span<const std::int32_t> people,
                                std::span<const float> weights, std::int64_t first,
                                std::int64_t count, float* scratch, float* scores) const {
  for (std::size_t p = 0; p < people.size(); ++p) {
    std::fill(scratch, scratch + num_features_, 0.0F);
    for (const std::uint32_t item : history_of(people[p])) {
      const auto place = static_cast<std::size_t>(place_of_item_[item]);
      for (std::uint64_t e = rows_.begin[place]; e < rows_.begin[place + 1]; ++e) {
        scratch[rows_.feature[e]] += rows_.value[e];
      }
    }
    float weight = weights[p];
    if (weights_) {
      const double squares =
          std::transform_reduce(scratch, scratch + num_features_, 0.0, std::plus<>(),
                                [](float x) { return static_cast<double>(x) * x; });
      weight = squares > 0 ? static_cast<float>(weight / std::sqrt(squares)) : 0.0F;
    }
    for (std::int64_t i = first; i < first + count; ++i) {
      const float* row = block().rows.row(i);
      float product = 0;
      for (std::int64_t e = 0; e < longest_; ++e) {
        const auto feature = std::bit_cast<std::uint32_t>(row[e]);
        if (feature == kNone) break;
        product += scratch[feature] * row[longest_ + e];
      }
      *scores++ += weight * product;
    }
  }
}

}  // namespace halorec
