#include "launch/loss_option.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

#include "comm/check.hpp"
#include "launch/comma_list.hpp"
#include "launch/spelling.hpp"

namespace halorec {
namespace {

LossKind kind_of(std::string_view name) {
  const auto* const found = std::find(kLossNames.begin(), kLossNames.end(), name);
  if (found != kLossNames.end()) {
    return kLossKinds[static_cast<std::size_t>(found - kLossNames.begin())];
  }
  const std::vector<std::string> words(kLossNames.begin(), kLossNames.end());
  const std::string near = nearest_word(std::string(name), words);
  fail_usage("--loss does not know '{}'{}; allowed: {}", name,
             near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near),
             fmt::join(words, ", "));
}

double weight_of(std::string_view entry, std::string_view text) {
  double weight = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, code] = std::from_chars(text.data(), end, weight);
  if (code != std::errc() || stop != end || !std::isfinite(weight) || weight < 0) {
    fail_usage("--loss takes weights from 0 on, not '{}' in '{}'; for example softmax:1,bpr:0.2",
               text, entry);
  }
  return weight;
}

}  // namespace

LossTerms parse_loss_terms(std::string_view text) {
  LossTerms terms;
  std::vector<LossKind> seen;
  bool any = false;
  for (const std::string& entry : split_commas(text, "--loss")) {
    const auto colon = entry.find(':');
    const LossKind kind = kind_of(std::string_view(entry).substr(0, colon));
    const double weight = colon == std::string::npos
                              ? 1
                              : weight_of(entry, std::string_view(entry).substr(colon + 1));
    if (std::find(seen.begin(), seen.end(), kind) != seen.end()) {
      fail_usage("--loss '{}' names {} twice; give each term once, with one weight", text,
                 loss_name(kind));
    }
    seen.push_back(kind);
    terms.set(kind, weight);
    any = any || weight > 0;
  }
  if (!any) fail_usage("--loss '{}' gives every term the weight 0; at least one must count", text);
  return terms;
}

std::map<std::string, double> weights_by_name(const LossTerms& terms) {
  std::map<std::string, double> weights;
  for (const LossKind kind : kLossKinds) {
    if (terms.has(kind)) weights[std::string(loss_name(kind))] = terms.weight(kind);
  }
  return weights;
}

std::string allowed_loss_terms() {
  return fmt::format("{}", fmt::join(kLossNames, ", "));
}

}  // namespace halorec
