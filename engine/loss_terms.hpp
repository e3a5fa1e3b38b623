// The terms that an objective may blend, and their weights.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace halorec {

enum class LossKind : std::uint8_t { softmax, bpr, logistic, rating, contrastive };
inline constexpr std::array kLossKinds{LossKind::softmax, LossKind::bpr, LossKind::logistic,
                                       LossKind::rating, LossKind::contrastive};
inline constexpr std::array<std::string_view, kLossKinds.size()> kLossNames{
    "softmax", "bpr", "logistic", "rating", "contrastive"};
inline std::string_view loss_name(LossKind kind) {
  return kLossNames[static_cast<std::size_t>(kind)];
}

// A weight of zero: the objective has no such term.
class LossTerms {
 public:
  LossTerms() = default;
  LossTerms(LossKind only) { set(only, 1); }

  LossTerms& set(LossKind kind, double weight) {
    weights_[static_cast<std::size_t>(kind)] = weight;
    return *this;
  }
  double weight(LossKind kind) const { return weights_[static_cast<std::size_t>(kind)]; }
  bool has(LossKind kind) const { return weight(kind) > 0; }
  // Terms that are scored against negatives of each positive's own.
  bool has_pairs() const { return has(LossKind::bpr) || has(LossKind::logistic); }

 private:
  std::array<double, kLossKinds.size()> weights_{};
};

inline int num_terms(const LossTerms& terms) {
  int count = 0;
  for (const LossKind kind : kLossKinds) count += terms.has(kind) ? 1 : 0;
  return count;
}

}  // namespace halorec
