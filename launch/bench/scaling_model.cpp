#include "launch/bench/scaling_model.hpp"

#include <algorithm>

#include "comm/check.hpp"

namespace halorec {

double BaseFigures::equivalent_products() const {
  if (products == 0 || product_seconds <= 0) return 0;
  const double rest = rest_seconds.contains(1) ? rest_seconds.at(1) : 0;
  return std::max(0.0, (step_seconds - update_seconds - rest) / product_seconds);
}

double BaseFigures::demanded_share() const {
  if (products < 2) return 0;
  return std::clamp((equivalent_products() - static_cast<double>(products - 2)) / 2, 0.0, 1.0);
}

std::vector<std::pair<std::string, double>> StepPrediction::terms() const {
  return {{"products", products},   {"imbalance", imbalance}, {"halo", halo},
          {"batch gather", gather}, {"update", update},       {"loss", rest},
          {"reductions", reduction}};
}

StepPrediction predict_step(const BaseFigures& base, const CutFigures& cut,
                            const ModelChoices& choices) {
  if (cut.parts.empty()) fail("no part was measured");
  StepPrediction p;
  p.ranks = cut.ranks;
  const auto ranks = static_cast<double>(cut.ranks);
  const double products = base.equivalent_products();
  const auto full = static_cast<double>(std::max<std::int64_t>(0, base.products - 2));
  const double demanded = static_cast<double>(base.products) - full;  // none or two
  const double share = base.demanded_share();
  const double row_bytes = static_cast<double>(base.dim) * choices.bytes_each_number;
  // Sums over the parts that ran; a part's share of the whole gives the mean rank.
  double compute = 0, nonzeros = 0, slowest_compute = 0, slowest = 0;
  for (const PartFigures& part : cut.parts) {
    const double sent = static_cast<double>(part.exchanged_rows) * row_bytes;
    const auto messages = static_cast<double>(part.messages);
    const auto exposed = [&](double of_product) {
      return std::max(0.0, choices.network.exchange_seconds(messages, of_product * sent) -
                               choices.overlap * of_product * part.local_seconds);
    };
    const double mine = products * (part.pack_seconds + part.local_seconds + part.cross_seconds);
    compute += mine;
    nonzeros += static_cast<double>(part.nonzeros);
    slowest_compute = std::max(slowest_compute, mine);
    slowest = std::max(slowest, mine + full * exposed(1) + demanded * exposed(share));
    p.update = std::max(p.update, part.update_seconds);
    p.bytes = std::max(p.bytes, (full + demanded * share) * sent);
    p.messages = std::max(p.messages, static_cast<double>(base.products) * messages);
    p.memory_bytes = std::max(p.memory_bytes, rank_memory_bytes(base, part, cut.ranks));
  }
  const double mean =
      nonzeros > 0 ? compute / nonzeros * 2 * static_cast<double>(base.interactions) / ranks : 0;
  p.products = std::min(mean, slowest_compute);
  p.imbalance = slowest_compute - p.products;
  p.halo = slowest - slowest_compute;
  const auto rest = base.rest_seconds.find(cut.ranks);
  if (rest == base.rest_seconds.end()) fail("the loss was not measured for {} ranks", cut.ranks);
  p.rest = rest->second;
  if (cut.ranks > 1) {
    // Rows of other ranks that the loss reads: names out, rows in, gradients and L2's counts back.
    const double away = (ranks - 1) / ranks;
    const double rows = away * (static_cast<double>(base.shared_rows) +
                                static_cast<double>(base.batch * base.rows_each) / ranks);
    const double full_row = static_cast<double>(base.dim) * sizeof(float);
    const auto once = [&](double bytes) {
      return choices.network.exchange_seconds(ranks - 1, bytes);
    };
    p.gather = 2 * once(4 * rows) + 2 * once(full_row * rows);
    p.bytes += rows * (8 + 2 * full_row);
    p.messages += 4 * (ranks - 1);
    p.reduction = choices.network.reduction_seconds(cut.ranks);
  }
  p.efficiency = base.step_seconds / (ranks * p.seconds());
  return p;
}

double rank_memory_bytes(const BaseFigures& base, const PartFigures& part, std::int64_t ranks) {
  constexpr double kProgram = 60e6;  // the program, MPI and HDF5
  constexpr double kMatrices =
      4 + 2;                       // value, gradient, two moments; two that layers take turns in
  constexpr double kLossRows = 4;  // fetched, normalised, and both gradients
  const double row = static_cast<double>(base.dim) * sizeof(float);
  const auto owned = static_cast<double>(part.owned), ghosts = static_cast<double>(part.ghosts);
  const double loss_rows =
      static_cast<double>(base.shared_rows) +
      static_cast<double>(base.batch * (1 + base.rows_each)) / static_cast<double>(ranks);
  // Local and cross edges once, cross edges turned round, and again as the exchange plan has them.
  const double edges =
      static_cast<double>(part.nonzeros) + 2 * static_cast<double>(part.cross_nonzeros);
  return kProgram +
         row * (kMatrices * owned + static_cast<double>(part.buffer_rows) + kLossRows * loss_rows) +
         4 * edges + 8 * (4 * owned + 3 * ghosts) + 16 * static_cast<double>(part.interactions) +
         12 * static_cast<double>(base.nodes);
}

ScalingVerdict judge(const std::vector<StepPrediction>& predictions, double floor) {
  ScalingVerdict verdict;
  if (predictions.empty()) return verdict;
  const auto fastest =
      std::min_element(predictions.begin(), predictions.end(),
                       [](const auto& a, const auto& b) { return a.seconds() < b.seconds(); });
  verdict.fastest_ranks = fastest->ranks;
  verdict.best_ranks = predictions.front().ranks;
  for (const StepPrediction& p : predictions) {
    if (p.efficiency >= floor) verdict.best_ranks = std::max(verdict.best_ranks, p.ranks);
  }
  // Beyond a perfect division of the smallest job's terms.
  const StepPrediction& first = predictions.front();
  const StepPrediction& last = predictions.back();
  const auto before = first.terms(), after = last.terms();
  const double division = static_cast<double>(last.ranks) / static_cast<double>(first.ranks);
  double most = 0;
  for (std::size_t k = 0; k < after.size(); ++k) {
    const double beyond = after[k].second - before[k].second / division;
    if (beyond <= most) continue;
    most = beyond;
    verdict.limit = after[k].first;
  }
  return verdict;
}

}  // namespace halorec
