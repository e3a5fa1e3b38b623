// Places of a list that are kept for items without training interactions: with a share s, place p
// (from 1) where floor(p s) > floor((p - 1) s), so that floor(p s) of the first p are. The best of
// these items stand there and nowhere else, whatever they score beside the others, of which scores
// know more. Where one kind runs out the other goes on.
#pragma once

#include <cstdint>

namespace halorec {

class ColdPlaces {
 public:
  ColdPlaces() = default;  // none are kept: all items rank by their scores
  // share: above 0, at most 1.
  explicit ColdPlaces(double share) : share_(share) {}

  bool any() const { return share_ > 0; }
  // Of the first n places.
  std::int64_t among(std::int64_t n) const;
  bool at(std::int64_t place) const { return among(place) > among(place - 1); }
  // Where the n-th best of one kind stands, from 1, in a list for which there are num_others of the
  // other kind.
  std::int64_t place_of(std::int64_t n, bool cold, std::int64_t num_others) const;

 private:
  double share_ = 0;
};

}  // namespace halorec
