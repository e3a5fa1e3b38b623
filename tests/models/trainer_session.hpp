// A trainer with its model, log and checkpoints in a folder, and what its tests compare.
#pragma once

#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "comm/watchdog.hpp"
#include "engine/trainer.hpp"
#include "tests/engine/whole_graph.hpp"
#include "tests/models/small_training.hpp"

namespace halorec {

namespace fs = std::filesystem;
using nlohmann::json;

inline Dataset small_data() {
  return random_dataset(60, 44, 0.2, 9);
}

inline ModelOptions model_options() {
  ModelOptions options;
  options.dim = 8;
  options.num_layers = 2;
  options.learn_layer_weights = true;
  options.seed = 3;
  return options;
}

inline TrainerOptions trainer_options() {
  TrainerOptions options;
  options.loss.num_negatives = 40;
  options.loss.temperature = 0.2;
  options.loss.l2 = 1e-3;
  options.optimizer.learning_rate = 0.01;
  options.schedule = Schedule::linear;
  options.num_epochs = options.schedule_epochs = 3;
  options.batch_size = 60;
  options.seed = 11;
  options.log_every = 1;
  return options;
}

// A metric that depends on every row: the same wherever the rows are the same.
inline Evaluate from_rows(const Shard& shard) {
  return [&shard](MatrixView<const float> rows) {
    double square = 0;
    for (std::int64_t r = 0; r < rows.rows; ++r) {
      for (const float x : rows.row_span(r)) square += static_cast<double>(x) * x;
    }
    square = shard.communicator().sum(square);
    return std::map<std::string, double>{{"recall@20", square / (1 + square)}};
  };
}

// Gives the next value of a script at each evaluation, and keeps the rows that it was shown.
struct Script {
  std::vector<double> values;
  std::vector<Matrix<float>> seen;
  Evaluate evaluate() {
    return [this](MatrixView<const float> rows) {
      Matrix<float> copy(rows.rows, rows.cols);
      for (std::int64_t r = 0; r < rows.rows; ++r) {
        std::copy_n(rows.row(r), rows.cols, copy.row(r));
      }
      seen.push_back(std::move(copy));
      return std::map<std::string, double>{{"recall@20", values.at(seen.size() - 1)}};
    };
  }
};

// A model under a trainer, its log and its checkpoints below `folder`.
class Session {
 public:
  Session(const Shard& shard, const TrainerOptions& options, const fs::path& folder,
          const Evaluate& evaluate, std::uint64_t stop_before_step = 0,
          const ModelOptions& of_model = model_options())
      : log_path_(folder / "log.jsonl"),
        model_(make_model<float>("lightgcn", shard, of_model)),
        store_(folder / "checkpoints", "the test's"),
        log_(shard.communicator().is_root() ? RunLog(log_path_, false) : RunLog()),
        trainer_(shard, *model_, options, store_, log_, evaluate,
                 [this, &shard, stop_before_step](const TrainingProgress&) {
                   ++num_steps_;
                   // One rank alone is asked; the next step is the last.
                   if (trainer_.state().step + 1 == stop_before_step &&
                       shard.communicator().rank() == shard.communicator().size() - 1) {
                     std::raise(SIGUSR1);
                   }
                 },
                 {}) {}

  Trainer<float>& trainer() { return trainer_; }
  CheckpointStore& store() { return store_; }
  Parameter<float>& parameter(std::size_t p) { return *model_->parameters().at(p); }
  int num_steps() const { return num_steps_; }

 private:
  fs::path log_path_;
  std::unique_ptr<Model<float>> model_;
  CheckpointStore store_;
  RunLog log_;
  int num_steps_ = 0;
  Trainer<float> trainer_;
};

// Step and epoch events of a log without what a clock wrote.
inline std::vector<json> events(const fs::path& folder) {
  std::vector<json> result;
  std::ifstream file(folder / "log.jsonl");
  for (std::string line; std::getline(file, line);) {
    json event = json::parse(line);
    if (event.at("event") == "phases") continue;
    event.erase("seconds");
    result.push_back(std::move(event));
  }
  return result;
}

inline void expect_same_bits(Session& a, Session& b) {
  for (std::size_t p = 0; p < 2; ++p) {
    EXPECT_TRUE(same_bits(a.parameter(p).value, b.parameter(p).value)) << p;
    EXPECT_TRUE(same_bits(a.parameter(p).first_moment, b.parameter(p).first_moment)) << p;
    EXPECT_TRUE(same_bits(a.parameter(p).second_moment, b.parameter(p).second_moment)) << p;
  }
  EXPECT_EQ(a.trainer().state().best_metric, b.trainer().state().best_metric);
  EXPECT_EQ(a.trainer().state().best_step, b.trainer().state().best_step);
  EXPECT_EQ(a.trainer().state().step, b.trainer().state().step);
}

class TrainerTest : public testing::Test {
 protected:
  TrainerTest() : graph_(world_, small_data()) {
    watchdog::catch_stop_signals();
    watchdog::clear_stop_request();
  }
  ~TrainerTest() override {
    watchdog::clear_stop_request();
    world_.barrier();
  }

  // A fresh folder that all ranks see. Collective.
  fs::path new_folder() {
    std::string path;
    world_.on_root([&] { path = folders_.emplace_back(new TemporaryFolder)->path().string(); });
    world_.broadcast(path);
    return path;
  }
  const Shard& shard() const { return graph_.shard(); }
  std::set<std::uint64_t> kept_steps(const fs::path& folder) {
    std::set<std::uint64_t> steps;
    world_.together([&] {
      for (const auto& entry : fs::directory_iterator(folder / "checkpoints")) {
        steps.insert(std::stoull(entry.path().filename().string().substr(5)));
      }
    });
    return steps;
  }

  Communicator world_, self_{MPI_COMM_SELF};
  std::vector<std::unique_ptr<TemporaryFolder>> folders_;
  TinyGraph graph_;
};

}  // namespace halorec
