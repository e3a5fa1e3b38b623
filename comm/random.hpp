// Random numbers without a stream: each number is a function of (seed, purpose, step, key, index),
// so that any rank can draw any number and the rank count cannot change an answer. Philox4x32-10
// (Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011) from Random123.
#pragma once

#include <cstdint>
#include <string_view>

namespace halorec {

// What a number is for; two purposes never share numbers. Values are part of what a run means:
// append, never renumber.
enum class Purpose : std::uint32_t {
  initialise = 1,
  shuffle = 2,
  negatives = 3,
  split = 4,
  subset = 5,
  synthetic = 6,
  random_model = 7,
  test = 8,
  wire_rounding = 9,
  perturb = 10,
  edge_dropout = 20,
  node_dropout = 21,
  message_dropout = 22,
  row_noise = 23,
  view_dropout = 24,
  id_dropout = 25,
  neighbour_sample = 30,
};

// Uniform in [0, 1), from the upper 53 of uniform bits.
inline double uniform_of(std::uint64_t bits) {
  return static_cast<double>(bits >> 11) * 0x1.0p-53;
}

class Random {
 public:
  Random(std::uint64_t seed, Purpose purpose, std::uint64_t step = 0)
      : seed_(seed), step_(step), purpose_(purpose) {}

  // 64 uniform bits for (key, index). `step` and `index` must be below 2^32.
  std::uint64_t bits(std::uint64_t key, std::uint32_t index = 0) const;
  // Uniform in [0, 1), 53 bits.
  double uniform(std::uint64_t key, std::uint32_t index = 0) const {
    return uniform_of(bits(key, index));
  }
  // Uniform in [0, n), n > 0, without modulo bias beyond 2^-64 n.
  std::uint64_t below(std::uint64_t n, std::uint64_t key, std::uint32_t index = 0) const;
  // Standard normal (Box-Muller on the pair of uniforms of one counter).
  double normal(std::uint64_t key, std::uint32_t index = 0) const;

 private:
  std::uint64_t seed_;
  std::uint64_t step_;
  Purpose purpose_;
};

// 64 uniform bits for the i-th number of the sequence that starts at `start`, itself drawn by
// Random: many numbers for one key, a counter still, at a tenth of Philox's cost. SplitMix64
// (Steele et al., OOPSLA 2014).
inline std::uint64_t sequence_bits(std::uint64_t start, std::uint64_t i) {
  std::uint64_t z = start + (i + 1) * 0x9E3779B97F4A7C15ULL;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}
// A keyed bijection of [0, n): position of element i in the order of (seed, purpose, step).
// A balanced Feistel network over the next even power of two, walked until it lands inside
// (Black and Rogaway, Ciphers with arbitrary finite domains, CT-RSA 2002). O(1) memory. Six rounds
// over at least 64 elements: with four, or over fewer, some elements of a tiny range prefer some
// positions.
class Permutation {
 public:
  Permutation(std::uint64_t n, std::uint64_t seed, Purpose purpose, std::uint64_t step);
  std::uint64_t operator()(std::uint64_t i) const;
  std::uint64_t size() const { return n_; }

 private:
  std::uint64_t n_;
  unsigned half_bits_;
  std::uint64_t round_key_[6];
};

// XXH3 of bytes: stable over machines and versions. Used for tie breaking by original id, keyed
// splits and cache keys.
std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t seed = 0);

}  // namespace halorec
