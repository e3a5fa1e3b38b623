#include "partition/synthetic/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "comm/check.hpp"
#include "partition/synthetic/edge_source.hpp"

namespace halorec {
namespace {

void check_size(const SyntheticOptions& options) {
  const std::uint64_t users = options.num_users, items = options.num_items;
  if (users == 0 || items < 2) fail_usage("generate: at least one user and two items are needed");
  if (users >= kMostNodes || items >= kMostNodes) {
    fail_usage("generate: {} users and {} items are more than {} of a kind", users, items,
               kMostNodes);
  }
  if (options.num_edges < users) {
    fail_usage("--edges: {} is below one for each of {} users", options.num_edges, users);
  }
  const std::uint64_t most = users * most_edges_of_user(options.num_items);
  if (options.num_edges > most) {
    fail_usage("--edges: {} is more than {}, half of all {} x {} pairs", options.num_edges, most,
               users, items);
  }
}

void check_planted(const SyntheticOptions& options) {
  if (options.num_communities == 0 || options.num_communities > options.num_items ||
      options.num_communities > options.num_users) {
    fail_usage("--communities: {} is not between 1 and the number of users and of items ({})",
               options.num_communities, std::min(options.num_users, options.num_items));
  }
  if (!(options.mixing >= 0 && options.mixing <= 1)) {
    fail_usage("--mixing: {} is not between 0 and 1", options.mixing);
  }
  if (!(options.drift >= 0 && options.drift <= options.num_communities)) {
    fail_usage("--drift: {} is not between 0 and the number of communities ({})", options.drift,
               options.num_communities);
  }
  if (options.drift > 0 && options.times == "none") {
    fail_usage("--drift moves tastes over time and --times none leaves time out; drop one of them");
  }
  if (const auto noise = options.attribute_noise; noise && !(*noise >= 0 && *noise <= 1)) {
    fail_usage("--attribute-noise: {} is not between 0 and 1", *noise);
  }
}

void check_power_laws(const SyntheticOptions& options) {
  if (!(options.item_exponent >= 0 && options.item_exponent <= 3)) {
    fail_usage("--item-exponent: {} is not between 0 and 3", options.item_exponent);
  }
  if (!(options.user_shape > 1)) {
    fail_usage("--user-shape: {} is not above 1", options.user_shape);
  }
}

void check_rmat(const SyntheticOptions& options) {
  double sum = 0;
  for (const double q : options.quadrants) {
    if (!(q > 0)) fail_usage("--quadrants: {} is not above 0", q);
    sum += q;
  }
  if (std::abs(sum - 1) > 1e-6) fail_usage("--quadrants: they sum to {}, not to 1", sum);
  if (!(options.level_noise >= 0 && options.level_noise <= 1)) {
    fail_usage("--level-noise: {} is not between 0 and 1", options.level_noise);
  }
}

void check_expand(const SyntheticOptions& options) {
  if (options.expand.empty()) {
    fail_usage("--kind expand: name the dataset file to expand with --expand DATA.h5");
  }
  for (const std::uint32_t copies : options.factor) {
    if (copies == 0) fail_usage("--factor: each node needs at least one copy, as in 4x4");
  }
}

}  // namespace

void check_options(const SyntheticOptions& options) {
  if (options.kind == "expand") {
    check_expand(options);
  } else {
    check_size(options);
    if (options.times == "source") {
      fail_usage("--times source: only --expand has a source; choose uniform or none");
    }
  }
  if (options.kind == "planted") check_planted(options);
  if (options.kind == "planted" || options.kind == "chung-lu") check_power_laws(options);
  if (options.kind == "rmat") check_rmat(options);
  if (options.protocol == "given") {
    fail_usage("--protocol: generated data comes without a split; choose random, leave-last, time");
  }
  if (options.times == "none" && options.protocol != "random") {
    fail_usage("--protocol {} needs times; drop --times none", options.protocol);
  }
}

std::string command_of(const SyntheticOptions& options) {
  std::string text = "generate";
  const auto add = [&](std::string_view name, const auto& value) {
    text += fmt::format(" --{} {}", name, value);
  };
  if (options.kind == "expand") {
    add("expand", options.expand.string());
    add("factor", fmt::format("{}x{}", options.factor[0], options.factor[1]));
    if (options.num_edges > 0) add("edges", options.num_edges);
  } else {
    if (options.kind != "planted") add("kind", options.kind);
    add("users", options.num_users);
    add("items", options.num_items);
    add("edges", options.num_edges);
  }
  if (options.kind == "planted") {
    add("communities", options.num_communities);
    add("mixing", options.mixing);
    if (options.drift > 0) add("drift", options.drift);
    if (options.attribute_noise) add("attribute-noise", *options.attribute_noise);
  }
  if (options.kind == "planted" || options.kind == "chung-lu") {
    add("item-exponent", options.item_exponent);
    add("user-shape", options.user_shape);
  }
  if (options.kind == "rmat") {
    const auto& q = options.quadrants;
    add("quadrants", fmt::format("{},{},{},{}", q[0], q[1], q[2], q[3]));
    add("level-noise", options.level_noise);
  }
  if (options.times) add("times", *options.times);
  add("seed", options.seed);
  add("protocol", options.protocol);
  return text;
}

}  // namespace halorec
