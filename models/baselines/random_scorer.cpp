#include "models/baselines/random_scorer.hpp"

#include "comm/random.hpp"

namespace halorec {
namespace {

// Mixes the keys of a user and an item (the finaliser of SplitMix64: Steele, Lea, Flood, Fast
// splittable pseudorandom number generators, OOPSLA 2014). Philox on every pair would cost ten
// times as much.
std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

}  // namespace

RandomScorer::RandomScorer(const Shard& shard, std::uint64_t seed) : Scorer(shard), seed_(seed) {
  const Random random(seed, Purpose::random_model);
  item_key_.resize(shard.num_items());
  for (std::uint32_t i = 0; i < shard.num_items(); ++i) {
    item_key_[i] = random.bits(GlobalId(NodeKind::item, i).bits());
  }
  for (const std::uint32_t user : shard.owned_users()) {
    person_key_.push_back(random.bits(GlobalId(NodeKind::user, user).bits()));
  }
}

void RandomScorer::fold_in_guests() {
  const Random random(seed_, Purpose::random_model, 1);
  person_key_.resize(static_cast<std::size_t>(shard().num_owned_users()));
  for (std::int64_t g = 0; g < num_guests(); ++g) {
    person_key_.push_back(random.bits(static_cast<std::uint64_t>(g)));
  }
}

void RandomScorer::score(std::span<const std::int32_t> people, std::int64_t first,
                         std::int64_t count, float*, float* scores) const {
  const auto items =
      block().items.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
  for (const std::int32_t person : people) {
    const std::uint64_t key = person_key_[static_cast<std::size_t>(person)];
    for (const std::uint32_t item : items) {
      // The upper 24 bits: all that a float in [0, 1) holds.
      *scores++ = static_cast<float>(mix(key ^ item_key_[item]) >> 40) * 0x1.0p-24f;
    }
  }
}

}  // namespace halorec
