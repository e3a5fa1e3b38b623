#include "engine/trainer.hpp"

#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numbers>
#include <numeric>

#include "comm/watchdog.hpp"
#include "engine/metrics.hpp"

namespace halorec {
namespace {

constexpr const char* kPenalty = "l2";

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

template <typename T>
Trainer<T>::Trainer(const Shard& shard, Model<T>& model, const TrainerOptions& options,
                    CheckpointStore& checkpoints, RunLog& log, Evaluate evaluate,
                    ShowProgress show_progress, ShowEpoch show_epoch)
    : shard_(&shard),
      model_(&model),
      options_(options),
      checkpoints_(&checkpoints),
      log_(&log),
      evaluate_(std::move(evaluate)),
      show_progress_(std::move(show_progress)),
      show_epoch_(std::move(show_epoch)),
      optimizer_(options.optimizer, model.parameters()),
      sampler_(shard, options.seed, options.batch_size, options.loss.negative_power),
      step_(shard, model, optimizer_, sampler_, options.loss, timers_) {}

template <typename T>
bool Trainer<T>::resume() {
  std::int64_t latest = -1;
  shard_->communicator().on_root_briefly([&] {
    const auto step = checkpoints_->latest_step();
    if (step) latest = static_cast<std::int64_t>(*step);
  });
  latest = shard_->communicator().broadcast(latest);
  if (latest < 0) return false;
  state_ = checkpoints_->load(*shard_, static_cast<std::uint64_t>(latest), optimizer_.parameters(),
                              true);
  saved_step_ = state_.step;
  return true;
}

template <typename T>
double Trainer<T>::learning_rate() const {
  const double base = options_.optimizer.learning_rate;
  const double total = static_cast<double>(options_.schedule_epochs) *
                       static_cast<double>(sampler_.steps_per_epoch());
  if (options_.schedule == Schedule::constant || total <= 0) return base;
  const double done = std::min(1.0, static_cast<double>(state_.step) / total);
  if (options_.schedule == Schedule::linear) return base * (1.0 - done);
  return base * 0.5 * (1.0 + std::cos(std::numbers::pi * done));
}

template <typename T>
double Trainer<T>::step_once() {
  const std::uint64_t step = state_.step + 1;
  watchdog::set_step(step);
  const Batch batch = sampler_.batch(state_.step_in_epoch);
  const double share = step_.compute(step, batch);

  // One small sum a step: the loss, whether any rank was asked to stop, the loss's terms.
  std::vector<double> summary{share, watchdog::stop_requested() != 0 ? 1.0 : 0.0};
  const ObjectiveShares& shares = step_.shares();
  summary.insert(summary.end(), shares.terms.begin(), shares.terms.end());
  summary.push_back(shares.l2);
  shard_->communicator().sum(std::span<double>(summary));
  const double loss = summary[0];
  stop_ = summary[1] > 0;
  if (!std::isfinite(loss)) {
    throw Error(fmt::format("the loss is {} at step {}: training diverged; use a smaller --lr (now "
                            "{:g}) or a larger --temperature",
                            loss, step, options_.optimizer.learning_rate),
                kExitFailure, true);
  }
  {
    const auto phase = timers_.time("update");
    optimizer_.update(step, learning_rate());
  }
  state_.step = step;
  ++state_.step_in_epoch;
  state_.epoch_loss_sum += loss * static_cast<double>(batch.global_size);
  add_terms(std::span<const double>(summary).subspan(2), static_cast<double>(batch.global_size));
  return loss;
}

// terms: of a step, those of all kinds and then the penalty.
template <typename T>
void Trainer<T>::add_terms(std::span<const double> terms, double batch_size) {
  const LossOptions& loss = options_.loss;
  for (const LossKind kind : kLossKinds) {
    if (!loss.terms.has(kind)) continue;
    state_.epoch_term_sums[std::string(loss_name(kind))] +=
        terms[static_cast<std::size_t>(kind)] * batch_size;
  }
  if (loss.l2 > 0) state_.epoch_term_sums[kPenalty] += terms.back() * batch_size;
}

template <typename T>
std::vector<std::pair<std::string, double>> Trainer<T>::epoch_terms() const {
  std::vector<std::pair<std::string, double>> terms;
  const auto add = [&](const std::string& name) {
    const auto sum = state_.epoch_term_sums.find(name);
    if (sum == state_.epoch_term_sums.end()) return;
    terms.emplace_back(name, sum->second / static_cast<double>(shard_->num_edges()));
  };
  for (const std::string_view name : kLossNames) add(std::string(name));
  add(kPenalty);
  return terms;
}

template <typename T>
void Trainer<T>::run_epoch() {
  {
    const auto phase = timers_.time("sample");
    sampler_.start_epoch(static_cast<std::uint64_t>(state_.epoch));
  }
  const std::int64_t num_steps = sampler_.steps_per_epoch();
  double last = seconds_now();
  double recent_rate = 0;
  while (state_.step_in_epoch < num_steps) {
    const double loss = step_once();
    const double now = seconds_now();
    const double seconds = now - last;
    last = now;
    state_.epoch_seconds += seconds;
    state_.train_seconds += seconds;
    if (options_.log_every > 0 &&
        state_.step % static_cast<std::uint64_t>(options_.log_every) == 0) {
      log_->event({{"event", "step"}, {"step", state_.step}, {"loss", loss}});
    }
    const double rate = static_cast<double>(options_.batch_size) / std::max(seconds, 1e-9);
    recent_rate = recent_rate == 0 ? rate : 0.9 * recent_rate + 0.1 * rate;
    if (show_progress_) {
      const double done =
          static_cast<double>(state_.step_in_epoch) / static_cast<double>(num_steps);
      show_progress_(
          {state_.epoch + 1, options_.num_epochs,
           (static_cast<double>(state_.epoch) + done) / static_cast<double>(options_.num_epochs),
           loss, recent_rate});
    }
    const bool epoch_ends = state_.step_in_epoch == num_steps;
    const bool is_due = options_.checkpoint_steps > 0 &&
                        state_.step % static_cast<std::uint64_t>(options_.checkpoint_steps) == 0;
    if (!epoch_ends && (stop_ || is_due)) {
      save();
      last = seconds_now();
      if (stop_) return;
    }
  }
}

template <typename T>
void Trainer<T>::evaluate_epoch(double epoch_loss) {
  nlohmann::ordered_json event{{"event", "epoch"},
                               {"epoch", state_.epoch},
                               {"loss", epoch_loss},
                               {"seconds", state_.epoch_seconds}};
  const auto terms = epoch_terms();
  for (const auto& [name, value] : terms) event["terms"][name] = value;
  const std::uint64_t trained_bytes = peak_memory_bytes();
  const bool is_last = state_.epoch == options_.num_epochs;
  const bool evaluates = evaluate_ && (is_last || state_.epoch % options_.evaluate_every == 0);
  std::map<std::string, double> metrics;
  if (evaluates) {
    {
      const auto phase = timers_.time("evaluate");
      metrics = evaluate_(final_rows().view());
    }
    for (const auto& [name, value] : metrics) event[name] = value;
    const double value = metrics.at(options_.metric);
    if (is_better(value, state_.best_metric)) {
      state_.best_metric = value;
      state_.best_epoch = state_.epoch;
      state_.best_step = state_.step;
      state_.evaluations_since_best = 0;
    } else {
      ++state_.evaluations_since_best;
    }
  }
  log_->event(event);
  if (show_epoch_) show_epoch_({state_.epoch, epoch_loss, state_.epoch_seconds, metrics, terms});
  nlohmann::ordered_json phases{{"event", "phases"}, {"epoch", state_.epoch}};
  for (const auto& [name, seconds] : timers_.take()) phases[name + "_seconds"] = seconds;
  // Of this rank, as the phases are.
  phases["wait_seconds"] = shard_->communicator().counters().wait_seconds;
  phases["bytes_sent"] = shard_->communicator().counters().bytes_sent;
  shard_->communicator().counters() = {};
  phases["trained_peak_memory_bytes"] = trained_bytes;  // since the process started
  phases["peak_memory_bytes"] = peak_memory_bytes();    // with the evaluation
  log_->note(phases);
}

template <typename T>
TrainingEnd Trainer<T>::run() {
  while (!state_.finished) {
    run_epoch();
    if (state_.step_in_epoch < sampler_.steps_per_epoch()) return TrainingEnd::stopped_on_request;
    const double epoch_loss = state_.epoch_loss_sum / static_cast<double>(shard_->num_edges());
    ++state_.epoch;
    state_.step_in_epoch = 0;
    state_.epoch_loss_sum = 0;
    evaluate_epoch(epoch_loss);
    state_.epoch_term_sums.clear();
    state_.epoch_seconds = 0;
    state_.finished = state_.epoch >= options_.num_epochs ||
                      (options_.patience > 0 && state_.evaluations_since_best >= options_.patience);
    if (state_.finished || stop_ || state_.best_step == state_.step ||
        (options_.checkpoint_epochs > 0 && state_.epoch % options_.checkpoint_epochs == 0)) {
      save();
    }
    if (stop_ && !state_.finished) return TrainingEnd::stopped_on_request;
  }
  if (saved_step_ != state_.step) save();
  return TrainingEnd::finished;
}

template <typename T>
void Trainer<T>::save() {
  const auto phase = timers_.time("checkpoint");
  checkpoints_->save(*shard_, optimizer_.parameters(), state_);
  saved_step_ = state_.step;
}

template <typename T>
void Trainer<T>::load_best() {
  if (state_.best_epoch == 0 || state_.best_step == state_.step) return;
  checkpoints_->load(*shard_, state_.best_step, optimizer_.parameters(), false);
}

template <typename T>
Matrix<float> Trainer<T>::final_rows() {
  return final_rows_of(*model_, shard_->num_owned());
}

template <typename T>
Matrix<float> final_rows_of(Model<T>& model, std::int64_t num_owned) {
  std::vector<std::int32_t> all(static_cast<std::size_t>(num_owned));
  std::iota(all.begin(), all.end(), 0);
  Tape<T> tape(false);
  const MatrixView<T> rows = model.forward(tape, all).rows.value;
  Matrix<float> result(rows.rows, rows.cols);
#pragma omp parallel for schedule(static)
  for (std::int64_t r = 0; r < rows.rows; ++r) {
    for (std::int64_t c = 0; c < rows.cols; ++c) result(r, c) = static_cast<float>(rows(r, c));
  }
  model.finish(result);
  return result;
}

template class Trainer<float>;
template class Trainer<double>;
template Matrix<float> final_rows_of<float>(Model<float>&, std::int64_t);
template Matrix<float> final_rows_of<double>(Model<double>&, std::int64_t);

}  // namespace halorec
