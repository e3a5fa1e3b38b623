#include "launch/training_shard.hpp"

#include <chrono>
#include <nlohmann/json.hpp>

#include "comm/communicator.hpp"
#include "comm/hosts.hpp"
#include "comm/watchdog.hpp"
#include "launch/cut_cache.hpp"
#include "launch/find_owners.hpp"
#include "launch/output.hpp"
#include "launch/start_event.hpp"

namespace halorec {

void declare_cut_options(OptionTable& options, TrainingCutArguments& arguments) {
  options.group("Partition");
  options.add("partition", arguments.partition, "owners made by halorec partition")
      .value_name("PARTS.h5");
  options.add("method", arguments.method, "how to cut the graph when no file fits")
      .choices({"auto", "metis", "cluster", "hash", "block"});
  options.add("balance", arguments.balance, "what METIS and cluster keep equal")
      .choices({"edges", "both"});
  options
      .add("memory-limit", arguments.memory_gib,
           "GiB on rank 0 within which auto takes METIS, and cluster's coarsest graph stays (auto: "
           "nine tenths of what is available)")
      .or_word("auto")
      .above(0);
}

Shard make_training_shard(const CommandContext& context, const TrainingCutArguments& arguments,
                          const DatasetFile& dataset, TrainingPart part, RowOrder* order,
                          RunLog& log) {
  Communicator& communicator = context.communicator;
  const auto say = [&](const std::string& line) {
    if (communicator.is_root() && !context.json()) write_stdout(line + "\n");
  };
  OwnersRequest request;
  request.cut.method = parse_cut_method(arguments.method);
  request.cut.balance = parse_balance(arguments.balance);
  request.cut.seed = context.seed();
  request.cut.order_rows = order != nullptr;
  request.part = part;
  // Whoever resumes and asks for another cut does not get the old file's.
  const OptionTable& options = context.options;
  request.file_is_restored = !options.given("partition");
  if (!request.file_is_restored || !(options.given("method") || options.given("balance"))) {
    request.file = arguments.partition;
  }
  request.cache = default_cache();
  request.memory_gib = arguments.memory_gib;
  request.hosts = find_hosts(communicator);
  request.announce = [&](const MethodChoice& choice) {
    say(fmt::format("cutting by {}: {}", cut_method_name(choice.method), choice.reason));
    log.note({{"event", "cut"},
              {"method", cut_method_name(choice.method)},
              {"metis_memory_bytes", choice.metis_bytes},
              {"memory_limit_bytes", choice.limit_bytes},
              {"reason", choice.reason}});
  };
  FoundOwners found;
  try {
    found = find_owners(communicator, dataset, request);
  } catch (const Error& error) {
    // METIS takes SIGTERM for a fault of its own.
    if (error.everywhere()) stop_before_training(communicator, log);
    throw;
  }
  stop_before_training(communicator, log);
  if (communicator.is_root()) {
    if (!found.warning.empty()) warn(found.warning);
    log.note({{"event", "owners"}, {"how", found.how}, {"seconds", found.seconds}});
    if (found.placement) {
      log.note(placement_event(found));
      say(placement_text(*found.placement));
    }
  }
  const auto start = std::chrono::steady_clock::now();
  if (order != nullptr) *order = found.owners.order;
  Shard shard(communicator, dataset, part, std::move(found.owners));
  if (shard.num_edges() == 0) {
    throw Error("the dataset has no training interactions; import it with milder filters",
                kExitFailure, true);
  }
  log.note(shards_event(shard, start));
  say(fmt::format("{} users, {} items, {} training interactions on {} rank{} ({})",
                  shard.num_users(), shard.num_items(), shard.num_edges(), communicator.size(),
                  communicator.size() == 1 ? "" : "s", found.how));
  return shard;
}

void stop_before_training(Communicator& communicator, RunLog& log) {
  if (communicator.max(watchdog::stop_requested()) == 0) return;
  log.note({{"event", "stopped"}});
  throw Error("stopped on request before training began; run again with --resume", kExitStopped,
              true);
}

}  // namespace halorec
