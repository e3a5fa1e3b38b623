// --protocol time for interactions that never stand in memory together: order statistics of their
// times by histograms, each over the bin that the one before has found.
#pragma once

#include "partition/synthetic/user_range.hpp"
#include "partition/synthetic/user_split.hpp"

namespace halorec {

class Communicator;

// The cuts that split_events would find. Error when nothing would be left to train on. Collective;
// `mine` is this rank's share of all users.
TimeCuts find_time_cuts(const EdgeSource& source, UserRange mine, Communicator& communicator);

}  // namespace halorec
