#include "comm/random.hpp"

#include <Random123/philox.h>
#include <xxhash.h>

#include <cmath>
#include <numbers>

#include "comm/check.hpp"

namespace halorec {

std::uint64_t Random::bits(std::uint64_t key, std::uint32_t index) const {
  HALOREC_ASSERT_HEAVY(step_ >> 32 == 0);
  // The purpose is folded into the key with an odd constant (golden ratio), so that no two purposes
  // share a Philox key under the same seed.
  const std::uint64_t philox_key =
      seed_ + static_cast<std::uint64_t>(purpose_) * 0x9E3779B97F4A7C15ULL;
  const r123::Philox4x32::ctr_type counter{{static_cast<std::uint32_t>(key),
                                            static_cast<std::uint32_t>(key >> 32), index,
                                            static_cast<std::uint32_t>(step_)}};
  const r123::Philox4x32::key_type words{
      {static_cast<std::uint32_t>(philox_key), static_cast<std::uint32_t>(philox_key >> 32)}};
  const auto out = r123::Philox4x32{}(counter, words);
  return static_cast<std::uint64_t>(out[1]) << 32 | out[0];
}

std::uint64_t Random::below(std::uint64_t n, std::uint64_t key, std::uint32_t index) const {
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>((static_cast<Wide>(bits(key, index)) * n) >> 64);
}

double Random::normal(std::uint64_t key, std::uint32_t index) const {
  const std::uint64_t both = bits(key, index);
  // 1 - u lies in (0, 1], so the logarithm is finite.
  const double u1 = 1.0 - static_cast<double>(both >> 32) * 0x1.0p-32;
  const double u2 = static_cast<double>(both & 0xFFFFFFFFu) * 0x1.0p-32;
  return std::sqrt(-2.0 * std::log(u1)) * std::cos(2.0 * std::numbers::pi * u2);
}

Permutation::Permutation(std::uint64_t n, std::uint64_t seed, Purpose purpose, std::uint64_t step)
    : n_(n), half_bits_(3) {
  while (half_bits_ < 32 && (std::uint64_t{1} << (2 * half_bits_)) < n) ++half_bits_;
  const Random random(seed, purpose, step);
  std::uint32_t round = 0;
  for (std::uint64_t& round_key : round_key_) round_key = random.bits(n, round++);
}

std::uint64_t Permutation::operator()(std::uint64_t i) const {
  HALOREC_ASSERT_HEAVY(i < n_);
  const std::uint64_t mask = (std::uint64_t{1} << half_bits_) - 1;
  do {
    std::uint64_t left = i >> half_bits_;
    std::uint64_t right = i & mask;
    for (const std::uint64_t round_key : round_key_) {
      // splitmix64's finaliser as the round function.
      std::uint64_t mixed = right + round_key;
      mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9ULL;
      mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBULL;
      mixed ^= mixed >> 31;
      const std::uint64_t next = left ^ (mixed & mask);
      left = right;
      right = next;
    }
    i = left << half_bits_ | right;
  } while (i >= n_);
  return i;
}

std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace halorec
