// Whose figures a caller wants: evaluate --users.
#pragma once

#include <string>
#include <vector>

#include "launch/trained_run.hpp"

namespace halorec {

inline const std::vector<std::string> kUserGroups = {"all", "warm", "cold", "thinned", "others"};

// By index, right for this rank's owned users: warm (with a training interaction), cold (the
// others), thinned (those that `halorec perturb --thin-users` drew) or others (the users it did
// not draw). Usage Error when the data has no thinned users. Collective.
std::vector<bool> users_of_group(const TrainedRun& run, const std::string& group);

}  // namespace halorec
