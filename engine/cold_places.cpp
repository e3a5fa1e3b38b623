#include "engine/cold_places.hpp"

#include <algorithm>
#include <cmath>

namespace halorec {

std::int64_t ColdPlaces::among(std::int64_t n) const {
  constexpr double kRounding = 1e-9;  // of shares like .29 as binary fractions
  return static_cast<std::int64_t>(std::floor(static_cast<double>(n) * share_ + kRounding));
}

std::int64_t ColdPlaces::place_of(std::int64_t n, bool cold, std::int64_t num_others) const {
  const std::int64_t last = n + num_others;  // once all others stand in the list
  const auto number = static_cast<double>(n);
  const double about = cold ? number / share_ : (number - 1) / (1 - share_);
  if (!(about < static_cast<double>(last))) return last;
  const auto is_there = [&](std::int64_t place) {
    return (cold ? among(place) : place - among(place)) >= n;
  };
  auto place = std::max(n, static_cast<std::int64_t>(about) - 1);
  while (place < last && !is_there(place)) ++place;
  return place;
}

}  // namespace halorec
