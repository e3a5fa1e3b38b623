// evaluate --target: how often the lists of real users hold one item.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "engine/exposure.hpp"
#include "launch/held_out_lists.hpp"
#include "launch/trained_run.hpp"

namespace halorec {

// The index of an item by the caller's id. Usage Error, with near ids, when there is none.
// Collective.
std::uint32_t find_target(const TrainedRun& run, const std::string& id);

// Over all users but fake ones (DatasetPerturbation), whether or not they have held-out items;
// lists leave out what they leave out when `lists`' split is evaluated. Collective.
Exposure measure_target(const TrainedRun& run, const Catalogue& catalogue,
                        const HeldOutLists& lists, std::uint32_t target,
                        const std::vector<std::int64_t>& ks);

// "target", "exposure@20", ..., "target_mean_rank", "target_users".
void add_exposure(nlohmann::ordered_json& line, const std::string& id, const Exposure& exposure);
// Lines for people.
std::string exposure_text(const std::string& id, const Exposure& exposure);

}  // namespace halorec
