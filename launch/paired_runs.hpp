// Two runs on the same users: what evaluate --against measures and says.
#pragma once

#include <array>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/evaluation.hpp"
#include "engine/paired.hpp"
#include "launch/trained_run.hpp"

namespace halorec {

// Runs that have learned from the same part of the same data: what is cold to one is cold to the
// other. A baseline learns now, from what the other run has learned from; asked about validation,
// which it can do without, from the training part alone.
struct RunPair {
  TrainedRun run;
  std::optional<TrainedRun> other;
};

// Error when that cannot be. `against`: none for one run alone. Collective.
RunPair load_runs(Communicator& communicator, const std::filesystem::path& run,
                  const std::optional<std::filesystem::path>& against, Split split);

class PairedRuns {
 public:
  explicit PairedRuns(std::vector<std::int64_t> ks) : ks_(std::move(ks)) {}

  // Takes each user's figures, of the first run and then of the second, both in the same order.
  void add(bool is_first, const UserFigures& figures);

  // One kind of held-out items: their metrics at each k, over users who have such an item.
  struct Part {
    std::string prefix;  // "", "warm_", "cold_"
    std::uint64_t num_users = 0;
    std::vector<PairedDifference> figures;  // [k x metric]
  };
  // Parts that have users; warm and cold ones where both kinds are held out.
  std::vector<Part> compare(std::uint64_t seed) const;

  nlohmann::ordered_json json(std::span<const Part> parts) const;
  // Recall and NDCG, for people; it says so when users are too few.
  std::string text(std::span<const Part> parts) const;

 private:
  std::string name_of(const Part& part, std::size_t figure) const;

  std::vector<std::int64_t> ks_;
  // Of all, warm and cold held-out items: [users x k x metric], first and second run.
  std::array<std::array<std::vector<double>, 2>, 3> figures_;
};

}  // namespace halorec
