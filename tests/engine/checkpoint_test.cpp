// Nothing is lost: checkpoints come back with the same bits, on the same or other ranks; what is
// damaged, foreign or half written is refused or passed over.
#include "engine/checkpoint.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>

#include "engine/model.hpp"
#include "tests/engine/whole_graph.hpp"

namespace halorec {
namespace {

namespace fs = std::filesystem;

using Parameters = std::vector<Parameter<float>*>;

constexpr const char* kIdentity = "dataset 0123 model=test dim=5";

TrainingState some_state(std::uint64_t step, std::uint64_t best_step = 0) {
  TrainingState state;
  state.step = step;
  state.epoch = 3;
  state.step_in_epoch = 17;
  state.epoch_loss_sum = 0.1 + 1.0 / 3.0;
  state.epoch_seconds = 1.25;
  state.train_seconds = 1e9 / 7.0;
  state.best_metric = 0.2 / 3.0;
  state.best_epoch = 2;
  state.best_step = best_step;
  state.evaluations_since_best = 1;
  return state;
}

void expect_equal(const TrainingState& a, const TrainingState& b) {
  EXPECT_EQ(a.step, b.step);
  EXPECT_EQ(a.epoch, b.epoch);
  EXPECT_EQ(a.step_in_epoch, b.step_in_epoch);
  EXPECT_EQ(a.epoch_loss_sum, b.epoch_loss_sum);
  EXPECT_EQ(a.epoch_seconds, b.epoch_seconds);
  EXPECT_EQ(a.train_seconds, b.train_seconds);
  EXPECT_EQ(a.best_metric, b.best_metric);
  EXPECT_EQ(a.best_epoch, b.best_epoch);
  EXPECT_EQ(a.best_step, b.best_step);
  EXPECT_EQ(a.evaluations_since_best, b.evaluations_since_best);
  EXPECT_EQ(a.finished, b.finished);
}

// A table with a row a node and a replicated matrix, with moments as Adam has them.
struct Tables {
  Parameter<float> rows, shared;
  Tables(const Shard& shard, std::uint64_t key, bool with_moments = true)
      : rows("embeddings", false, shard.num_owned(), 5), shared("layer_weights", true, 1, 4) {
    rows.value = random_rows<float>(shard, 5, key);
    Matrix<float>* const replicated[] = {&shared.value, &shared.first_moment,
                                         &shared.second_moment};
    if (with_moments) {
      rows.first_moment = random_rows<float>(shard, 5, key + 1);
      rows.second_moment = random_rows<float>(shard, 5, key + 2);
    }
    for (int k = 0; k < (with_moments ? 3 : 1); ++k) {
      *replicated[k] = Matrix<float>(1, 4);
      for (int c = 0; c < 4; ++c) {
        (*replicated[k])(0, c) = static_cast<float>(100 * key) + static_cast<float>(4 * k + c);
      }
    }
  }
  std::vector<Parameter<float>*> all() { return {&rows, &shared}; }

  bool same_values(const Tables& other) const {
    return same_bits(rows.value, other.rows.value) && same_bits(shared.value, other.shared.value);
  }
  bool same_moments(const Tables& other) const {
    return same_bits(rows.first_moment, other.rows.first_moment) &&
           same_bits(rows.second_moment, other.rows.second_moment) &&
           same_bits(shared.first_moment, other.shared.first_moment) &&
           same_bits(shared.second_moment, other.shared.second_moment);
  }
};

Dataset small_data() {
  return random_dataset(23, 19, 0.3, 1);
}

class CheckpointTest : public testing::Test {
 protected:
  CheckpointTest() {
    std::string path;
    world_.on_root([&] {
      temporary_ = std::make_unique<TemporaryFolder>();
      path = temporary_->path().string();
    });
    world_.broadcast(path);
    folder_ = fs::path(path) / "checkpoints";
  }
  ~CheckpointTest() override { world_.barrier(); }

  // Changes files on the root while the others wait.
  void on_disk(const std::function<void()>& change) { world_.on_root(change); }
  fs::path step_folder(int step) const { return folder_ / fmt::format("step-{:09}", step); }

  // The message of the Error that every rank throws.
  std::string load_error(const CheckpointStore& store, const Shard& shard, std::uint64_t step) {
    Tables tables(shard, 9);
    try {
      store.load(shard, step, tables.all(), true);
    } catch (const Error& error) {
      EXPECT_TRUE(error.everywhere());
      EXPECT_EQ(error.exit_status(), kExitFailure);
      return error.what();
    }
    return "";
  }

  std::vector<std::string> entries() {
    std::vector<std::string> names;
    world_.together([&] {
      for (const auto& entry : fs::directory_iterator(folder_)) {
        names.push_back(entry.path().filename().string());
      }
      std::sort(names.begin(), names.end());
    });
    return names;
  }

  Communicator world_, self_{MPI_COMM_SELF};
  std::unique_ptr<TemporaryFolder> temporary_;
  fs::path folder_;
};

TEST_F(CheckpointTest, ComesBackWithTheSameBits) {
  for (const Deal deal : {Deal::scattered, Deal::all_on_last}) {
    const TinyGraph graph(world_, small_data(), TrainingPart::train, deal);
    const Shard& shard = graph.shard();
    CheckpointStore store(folder_, kIdentity);
    Tables saved(shard, 1), loaded(shard, 5);
    TrainingState state = some_state(40);
    state.finished = deal == Deal::all_on_last;
    store.save(shard, saved.all(), state);
    world_.barrier();
    EXPECT_EQ(store.latest_step(), 40U);
    expect_equal(store.load(shard, 40, loaded.all(), true), state);
    expect_equal(store.read_state(40), state);
    EXPECT_TRUE(loaded.same_values(saved));
    EXPECT_TRUE(loaded.same_moments(saved));
    EXPECT_EQ(entries(), (std::vector<std::string>{"step-000000040"}));
  }
}

TEST_F(CheckpointTest, ValuesAloneLeaveMomentsAsTheyWere) {
  const TinyGraph graph(world_, small_data());
  CheckpointStore store(folder_, kIdentity);
  Tables saved(graph.shard(), 1), loaded(graph.shard(), 5), untouched(graph.shard(), 5);
  store.save(graph.shard(), saved.all(), some_state(1));
  store.load(graph.shard(), 1, loaded.all(), false);
  EXPECT_TRUE(loaded.same_values(saved));
  EXPECT_TRUE(loaded.same_moments(untouched));
}

TEST_F(CheckpointTest, AnyRanksReadWhatAnyOthersWrote) {
  const TinyGraph graph(world_, small_data()), alone(self_, small_data());
  const TinyGraph crowded(world_, small_data(), TrainingPart::train, Deal::all_on_last);
  CheckpointStore store(folder_, kIdentity);
  Tables spread(graph.shard(), 1);
  store.save(graph.shard(), spread.all(), some_state(10));
  world_.barrier();
  // Rows are drawn by global id, so what one process draws is what it must read.
  Tables whole(alone.shard(), 5), expected(alone.shard(), 1);
  store.load(alone.shard(), 10, whole.all(), true);
  EXPECT_TRUE(whole.same_values(expected));
  EXPECT_TRUE(whole.same_moments(expected));

  world_.barrier();
  Tables of_one(alone.shard(), 3);
  if (world_.is_root()) store.save(alone.shard(), of_one.all(), some_state(20));
  world_.barrier();
  for (const Shard* shard : {&graph.shard(), &crowded.shard()}) {
    Tables loaded(*shard, 5), wanted(*shard, 3);
    store.load(*shard, 20, loaded.all(), true);
    EXPECT_TRUE(loaded.same_values(wanted));
    EXPECT_TRUE(loaded.same_moments(wanted));
  }
}

TEST_F(CheckpointTest, TheNewestTwoAndTheBestAreKept) {
  const TinyGraph graph(world_, small_data());
  CheckpointStore store(folder_, kIdentity);
  Tables tables(graph.shard(), 1);
  EXPECT_FALSE(store.latest_step().has_value());
  for (std::uint64_t step = 1; step <= 6; ++step) {
    store.save(graph.shard(), tables.all(), some_state(step, step >= 2 ? 2 : 0));
  }
  EXPECT_EQ(entries(),
            (std::vector<std::string>{"step-000000002", "step-000000005", "step-000000006"}));
  // A new best: the old one goes.
  store.save(graph.shard(), tables.all(), some_state(7, 6));
  store.save(graph.shard(), tables.all(), some_state(1'000'000'000, 6));
  EXPECT_EQ(entries(),
            (std::vector<std::string>{"step-000000006", "step-000000007", "step-1000000000"}));
  EXPECT_EQ(store.latest_step(), 1'000'000'000U);
}

TEST_F(CheckpointTest, AStepWrittenAgainIsReplaced) {
  const TinyGraph graph(world_, small_data());
  CheckpointStore store(folder_, kIdentity);
  Tables first(graph.shard(), 1), second(graph.shard(), 2), loaded(graph.shard(), 5);
  store.save(graph.shard(), first.all(), some_state(4));
  store.save(graph.shard(), second.all(), some_state(4));
  store.load(graph.shard(), 4, loaded.all(), true);
  EXPECT_TRUE(loaded.same_values(second));
  EXPECT_EQ(entries(), (std::vector<std::string>{"step-000000004"}));
}

TEST_F(CheckpointTest, WhatAKilledSaveLeftIsPassedOverAndRemoved) {
  const TinyGraph graph(world_, small_data());
  CheckpointStore store(folder_, kIdentity);
  Tables saved(graph.shard(), 1), loaded(graph.shard(), 5);
  store.save(graph.shard(), saved.all(), some_state(10));
  on_disk([&] {
    for (const char* left : {"step-000000020.tmp", "step-000000013.tmp", "step-000000005.old"}) {
      fs::create_directories(folder_ / left);
      std::ofstream(folder_ / left / "rank-00000.h5") << "half a file";
      std::ofstream(folder_ / left / "rank-00077.h5") << "of a job with more ranks";
    }
  });
  EXPECT_EQ(store.latest_step(), 10U);
  store.load(graph.shard(), 10, loaded.all(), true);
  EXPECT_TRUE(loaded.same_values(saved));
  world_.barrier();
  store.save(graph.shard(), saved.all(), some_state(20));
  EXPECT_EQ(entries(), (std::vector<std::string>{"step-000000010", "step-000000020"}));
  EXPECT_FALSE(fs::exists(step_folder(20) / "rank-00077.h5"));
}

TEST_F(CheckpointTest, AnotherRunsCheckpointIsRefusedByName) {
  const TinyGraph graph(world_, small_data());
  Tables tables(graph.shard(), 1);
  CheckpointStore(folder_, kIdentity).save(graph.shard(), tables.all(), some_state(3));
  const CheckpointStore other(folder_, "dataset 0123 model=test dim=6");
  const std::string message = load_error(other, graph.shard(), 3);
  EXPECT_NE(message.find("dim=5"), std::string::npos) << message;
  EXPECT_NE(message.find("dim=6"), std::string::npos) << message;
  EXPECT_NE(message.find("--overwrite"), std::string::npos) << message;
}

TEST_F(CheckpointTest, OtherTablesAreRefused) {
  const TinyGraph graph(world_, small_data());
  const Shard& shard = graph.shard();
  CheckpointStore store(folder_, kIdentity);
  Tables without(shard, 1, false), with(shard, 5);
  store.save(shard, without.all(), some_state(1));
  EXPECT_NE(load_error(store, shard, 1).find("has no embeddings/first_moment"), std::string::npos);
  EXPECT_NO_THROW(store.load(shard, 1, with.all(), false));

  Parameter<float> wide("embeddings", false, shard.num_owned(), 6),
      longer("layer_weights", true, 1, 5);
  EXPECT_THROW(store.load(shard, 1, Parameters{&wide}, false), Error);
  EXPECT_THROW(store.load(shard, 1, Parameters{&longer}, false), Error);
  // Another dataset's nodes.
  store.save(shard, with.all(), some_state(2));
  const TinyGraph larger(world_, random_dataset(24, 19, 0.3, 1));
  const TinyGraph smaller(world_, random_dataset(22, 19, 0.3, 1));
  EXPECT_NE(load_error(store, larger.shard(), 2).find("nodes of rank"), std::string::npos);
  EXPECT_NE(load_error(store, smaller.shard(), 2).find("does not have"), std::string::npos);
  EXPECT_NE(load_error(store, shard, 3).find("step-000000003"), std::string::npos);  // none there
}

TEST_F(CheckpointTest, EveryDamagedFileIsRefusedWithAdvice) {
  const TinyGraph graph(world_, small_data());
  const Shard& shard = graph.shard();
  CheckpointStore store(folder_, kIdentity);
  Tables tables(shard, 1);
  store.save(shard, tables.all(), some_state(8));
  std::vector<std::string> files{"manifest.json"};
  for (int rank = 0; rank < world_.size(); ++rank)
    files.push_back(fmt::format("rank-{:05}.h5", rank));
  for (const std::string& name : files) {
    const fs::path path = step_folder(8) / name;
    std::string whole;
    world_.together([&] { whole = read_text(path); });
    ASSERT_FALSE(whole.empty());
    const auto expect_refused = [&](const std::string& damage,
                                    const std::function<void()>& change) {
      SCOPED_TRACE(name + " " + damage);
      on_disk(change);
      const std::string message = load_error(store, shard, 8);
      EXPECT_NE(message.find(step_folder(8).string()), std::string::npos) << message;
      EXPECT_NE(message.find("--overwrite"), std::string::npos) << message;
      on_disk([&] { std::ofstream(path, std::ios::binary) << whole; });
    };
    const auto replace = [&](const std::string& text) {
      std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
    };
    expect_refused("missing", [&] { fs::remove(path); });
    expect_refused("empty", [&] { replace(""); });
    for (const std::size_t keep : {whole.size() - 1, whole.size() / 2, std::size_t{3}}) {
      expect_refused(fmt::format("truncated to {}", keep), [&] { replace(whole.substr(0, keep)); });
    }
    for (const std::size_t part : {1, 3, 5, 7}) {
      const std::size_t at = whole.size() * part / 8;
      expect_refused(fmt::format("bit flipped at {}", at), [&] {
        std::string changed = whole;
        changed[at] = static_cast<char>(changed[at] ^ 1);
        replace(changed);
      });
    }
  }
  EXPECT_EQ(load_error(store, shard, 8), "");  // all is mended
}

// Going on from the checkpoint before is no advice where there is none, nor for the best epoch's.
TEST_F(CheckpointTest, AdviceFitsTheCheckpoint) {
  const TinyGraph graph(world_, small_data());
  CheckpointStore store(folder_, kIdentity);
  Tables tables(graph.shard(), 1);
  const auto advice = [&](int step) {
    return load_error(store, graph.shard(), static_cast<std::uint64_t>(step));
  };
  const auto damage = [&](int step) {
    on_disk([&] { fs::remove(step_folder(step) / "rank-00000.h5"); });
  };
  store.save(graph.shard(), tables.all(), some_state(1, 1));
  damage(1);
  EXPECT_NE(advice(1).find("no checkpoint stands before it"), std::string::npos) << advice(1);
  for (int step = 2; step <= 4; ++step) {
    store.save(graph.shard(), tables.all(), some_state(static_cast<std::uint64_t>(step), 1));
  }
  EXPECT_NE(advice(1).find("the best epoch"), std::string::npos) << advice(1);
  damage(4);
  EXPECT_NE(advice(4).find("go on from the checkpoint before it"), std::string::npos) << advice(4);
}

TEST_F(CheckpointTest, AFileOfAnotherCheckpointIsRefused) {
  const TinyGraph graph(world_, small_data());
  CheckpointStore store(folder_, kIdentity);
  Tables one(graph.shard(), 1), two(graph.shard(), 2);
  store.save(graph.shard(), one.all(), some_state(1));
  store.save(graph.shard(), two.all(), some_state(2));
  on_disk([&] {
    fs::copy_file(step_folder(1) / "rank-00000.h5", step_folder(2) / "rank-00000.h5",
                  fs::copy_options::overwrite_existing);
  });
  const std::string message = load_error(store, graph.shard(), 2);
  EXPECT_NE(message.find("not the one that its manifest names"), std::string::npos) << message;
}

TEST_F(CheckpointTest, AFolderThatCannotBeWrittenIsOneErrorEverywhere) {
  const TinyGraph graph(world_, small_data());
  Tables tables(graph.shard(), 1);
  on_disk([&] { std::ofstream(folder_) << "a file stands here"; });
  CheckpointStore store(folder_ / "below", kIdentity);
  EXPECT_FALSE(store.latest_step().has_value());
  try {
    store.save(graph.shard(), tables.all(), some_state(1));
    ADD_FAILURE() << "saved into a file";
  } catch (const Error& error) {
    EXPECT_TRUE(error.everywhere());
    EXPECT_NE(std::string(error.what()).find(folder_.string()), std::string::npos);
  }
}

TEST_F(CheckpointTest, ASaveThatFailsLeavesTheLastCheckpoint) {
  const TinyGraph graph(world_, small_data());
  CheckpointStore store(folder_, kIdentity);
  Tables saved(graph.shard(), 1), loaded(graph.shard(), 5);
  store.save(graph.shard(), saved.all(), some_state(1));
  // Two tables of one name cannot be written into one file.
  EXPECT_THROW(store.save(graph.shard(), Parameters{&saved.rows, &saved.rows}, some_state(2)),
               Error);
  world_.barrier();
  EXPECT_EQ(store.latest_step(), 1U);
  store.load(graph.shard(), 1, loaded.all(), true);
  EXPECT_TRUE(loaded.same_values(saved));
}

}  // namespace
}  // namespace halorec
