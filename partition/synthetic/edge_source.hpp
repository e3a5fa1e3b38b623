// What every kind of synthetic graph is to the machinery that splits and writes it (generate.hpp):
// a function from a user to the user's distinct items. Each draw is keyed by the seed and the user,
// so that any rank can draw any user, twice with the same result, and nobody holds all edges.
#pragma once

#include <charconv>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "comm/random.hpp"
#include "partition/dataset.hpp"
#include "partition/synthetic/options.hpp"

namespace halorec {

// Of a kind: nodes are numbered in 32 bits, and a user's edges in 30.
inline constexpr std::uint64_t kMostNodes = (std::uint64_t{1} << 31) - 1;
constexpr std::uint32_t most_edges_of_user(std::uint32_t num_items) {
  return num_items / 2;
}

inline constexpr std::int64_t kFirstTime = 1'672'531'200;  // 2023-01-01
inline constexpr std::int64_t kSpanSeconds = 63'158'400;   // 731 days

// Steps of the synthetic purpose: one for each kind of draw. Append, never renumber.
enum class Draw : std::uint64_t {
  user_order,
  item_order,
  rank_order,
  degree,
  choice,
  item,
  time,
  shift,
  user_attribute,
  item_attribute,
  level,
  row_count,
  user_scramble,
  item_scramble,
  keep,
};
inline Random draw_of(std::uint64_t seed, Draw what) {
  return {seed, Purpose::synthetic, static_cast<std::uint64_t>(what)};
}
inline Permutation order_of(std::uint64_t n, std::uint64_t seed, Draw what) {
  return {n, seed, Purpose::synthetic, static_cast<std::uint64_t>(what)};
}

// One user's edges in the order drawn. `time` is empty when the graph has none.
struct UserEdges {
  std::vector<std::uint32_t> item;
  std::vector<std::int64_t> time;
};

class EdgeSource {
 public:
  virtual ~EdgeSource() = default;
  EdgeSource() = default;
  EdgeSource(const EdgeSource&) = delete;
  EdgeSource& operator=(const EdgeSource&) = delete;

  virtual std::uint32_t num_users() const = 0;
  virtual std::uint32_t num_items() const = 0;
  virtual std::uint64_t num_edges() const = 0;  // asked for
  // The edges placed are num_edges() but for those that find no place; else expected ones.
  virtual bool counts_exactly() const { return true; }
  virtual bool has_times() const = 0;
  // The edges of a user, roughly: to share out the work.
  virtual double expected_edges(std::uint32_t user) const = 0;

  // Replaces `edges` by the user's, at most most_edges_of_user. For any thread.
  virtual void draw(std::uint32_t user, UserEdges& edges) const = 0;

  // Replaces `name`. u17 and i17 unless the kind has names of its own.
  virtual void name_user(std::uint32_t user, std::string& name) const { number('u', user, name); }
  virtual void name_item(std::uint32_t item, std::string& name) const { number('i', item, name); }

  // What was planted, by the nodes' numbers here; null where P(item | user) has no closed form.
  virtual std::unique_ptr<Truth> truth() const { return nullptr; }
  // A planted attribute of each node; empty when there is none.
  virtual std::vector<std::uint32_t> user_attributes() const { return {}; }
  virtual std::vector<std::uint32_t> item_attributes() const { return {}; }

 private:
  static void number(char letter, std::uint32_t number, std::string& name) {
    char digits[10];
    const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    name.assign(1, letter).append(digits, end);
  }
};

// Every rank makes the same one. Expansion reads its dataset file; Error as reading it throws.
std::unique_ptr<EdgeSource> make_edge_source(const SyntheticOptions& options);

// The time of a user's k-th edge: uniform over kSpanSeconds.
class UniformTimes {
 public:
  explicit UniformTimes(std::uint64_t seed) : random_(draw_of(seed, Draw::time)) {}
  std::int64_t operator()(std::uint32_t user, std::uint32_t k) const {
    return kFirstTime + static_cast<std::int64_t>(random_.below(kSpanSeconds, user, k));
  }

 private:
  Random random_;
};

}  // namespace halorec
