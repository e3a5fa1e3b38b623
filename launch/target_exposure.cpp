#include "launch/target_exposure.hpp"

#include <nlohmann/json.hpp>

#include "comm/communicator.hpp"
#include "launch/named_ids.hpp"

namespace halorec {

std::uint32_t find_target(const TrainedRun& run, const std::string& id) {
  Communicator& communicator = run.shard->communicator();
  std::uint32_t target = 0;
  communicator.on_root(
      [&] { target = find_all(run.dataset->read_item_ids(), {{id}}, "item").front(); });
  return communicator.broadcast(target);
}

Exposure measure_target(const TrainedRun& run, const Catalogue& catalogue,
                        const HeldOutLists& lists, std::uint32_t target,
                        const std::vector<std::int64_t>& ks) {
  std::uint64_t num_fake = 0;
  run.shard->communicator().together(
      [&] { num_fake = run.dataset->read_perturbation().fake_users.size(); });
  const std::uint64_t num_real = run.shard->num_users() - num_fake;  // fake users are the last
  std::vector<std::int32_t> people;
  const auto users = run.shard->owned_users();
  for (std::size_t row = 0; row < users.size(); ++row) {
    if (users[row] < num_real) people.push_back(static_cast<std::int32_t>(row));
  }
  const EvaluationQuery asked = lists.query(ks);
  ExposureQuery query;
  query.item = target;
  query.ks = asked.ks;
  query.people = people;
  query.exclude_history = asked.exclude_history;
  query.also_exclude = asked.also_exclude;
  return measure_exposure(*run.scorer, catalogue, query);
}

void add_exposure(nlohmann::ordered_json& line, const std::string& id, const Exposure& exposure) {
  line["target"] = id;
  for (std::size_t j = 0; j < exposure.ks.size(); ++j) {
    line[fmt::format("exposure@{}", exposure.ks[j])] = exposure.shares[j];
  }
  // Of an item in no list there is no rank.
  line["target_mean_rank"] = exposure.num_people > 0 ? nlohmann::ordered_json(exposure.mean_rank)
                                                     : nlohmann::ordered_json();
  line["target_users"] = exposure.num_people;
}

std::string exposure_text(const std::string& id, const Exposure& exposure) {
  if (!exposure.is_candidate) {
    return fmt::format("target {}: nobody has trained on it, it stands in no list\n", id);
  }
  std::string text = fmt::format("target {}: mean rank {:.1f} over {} users who may be shown it\n",
                                 id, exposure.mean_rank, exposure.num_people);
  for (std::size_t j = 0; j < exposure.ks.size(); ++j) {
    text += fmt::format("  at {:<7}{:>10.4f} of their lists hold it\n", exposure.ks[j],
                        exposure.shares[j]);
  }
  return text;
}

}  // namespace halorec
