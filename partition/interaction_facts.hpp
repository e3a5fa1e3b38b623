// What is known of a shard's training interactions besides their two ends, at both of them: weights
// (ratings, counts) and times. From it come graphs whose edges differ: by rating, by age, or by the
// slice of time that an interaction falls into. Read only for a training that asks for such a
// graph; everything else sees interactions as equal.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "partition/shard.hpp"

namespace halorec {

class InteractionFacts {
 public:
  // A pair that stands in several splits or behaviors has the sum of the weights, as repeats have
  // at import, and the newest of the times. Collective.
  InteractionFacts(const Shard& shard, const DatasetFile& dataset, TrainingPart part);

  const Shard& shard() const { return *shard_; }
  bool has_times() const { return has_times_; }
  // Of all ranks; zero without times.
  std::int64_t first_time() const { return first_time_; }
  std::int64_t last_time() const { return last_time_; }
  // Of all ranks.
  float smallest_weight() const { return smallest_weight_; }
  float largest_weight() const { return largest_weight_; }
  std::uint64_t num_without_weight() const { return num_without_weight_; }  // zero or below

  // Of one node's interactions; times are zero without times.
  struct Row {
    std::span<const std::uint32_t> far_end;  // global indices, ascending
    std::span<const float> weight;
    std::span<const std::int64_t> time;
  };
  Row of_user(std::int64_t user_row) const { return row_of(users_, user_row); }
  // `item` numbers the owned items as in Shard::owned_items.
  Row of_item(std::int64_t item) const { return row_of(items_, item); }

  // The interactions as a graph in which each weighs what `weigh` says of its weight and time;
  // those that it gives zero are left out. The same numbers give the same weight on every rank.
  // Collective.
  using Weigh = std::function<float(float weight, std::int64_t time)>;
  Adjacency adjacency(const Weigh& weigh) const;

 private:
  // Rows of one kind, one below the other.
  struct Table {
    std::vector<std::int64_t> begin{0};
    std::vector<std::uint32_t> far_end;
    std::vector<float> weight;
    std::vector<std::int64_t> time;
  };
  static Row row_of(const Table& table, std::int64_t row);
  void take_users(const DatasetFile& dataset, TrainingPart part);
  void send_to_items();
  void find_ranges();

  const Shard* shard_;
  bool has_times_;
  Table users_, items_;
  std::int64_t first_time_ = 0, last_time_ = 0;
  float smallest_weight_ = 0, largest_weight_ = 0;
  std::uint64_t num_without_weight_ = 0;
};

// How much of its weight an interaction still has at this age: 2^-(age / half-life). After 40
// half-lives it falls no further, so that numbers stay within single precision: 1e-12.
double decayed(double age_seconds, double half_life_seconds);

// How often each item of the whole graph was taken, an interaction counting decayed(its age): the
// same on every rank. Collective.
std::vector<double> decayed_popularity(const InteractionFacts& facts, double half_life_seconds);

// What an interaction's weight is to an edge: nothing, itself, or log(1 + weight).
enum class WeightRule : std::uint8_t { one, rating, log1p };

// An edge weighs what the rule makes of the interaction's weight, times its decay since the newest
// training interaction; an infinite half-life is none. Collective.
Adjacency weighted_adjacency(const InteractionFacts& facts, WeightRule rule,
                             double half_life_seconds);

// The time from the first training interaction to the last, cut into `num_slices` of equal
// duration, the oldest first: the interactions of each as a graph of its own. Collective.
std::vector<Adjacency> time_slices(const InteractionFacts& facts, std::int64_t num_slices);

}  // namespace halorec
