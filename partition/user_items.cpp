#include "partition/user_items.hpp"

#include <algorithm>
#include <iterator>

namespace halorec {

UserItems either(const UserItems& a, const UserItems& b) {
  UserItems both;
  for (std::int64_t row = 0; row + 1 < std::ssize(a.begin); ++row) {
    const auto one = a.of(row), other = b.of(row);
    std::set_union(one.begin(), one.end(), other.begin(), other.end(),
                   std::back_inserter(both.items));
    both.begin.push_back(std::ssize(both.items));
  }
  return both;
}

}  // namespace halorec
