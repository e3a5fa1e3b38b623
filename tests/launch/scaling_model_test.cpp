// The arithmetic of predictions, followed by hand, and the Slurm script that comes out of them.
#include "launch/bench/scaling_model.hpp"

#include <gtest/gtest.h>

#include "comm/check.hpp"
#include "launch/bench/plan.hpp"
#include "launch/bench/replay.hpp"

namespace halorec {
namespace {

BaseFigures base() {
  BaseFigures b;
  b.nodes = 1000;
  b.interactions = 5000;
  b.dim = 16;
  b.batch = 100;
  b.steps_per_epoch = 50;
  b.product_seconds = 0.010;
  b.update_seconds = 0.004;
  b.products = 6;
  b.rest_seconds = {{1, 0.002}, {2, 0.0015}};
  b.step_seconds = 0.004 + 0.002 + 4.5 * 0.010;
  b.batch_nonzeros = 0.25;
  return b;
}

PartFigures part(std::int32_t number, double seconds) {
  PartFigures p;
  p.part = number;
  p.owned = 500;
  p.ghosts = 100;
  p.nonzeros = 5000;
  p.cross_nonzeros = 1000;
  p.interactions = 2500;
  p.exchanged_rows = 1000;
  p.messages = 1;
  p.pack_seconds = 0.1 * seconds;
  p.local_seconds = 0.6 * seconds;
  p.cross_seconds = 0.3 * seconds;
  p.update_seconds = 0.002;
  return p;
}

TEST(Model, ProductsOfAStepByHand) {
  EXPECT_NEAR(base().equivalent_products(), 4.5, 1e-12);
  EXPECT_NEAR(base().demanded_share(), 0.25, 1e-12);
  // A step that was measured too short for the nonzeros that it needs at least.
  BaseFigures quick = base();
  quick.step_seconds -= 0.010;
  EXPECT_NEAR(quick.equivalent_products(), 4.5, 1e-12);
  BaseFigures flat = base();
  flat.products = 0;
  EXPECT_EQ(flat.equivalent_products(), 0);
  EXPECT_EQ(flat.demanded_share(), 0);
}

TEST(Model, OneRankIsWhatWasMeasured) {
  CutFigures cut;
  PartFigures whole = part(0, 0.010);
  whole.nonzeros = 10000;
  whole.exchanged_rows = whole.messages = 0;
  whole.update_seconds = 0.004;
  cut.parts = {whole};
  const StepPrediction p = predict_step(base(), cut, {});
  EXPECT_NEAR(p.seconds(), base().step_seconds, 1e-12);
  EXPECT_NEAR(p.efficiency, 1, 1e-9);
  EXPECT_EQ(p.bytes, 0);
}

TEST(Model, TermsOfTwoRanksByHand) {
  CutFigures cut;
  cut.ranks = 2;
  cut.parts = {part(0, 0.006), part(1, 0.004)};
  ModelChoices choices;
  choices.network = {1e-6, 16e6, 0, "given"};  // 1000 rows of 16 floats: 4 ms and 1 us
  const StepPrediction p = predict_step(base(), cut, choices);
  EXPECT_NEAR(p.products, 4.5 * 0.005, 1e-12);
  EXPECT_NEAR(p.imbalance, 4.5 * 0.001, 1e-12);
  // Slowest with its exposed halo: four whole products, two at a quarter of the rows.
  const double first = 4.5 * 0.006 + 4 * (0.004001 - 0.0036) + 2 * (0.001001 - 0.0009);
  const double second = 4.5 * 0.004 + 4 * (0.004001 - 0.0024) + 2 * (0.001001 - 0.0006);
  EXPECT_GT(first, second);
  EXPECT_NEAR(p.halo, first - 4.5 * 0.006, 1e-12);
  EXPECT_NEAR(p.update, 0.002, 1e-12);
  EXPECT_NEAR(p.rest, 0.0015, 1e-12);
  EXPECT_NEAR(p.reduction, 2e-6, 1e-12);
  // Half of the 50 positives' rows is away: names, counts, rows, gradients.
  EXPECT_NEAR(p.gather, 4 * 1e-6 + 25 * (8 + 128) / 16e6, 1e-12);
  EXPECT_NEAR(p.bytes, 4.5 * 64000 + 25 * (8 + 128), 1e-6);
  EXPECT_NEAR(p.messages, 6 + 4, 1e-12);
  EXPECT_NEAR(p.efficiency, base().step_seconds / (2 * p.seconds()), 1e-12);
  double sum = 0;
  for (const auto& [name, seconds] : p.terms()) sum += seconds;
  EXPECT_NEAR(sum, p.seconds(), 1e-15);
}

TEST(Model, WithoutOverlapTheHaloIsAdded) {
  CutFigures cut;
  cut.ranks = 2;
  cut.parts = {part(0, 0.005), part(1, 0.005)};
  ModelChoices choices;
  choices.network = {0, 1e9, 0, "given"};
  EXPECT_EQ(predict_step(base(), cut, choices).halo, 0);  // hidden
  choices.overlap = 0;
  EXPECT_NEAR(predict_step(base(), cut, choices).halo, 4.5 * 64e-6, 1e-12);
  choices.wire = WireFormat::bf16;
  EXPECT_NEAR(predict_step(base(), cut, choices).halo, 4.5 * 32e-6, 1e-12);
  choices.wire = WireFormat::int8;  // 16 numbers and their step
  EXPECT_NEAR(predict_step(base(), cut, choices).halo, 4.5 * 20e-6, 1e-12);
}

// Stored rows travel as they are, in half the bytes; the sums of a hybrid plan are of the wire.
TEST(Model, StoredRowsByHand) {
  CutFigures cut;
  cut.ranks = 2;
  cut.parts = {part(0, 0.005), part(1, 0.005)};
  ModelChoices choices;
  choices.network = {0, 1e9, 0, "given"};
  choices.store = RowStorage::bf16;
  const double gathered = 25 * (8 + 128);  // for the loss: in full
  choices.exchange = ExchangePlan::halo;
  EXPECT_NEAR(predict_step(base(), cut, choices).bytes, 4.5 * 32000 + gathered, 1e-6);
  choices.exchange = ExchangePlan::hybrid;
  EXPECT_NEAR(predict_step(base(), cut, choices).bytes, 4.5 * 48000 + gathered, 1e-6);
}

TEST(Model, ColumnsByHand) {
  BaseFigures b = base();
  b.batch_rows = 200;
  CutFigures cut;
  cut.ranks = 2;
  cut.quality.node_imbalance = 1.1;
  cut.parts = {part(0, 0.006), part(1, 0.004)};
  cut.columns = ColumnFigures{8, 0.007, 0.003};
  ModelChoices choices;
  choices.network = {1e-6, 16e6, 0, "given"};
  choices.wire = WireFormat::bf16;  // the transposes travel in full
  const StepPrediction p = predict_step(b, cut, choices);
  EXPECT_NEAR(p.products, 4.5 * 0.007 + 0.003, 1e-12);
  EXPECT_EQ(p.imbalance, 0);
  // Half of 550 rows and half of 100 rows of 16 floats, twice, and 100 names.
  const double transposed = 2 * (550 + 100) * 32 + 400;
  EXPECT_NEAR(p.halo, 5 * 1e-6 + transposed / 16e6, 1e-12);
  EXPECT_NEAR(p.bytes, transposed + 25 * (8 + 128), 1e-6);
  EXPECT_NEAR(p.messages, 5 + 4, 1e-12);
  EXPECT_NEAR(p.update, 0.002, 1e-12);
  // The whole graph stands beside the shard.
  CutFigures rows = cut;
  rows.columns.reset();
  EXPECT_GT(p.memory.steps, predict_step(b, rows, choices).memory.steps + 4.0 * 10000);
}

TEST(Model, RowsByOwnerAreUsersThenItems) {
  const Owners owners{2, {1, 0, 1}, {0, 1}};
  EXPECT_EQ(rows_by_owner(owners), (std::vector<std::int32_t>{1, 3, 0, 2, 4}));
}

TEST(Model, WhatWasNotMeasuredIsNotInvented) {
  CutFigures cut;
  cut.ranks = 3;
  EXPECT_THROW(predict_step(base(), cut, {}), Error);
  cut.parts = {part(0, 0.005)};
  EXPECT_THROW(predict_step(base(), cut, {}), Error);
}

TEST(Model, MemoryGrowsWithWhatARankHolds) {
  const RankMemory little = rank_memory(base(), part(0, 0.1), 2);
  PartFigures more = part(0, 0.1);
  more.owned += 1000;
  // Rows of 16 floats: four of state, and two that layers take turns in each way; numbers of a row.
  const RankMemory rows = rank_memory(base(), more, 2);
  EXPECT_NEAR(rows.steps - little.steps, 1000 * ((4 + 4) * 64 + 32), 1e-6);
  // On top, final and initial rows, the answer, and two to take turns in.
  EXPECT_NEAR(rows.evaluation - little.evaluation, 1000 * ((8 + 3 + 2) * 64 + 32), 1e-6);
  EXPECT_EQ(rows.dealing, little.dealing);
  more = part(0, 0.1);
  more.interactions += 1000;  // listed, and dealt to steps
  EXPECT_NEAR(rank_memory(base(), more, 2).steps - little.steps, 1000 * (4 + 12 + 16), 1e-6);
  more = part(0, 0.1);
  more.nonzeros += 1000;
  EXPECT_NEAR(rank_memory(base(), more, 2).steps - little.steps, 1000 * 4, 1e-6);
  EXPECT_NEAR(rank_memory(base(), more, 2).dealing - little.dealing, 1000 * 12, 1e-6);
}

TEST(Model, MemoryOfTheLossFollowsTheBatchAndThePool) {
  BaseFigures b = base();
  b.batch_rows = 150;
  const double small = rank_memory(b, part(0, 0.1), 2).steps;
  b.batch *= 10;
  b.batch_rows = 1500;
  const double large = rank_memory(b, part(0, 0.1), 2).steps;
  EXPECT_GT(large, small);
  b.shared_rows = 1000;
  const double pool = rank_memory(b, part(0, 0.1), 2).steps;
  EXPECT_GE(pool - large, 1000 * 64 * sizeof(float));  // scores of 64 rows at least
  b.threads = 4;
  EXPECT_GE(rank_memory(b, part(0, 0.1), 2).steps - pool, 3 * 1000 * 64 * sizeof(float));
}

TEST(Model, LargestPeakIsWhatARankNeeds) {
  const RankMemory memory{5, 7, 6};
  EXPECT_EQ(memory.peak(), 7);
  CutFigures cut;
  cut.ranks = 2;
  PartFigures larger = part(1, 0.004);
  larger.owned *= 2;
  cut.parts = {part(0, 0.006), larger};
  cut.cut_bytes = 123;
  const StepPrediction p = predict_step(base(), cut, {});
  EXPECT_EQ(p.memory.peak(), rank_memory(base(), larger, 2).peak());
  EXPECT_EQ(p.cut_bytes, 123);
}

StepPrediction step(std::int64_t ranks, double products, double halo, double efficiency) {
  StepPrediction p;
  p.ranks = ranks;
  p.products = products;
  p.halo = halo;
  p.efficiency = efficiency;
  p.memory.steps = 8e9 / static_cast<double>(ranks);
  return p;
}

TEST(Verdict, NamesTheTermThatEndsTheScaling) {
  const std::vector<StepPrediction> steps{step(1, 0.1, 0, 1), step(8, 0.0125, 0.001, 0.9),
                                          step(64, 0.0016, 0.02, 0.1)};
  const ScalingVerdict verdict = judge(steps, 0.5);
  EXPECT_EQ(verdict.best_ranks, 8);
  EXPECT_EQ(verdict.fastest_ranks, 8);
  EXPECT_EQ(verdict.limit, "halo");
  EXPECT_EQ(judge(steps, 0.05).best_ranks, 64);
}

TEST(Model, CountedPartsAddBytesAndMemoryButNoTime) {
  CutFigures cut;
  cut.ranks = 2;
  cut.parts = {part(0, 0.010)};
  const StepPrediction alone = predict_step(base(), cut, {});
  PartFigures counted = part(1, 0);
  counted.replayed = false;
  counted.exchanged_rows *= 3;
  counted.messages = 5;
  counted.owned *= 2;
  cut.parts.push_back(counted);
  const StepPrediction both = predict_step(base(), cut, {});
  EXPECT_EQ(both.products, alone.products);
  EXPECT_EQ(both.imbalance, alone.imbalance);
  EXPECT_EQ(both.halo, alone.halo);
  EXPECT_GT(both.bytes, alone.bytes);
  EXPECT_GT(both.messages, alone.messages);
  EXPECT_GT(both.memory.peak(), alone.memory.peak());
}

TEST(Verdict, MemoryRulesChoicesOut) {
  const std::vector<StepPrediction> steps{step(1, 1, 0, 1), step(8, 1, 0, 1)};
  EXPECT_EQ(fitting(steps, std::nullopt).size(), 2U);
  ASSERT_EQ(fitting(steps, 2.0).size(), 1U);
  EXPECT_EQ(fitting(steps, 2.0).front().ranks, 8);
  EXPECT_TRUE(fitting(steps, 0.1).empty());
}

TEST(Parts, HeaviestAndLightestAreAmongTheSample) {
  const std::vector<std::int64_t> nonzeros{5, 9, 1, 7, 3};
  EXPECT_EQ(choose_parts(nonzeros, 0), (std::vector<std::int32_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(choose_parts(nonzeros, 9), (std::vector<std::int32_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(choose_parts(nonzeros, 1), (std::vector<std::int32_t>{1}));
  EXPECT_EQ(choose_parts(nonzeros, 2), (std::vector<std::int32_t>{1, 2}));
  EXPECT_EQ(choose_parts(nonzeros, 3), (std::vector<std::int32_t>{0, 1, 2}));
}

TEST(Slurm, ScriptAsksForWhatThePlanChose) {
  PlanArguments arguments;
  arguments.step.bench.data = "it's data.h5";
  arguments.prediction.ranks_per_node = 4;
  const std::string script =
      slurm_script(arguments, step(8, 0.01, 0, 0.9), 16, {"--layers", "3", "--l2", "it's"});
  for (const char* line :
       {"#SBATCH --nodes=2\n", "#SBATCH --ntasks=8\n", "#SBATCH --ntasks-per-node=4\n",
        "#SBATCH --cpus-per-task=16\n", "#SBATCH --signal=B:USR1@180\n", "'--layers' '3'",
        "/it'\\''s data.h5'"}) {  // a whole path
    EXPECT_NE(script.find(line), std::string::npos) << line << "\n" << script;
  }
}

}  // namespace
}  // namespace halorec
