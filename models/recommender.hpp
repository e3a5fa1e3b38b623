// Lists of items for people who are named: users of the data set, or a history of items. Lists are
// made a window of people at a time and handed to the root in the order that was asked for, so any
// number of people fits.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/ranking.hpp"

namespace halorec {

// One person's list, on the root. `person`: place in what was asked.
struct Recommendation {
  std::uint64_t person = 0;
  bool cold = false;  // no history: the list is popularity's
  std::span<const RankedItem> items;
};
// May throw; every rank then throws the same error.
using RecommendationSink = std::function<void(const Recommendation&)>;

class Recommender {
 public:
  // Reads what users have seen besides the training part: the validation items of a model that
  // did not learn from them. Where the protocol lets repeats count as hits, nothing of it is left
  // out. left_out: what stands in no list of a user besides. All else is kept by reference.
  // Collective.
  Recommender(Scorer& scorer, const Catalogue& catalogue, const DatasetFile& dataset,
              TrainingPart part, bool include_seen,
              std::optional<UserItems> left_out = std::nullopt);

  // Users by global index, the same on every rank. Collective.
  void for_users(std::span<const std::uint32_t> users, std::int64_t k,
                 const RecommendationSink& sink);
  void for_all_users(std::int64_t k, const RecommendationSink& sink);
  // Someone without a row, by global indices of items. Collective.
  void for_history(std::vector<std::uint32_t> history, std::int64_t k,
                   const RecommendationSink& sink);

 private:
  template <typename PersonAt>
  void for_people(std::uint64_t num_people, const PersonAt& person_at, std::int64_t k,
                  const RecommendationSink& sink);

  Scorer& scorer_;
  const Catalogue& catalogue_;
  bool exclude_seen_;
  std::optional<UserItems> left_out_;
};

// Up to k items nearest to `item`, the same on every rank. Usage Error that names the models which
// know such a thing, when `model` does not. Collective.
std::vector<RankedItem> similar_items(const Scorer& scorer, std::string_view model,
                                      const Catalogue& catalogue, std::uint32_t item,
                                      std::int64_t k);

}  // namespace halorec
