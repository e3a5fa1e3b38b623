// What a run's log says of each start: the program, its options, and the ranks' places.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "launch/options.hpp"
#include "launch/threads.hpp"

namespace halorec {

// {"event":"start",...} of log.jsonl.
nlohmann::ordered_json start_event(const OptionTable& options, const ThreadPlan& threads,
                                   const std::string& dataset_hash);

}  // namespace halorec
