// What `halorec generate` is asked for. Graphs to show and to scale with: nothing to download, any
// size. Each kind is a file of this folder, whose head says how its edges are drawn.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace halorec {

struct SyntheticOptions {
  std::string kind = "planted";  // planted | chung-lu | rmat | expand
  // Of all kinds but expand, which takes them from its data.
  std::uint32_t num_users = 0;
  std::uint32_t num_items = 0;
  std::uint64_t num_edges = 0;  // expand: expected edges; 0 keeps the data's mean user degree

  // planted
  std::uint32_t num_communities = 16;
  double mixing = 0.3;  // [0, 1]: 0 no edge leaves its community, 1 no communities
  double drift = 0;     // communities that tastes move on by over the time span; needs times
  std::optional<double> attribute_noise;  // [0, 1]; none: no attributes
  // planted, chung-lu
  double item_exponent = 0.8;  // of popularity over rank; 0: all items alike
  double user_shape = 2.0;     // of the Pareto law of users' degrees, above 1; large: all alike

  // rmat: probabilities of the quadrants (user bit, item bit) = 00, 01, 10, 11; sum to 1.
  std::array<double, 4> quadrants{0.57, 0.19, 0.19, 0.05};
  double level_noise =
      0.1;  // each level's quadrants move by at most this share of what is possible

  // expand
  std::filesystem::path expand;               // a dataset file
  std::array<std::uint32_t, 2> factor{4, 4};  // copies of each user, of each item

  std::optional<std::string> times;  // uniform | none | source; none given: by kind
  std::uint64_t seed = 0;
  std::string protocol = "random";  // random | leave-last | time
};

// Usage Error when the numbers contradict each other. Touches no file.
void check_options(const SyntheticOptions& options);

// The command that asks for this graph again.
std::string command_of(const SyntheticOptions& options);

}  // namespace halorec
