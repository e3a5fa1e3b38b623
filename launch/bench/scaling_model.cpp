#include "launch/bench/scaling_model.hpp"

#include <algorithm>

#include "comm/check.hpp"

namespace halorec {

double BaseFigures::equivalent_products() const {
  if (products < 2 || product_seconds <= 0) return 0;
  const double rest = rest_seconds.contains(1) ? rest_seconds.at(1) : 0;
  const double counted = static_cast<double>(products - 2) + 2 * batch_nonzeros;
  return std::max(counted, (step_seconds - update_seconds - rest) / product_seconds);
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

namespace {

// Of what an exchange sends: rows, and in a hybrid plan as many partial sums.
double mean_row_bytes(const ModelChoices& choices, std::int64_t dim) {
  const auto sums = static_cast<double>(wire_row_bytes<float>(choices.wire, dim));
  if (choices.store == RowStorage::full) return sums;
  const auto rows = static_cast<double>(wire_row_bytes<float>(WireFormat::bf16, dim));
  return choices.exchange == ExchangePlan::hybrid ? (rows + sums) / 2 : rows;
}

// Products, halo, bytes and messages of layers that run by columns.
void predict_columns(const BaseFigures& base, const CutFigures& cut, const Network& network,
                     StepPrediction& p) {
  const auto ranks = static_cast<double>(cut.ranks);
  p.products =
      base.equivalent_products() * cut.columns->product_seconds + cut.columns->transpose_seconds;
  p.imbalance = 0;
  // To columns and back: all owned rows, and the rows that the loss reads; then their names.
  const double away = (ranks - 1) / ranks;
  const double row = away * static_cast<double>(base.dim) * sizeof(float);
  const double owned = static_cast<double>(base.nodes) / ranks * cut.quality.node_imbalance;
  const double read = base.batch_rows / ranks;
  const double names = sizeof(std::int32_t) * read * (ranks - 1);
  p.halo = 2 * network.exchange_seconds(ranks - 1, owned * row) +
           2 * network.exchange_seconds(ranks - 1, read * row) +
           network.exchange_seconds(ranks - 1, names);
  p.bytes = 2 * (owned + read) * row + names;
  p.messages = 5 * (ranks - 1);
}

}  // namespace

StepPrediction predict_step(const BaseFigures& base, const CutFigures& cut,
                            const ModelChoices& choices) {
  if (cut.parts.empty()) fail("no part was measured");
  StepPrediction p;
  p.ranks = cut.ranks;
  p.cut_bytes = cut.cut_bytes;
  const auto ranks = static_cast<double>(cut.ranks);
  const double products = base.equivalent_products();
  const auto full = static_cast<double>(std::max<std::int64_t>(0, base.products - 2));
  const double demanded = static_cast<double>(base.products) - full;  // none or two
  const double share = base.demanded_share();
  const double row_bytes = mean_row_bytes(choices, base.dim);
  // Sums over the parts that ran; a part's share of the whole gives the mean rank.
  double compute = 0, nonzeros = 0, slowest_compute = 0, slowest = 0;
  for (const PartFigures& part : cut.parts) {
    const double sent = static_cast<double>(part.exchanged_rows) * row_bytes;
    const auto messages = static_cast<double>(part.messages);
    p.bytes = std::max(p.bytes, (full + demanded * base.batch_nonzeros) * sent);
    p.messages = std::max(p.messages, static_cast<double>(base.products) * messages);
    const RankMemory memory =
        rank_memory(base, part, cut.ranks, cut.columns ? cut.columns->columns : 0);
    if (memory.peak() > p.memory.peak()) p.memory = memory;
    if (!part.replayed) continue;
    const auto exposed = [&](double of_bytes, double of_time) {
      return std::max(0.0, choices.network.exchange_seconds(messages, of_bytes * sent) -
                               choices.overlap * of_time * part.local_seconds);
    };
    const double mine = products * part.product_seconds();
    compute += mine;
    nonzeros += static_cast<double>(part.nonzeros);
    slowest_compute = std::max(slowest_compute, mine);
    slowest = std::max(
        slowest, mine + full * exposed(1, 1) + demanded * exposed(base.batch_nonzeros, share));
    p.update = std::max(p.update, part.update_seconds);
  }
  const double mean =
      nonzeros > 0 ? compute / nonzeros * 2 * static_cast<double>(base.interactions) / ranks : 0;
  p.products = std::min(mean, slowest_compute);
  p.imbalance = slowest_compute - p.products;
  p.halo = slowest - slowest_compute;
  if (cut.columns) predict_columns(base, cut, choices.network, p);
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

std::int64_t BaseFigures::num_turns() const {
  return products == 0 ? 0 : std::min<std::int64_t>(2, products / 2 - 1);
}

double RankMemory::peak() const {
  return std::max({dealing, steps, evaluation});
}

namespace {

constexpr double kProgram = 42e6;  // with MPI, HDF5, BLAS and what the first steps touch

// Edges, numbers of each row, lists of interactions, and tables of all nodes.
double shard_bytes(const BaseFigures& base, const PartFigures& part) {
  // Local and cross edges once, cross edges turned round, and again as the exchange plan has them.
  const double edges =
      static_cast<double>(part.nonzeros) + 2 * static_cast<double>(part.cross_nonzeros);
  return 4 * edges +
         8 * (4 * static_cast<double>(part.owned) + 3 * static_cast<double>(part.ghosts)) +
         4 * static_cast<double>(part.interactions) + 24 * static_cast<double>(base.nodes);
}

// What a step reads, apart from the products (engine/training_step.cpp).
double loss_bytes(const BaseFigures& base, std::int64_t ranks) {
  const double row = static_cast<double>(base.dim) * sizeof(float);
  const auto num_ranks = static_cast<double>(ranks);
  const auto shared = static_cast<double>(base.shared_rows);
  const auto threads = static_cast<double>(base.threads);
  const double wanted = shared + static_cast<double>(base.batch * (1 + base.rows_each)) / num_ranks;
  const double fetched = std::min(wanted, base.batch_rows);
  const double served = base.batch_rows / num_ranks;
  // Served rows differ from step to step: the tape takes final and initial rows with their
  // gradients anew while it still holds the last step's; one more is scaled for the way back.
  constexpr double kServed = 2 * 4 + 1;
  constexpr double kFetched = 2;  // packed and arrived, either way
  constexpr double kWanted = 2;   // with their gradients
  double rows = kServed * served + kFetched * fetched + kWanted * wanted;
  double scores = 0;
  if (base.shared_rows > 0) {
    constexpr double kBlockRows = 64;  // of scores, a thread
    rows += 2 * wanted + static_cast<double>(base.batch) / num_ranks + threads * shared;
    scores = threads * kBlockRows * shared * sizeof(float);
  }
  // Blocks whose size changes leave holes in the heap: as much again was measured.
  constexpr double kHoles = 1.8;
  return kHoles * row * rows + scores;
}

}  // namespace

RankMemory rank_memory(const BaseFigures& base, const PartFigures& part, std::int64_t ranks,
                       std::int64_t columns) {
  const double row = static_cast<double>(base.dim) * sizeof(float);
  const auto owned = static_cast<double>(part.owned), ghosts = static_cast<double>(part.ghosts);
  const auto interactions = static_cast<double>(part.interactions);
  const auto turns = static_cast<double>(base.num_turns());
  constexpr double kState = 4;     // value, gradient, two moments
  constexpr double kSampled = 12;  // an interaction, in the order of its step
  constexpr double kDealt = 16;    // while it finds its step
  RankMemory memory;
  memory.steps = kProgram + shard_bytes(base, part) +
                 row * ((kState + 2 * turns) * owned + static_cast<double>(part.buffer_rows)) +
                 (kSampled + kDealt) * interactions + loss_bytes(base, ranks);
  // A tape of its own, of values alone: final and (with layers) initial rows, and the answer; the
  // last product exchanges the plain halo, packed and arrived.
  const double results = base.products == 0 ? 2 : 3;
  memory.evaluation = memory.steps + row * ((results + turns) * owned + 2 * ghosts);
  if (columns > 0) {
    // The whole graph once more, and blocks of columns instead of rows: embeddings, gradients,
    // turns, and what is under way between the two.
    const double block = static_cast<double>(base.nodes * columns) * sizeof(float);
    PartFigures whole;
    whole.owned = base.nodes;
    whole.nonzeros = 2 * base.interactions;
    whole.interactions = base.interactions;
    memory.steps += shard_bytes(base, whole) + (4 + 2 * turns) * block -
                    row * (2 * turns * owned + static_cast<double>(part.buffer_rows));
    memory.evaluation = memory.steps + row * results * owned + (3 + turns) * block;
  }
  // Pairs of both ends' ranks, in vectors that grow; a chunk of the file as it is read, packed,
  // received and unpacked (partition/home_edges.hpp).
  constexpr double kChunk = 1 << 22, kPair = 8;
  memory.dealing =
      kProgram + 24 * static_cast<double>(base.nodes) +
      1.5 * kPair * static_cast<double>(part.nonzeros) +
      4 * kPair *
          std::min(kChunk, static_cast<double>(base.interactions) / static_cast<double>(ranks));
  return memory;
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
