// Popularity: the same list for everyone, by training degree. It also serves, under every other
// model, people without history.
#pragma once

#include "engine/scorer.hpp"

namespace halorec {

class Popular final : public Scorer {
 public:
  using Scorer::Scorer;

  void score(std::span<const std::int32_t> people, std::int64_t first, std::int64_t count, float*,
             float* scores) const override {
    for (std::size_t p = 0; p < people.size(); ++p) {
      for (std::int64_t i = first; i < first + count; ++i) {
        *scores++ =
            static_cast<float>(shard().item_degree(block().items[static_cast<std::size_t>(i)]));
      }
    }
  }
  bool serves_cold(std::int64_t /*person*/) const override { return true; }

 private:
  void fold_in_guests() override {}
};

}  // namespace halorec
