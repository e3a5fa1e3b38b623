// What a benchmark runs on: the caller's data or a graph made on the spot, and a shard of it.
#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "launch/commands/commands.hpp"
#include "launch/find_owners.hpp"
#include "launch/run_folder.hpp"
#include "partition/shard.hpp"

namespace halorec {

// Options that every benchmark shares.
struct BenchArguments {
  std::optional<std::filesystem::path> data;
  std::int64_t edges = 1'000'000;  // of the graph that is made when no data is given
  std::optional<std::filesystem::path> partition;
  std::string method = "auto";
  std::string balance = "both";
  std::int64_t repetitions = 15;
  bool without_one_rank = false;  // bench step, exchange: nothing beside the figures of all ranks
  std::optional<std::filesystem::path> html;
};
void declare_data_options(OptionTable& options, BenchArguments& arguments);
// --partition, --method, --balance: for commands that cut the graph over their own ranks.
void declare_cut_options(OptionTable& options, BenchArguments& arguments);
void declare_report_options(OptionTable& options, BenchArguments& arguments);

// The data, or planted communities with the given number of edges, 34 a user and 24 an item.
// Collective.
std::unique_ptr<DataSource> open_bench_data(Communicator& communicator,
                                            const BenchArguments& arguments, std::uint64_t seed);
// "DATA" or what was made, for titles.
std::string bench_data_name(const BenchArguments& arguments);

// This rank's shard of all interactions that training may use. `found` receives how the owners were
// found, of the owners themselves only the order of rows. Collective.
std::unique_ptr<Shard> make_bench_shard(const CommandContext& context, const DatasetFile& dataset,
                                        const BenchArguments& arguments,
                                        FoundOwners* found = nullptr);

// Sizes of the graph and of the shards over ranks: event "graph". Collective; root's answer counts.
nlohmann::ordered_json graph_record(const Shard& shard);
// The same with what reading, cutting and dealing took, in a sentence.
std::string graph_text(const nlohmann::ordered_json& graph);

}  // namespace halorec
