#include "launch/bench/bench_data.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "comm/communicator.hpp"
#include "comm/hosts.hpp"
#include "launch/cut_cache.hpp"
#include "launch/output.hpp"
#include "partition/synthetic/generate.hpp"

namespace halorec {

void declare_data_options(OptionTable& options, BenchArguments& a) {
  options.group("Data");
  options
      .add("data", a.data,
           "dataset file, or a folder or file of raw data; left out: a graph made on the spot")
      .value_name("DATA")
      .positional();
  options.add("edges", a.edges, "of the graph that is made when no DATA is given")
      .range(1000, std::int64_t{1} << 32);
}

void declare_cut_options(OptionTable& options, BenchArguments& a) {
  options.group("Partition");
  options.add("partition", a.partition, "owners made by halorec partition").value_name("PARTS.h5");
  options.add("method", a.method, "how to cut the graph when no file fits")
      .choices({"auto", "metis", "cluster", "hash", "block"});
  options
      .add("balance", a.balance,
           "what metis and cluster keep equal: edges, or edges and nodes (both)")
      .choices({"edges", "both"});
}

void declare_report_options(OptionTable& options, BenchArguments& a) {
  options.group("Measuring");
  options.add("repetitions", a.repetitions, "of each measurement; they take turns").range(1, 10000);
  options.add("html", a.html, "also write a page with plots that needs no network")
      .value_name("FILE.html");
}

std::unique_ptr<DataSource> open_bench_data(Communicator& communicator,
                                            const BenchArguments& arguments, std::uint64_t seed) {
  if (arguments.data) return std::make_unique<DataSource>(communicator, *arguments.data);
  SyntheticOptions options;
  options.num_edges = static_cast<std::uint64_t>(arguments.edges);
  options.num_users = static_cast<std::uint32_t>(std::max<std::int64_t>(20, arguments.edges / 34));
  options.num_items = static_cast<std::uint32_t>(std::max<std::int64_t>(20, arguments.edges / 24));
  options.num_communities = 16;
  options.seed = seed;
  return std::make_unique<DataSource>(communicator, [&](const std::filesystem::path& path) {
    Communicator alone(MPI_COMM_SELF);
    generate_dataset(options, path, alone);
  });
}

std::string bench_data_name(const BenchArguments& arguments) {
  if (arguments.data) return arguments.data->string();
  return fmt::format("a generated graph of {} edges", arguments.edges);
}

std::unique_ptr<Shard> make_bench_shard(const CommandContext& context, const DatasetFile& dataset,
                                        const BenchArguments& arguments, FoundOwners* found) {
  OwnersRequest request;
  request.cut.method = parse_cut_method(arguments.method);
  request.cut.balance = parse_balance(arguments.balance);
  request.cut.seed = context.seed();
  request.cut.order_rows = true;
  request.part = TrainingPart::train_and_validation;
  request.file = arguments.partition;
  request.cache = default_cache();
  request.hosts = find_hosts(context.communicator);
  FoundOwners mine = find_owners(context.communicator, dataset, request);
  if (!mine.warning.empty()) warn(mine.warning);
  Owners owners = std::move(mine.owners);
  if (found != nullptr) {
    *found = std::move(mine);
    found->owners = {};
    found->owners.order = owners.order;
  }
  return std::make_unique<Shard>(context.communicator, dataset, request.part, std::move(owners));
}

namespace {

double imbalance(const std::vector<std::int64_t>& loads) {
  const auto total = std::accumulate(loads.begin(), loads.end(), std::int64_t{0});
  if (total == 0) return 1;
  return static_cast<double>(*std::max_element(loads.begin(), loads.end())) *
         static_cast<double>(loads.size()) / static_cast<double>(total);
}

}  // namespace

nlohmann::ordered_json graph_record(const Shard& shard) {
  Communicator& communicator = shard.communicator();
  const auto owned = communicator.all_gather(shard.num_owned());
  const auto ghosts = communicator.all_gather(shard.num_ghosts());
  const auto local = communicator.all_gather(shard.local().num_nonzeros());
  const auto cross = communicator.all_gather(shard.cross().num_nonzeros());
  std::vector<std::int64_t> edges(local.size());
  for (std::size_t r = 0; r < edges.size(); ++r) edges[r] = local[r] + cross[r];
  return {{"event", "graph"},
          {"users", shard.num_users()},
          {"items", shard.num_items()},
          {"interactions", shard.num_edges()},
          {"owned", owned},
          {"ghosts", ghosts},
          {"local_edges", local},
          {"cross_edges", cross},
          {"node_imbalance", imbalance(owned)},
          {"edge_imbalance", imbalance(edges)},
          {"halo_imbalance", imbalance(ghosts)}};
}

std::string graph_text(const nlohmann::ordered_json& graph) {
  return fmt::format(
      "{} users, {} items, {} interactions; largest rank over the mean: nodes {:.3f}, edges "
      "{:.3f}, "
      "halo {:.3f}; read in {:.2f} s, cut in {:.2f} s, dealt out in {:.2f} s",
      graph.at("users").get<std::int64_t>(), graph.at("items").get<std::int64_t>(),
      graph.at("interactions").get<std::int64_t>(), graph.at("node_imbalance").get<double>(),
      graph.at("edge_imbalance").get<double>(), graph.at("halo_imbalance").get<double>(),
      graph.at("read_seconds").get<double>(), graph.at("cut_seconds").get<double>(),
      graph.at("shard_seconds").get<double>());
}

}  // namespace halorec
