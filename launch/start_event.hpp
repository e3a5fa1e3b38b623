// What a run's log says of each start: the program, its options, the ranks' places and their
// shards.
#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "launch/options.hpp"
#include "launch/threads.hpp"
#include "partition/shard.hpp"

namespace halorec {

// {"event":"start",...} of log.jsonl.
nlohmann::ordered_json start_event(const OptionTable& options, const ThreadPlan& threads,
                                   const std::string& dataset_hash);
// {"event":"shards",...}: what each rank holds, its peak memory so far, and how long dealing took
// since it began. Collective; the same on every rank but for the seconds.
nlohmann::ordered_json shards_event(const Shard& shard,
                                    std::chrono::steady_clock::time_point began);

}  // namespace halorec
