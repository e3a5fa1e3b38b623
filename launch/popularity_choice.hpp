// How much popularity counts in lists, where --log-popularity leaves it open: validation chooses,
// after training, which costs a few evaluations.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace halorec {

class RunFolder;

struct PopularityChoice {
  struct Tried {
    double weight, value;
  };
  double weight = 0;         // in units of the cosine
  std::vector<Tried> tried;  // in the order of trying
};

// Climbs from `start` over the rungs {0, 1/8, 1/4, 3/8, 1/2, 3/4, 1, 3/2, 2, 3, 4, 6} x temperature
// and `start` itself, one way and, where that is no better at once, the other, as long as value_of
// gets better. value_of: a metric of lists, larger is better, alike on every rank.
PopularityChoice choose_log_popularity(double start, double temperature,
                                       const std::function<double(double weight)>& value_of);

// lists.json of the run, durably. metric: of validation, what chose. Root.
void write_popularity_choice(const RunFolder& run, const PopularityChoice& choice,
                             const std::string& metric);
// The weight; none while nothing is chosen yet. Error when the file is damaged, or is not that of
// the run's result.
std::optional<double> read_popularity_choice(const RunFolder& run);

}  // namespace halorec
