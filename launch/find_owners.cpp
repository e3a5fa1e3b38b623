#include "launch/find_owners.hpp"

#include <chrono>
#include <nlohmann/json.hpp>

#include "comm/communicator.hpp"
#include "launch/cut_cache.hpp"
#include "partition/cut_quality.hpp"

namespace halorec {
namespace {

// The owners in --partition; nothing, with a warning, when they do not serve this start.
std::optional<Owners> from_file(const OwnersRequest& request, const std::string& dataset_hash,
                                int num_parts, std::string& warning) {
  // A file named in an earlier start must not stop a run that needs no cut.
  if (request.file_is_restored && num_parts == 1) return std::nullopt;
  const std::string instead =
      fmt::format("cutting anew (--method {})", cut_method_name(request.cut.method));
  try {
    Owners owners = load_owners(*request.file, dataset_hash);
    if (owners.num_parts == num_parts) return owners;
    warning = fmt::format(
        "--partition {} has {} parts and there are {} ranks: {}; start {} ranks to use it",
        request.file->string(), owners.num_parts, num_parts, instead, owners.num_parts);
  } catch (const Error& error) {
    if (!request.file_is_restored) throw;
    warning = fmt::format("the --partition that this run began with cannot be used: {}; {}",
                          error.what(), instead);
  }
  return std::nullopt;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Deals the parts out to the ranks by what they exchange. Collective.
void place(Communicator& communicator, const DatasetFile& dataset, const OwnersRequest& request,
           FoundOwners& found) {
  const auto start = std::chrono::steady_clock::now();
  found.placement = place_parts(measure_traffic(communicator, dataset, request.part, found.owners),
                                request.hosts);
  for (auto* side : {&found.owners.user, &found.owners.item}) {
    for (std::int32_t& owner : *side) {
      owner = found.placement->rank_of_part[static_cast<std::size_t>(owner)];
    }
  }
  found.placement_seconds = seconds_since(start);
}

}  // namespace

nlohmann::ordered_json placement_event(const FoundOwners& found) {
  const Placement& placement = found.placement.value();
  return {{"event", "placement"},
          {"hosts", placement.num_hosts},
          {"vectors", placement.vectors},
          {"between_hosts_as_cut", placement.between_hosts_as_cut},
          {"between_hosts", placement.between_hosts},
          {"seconds", found.placement_seconds}};
}

std::string placement_text(const Placement& placement) {
  return fmt::format("{} of {} vectors of a layer travel between {} hosts ({} as cut)",
                     placement.between_hosts, placement.vectors, placement.num_hosts,
                     placement.between_hosts_as_cut);
}

MethodChoice choose_method(Communicator& communicator, const DatasetFile& dataset,
                           TrainingPart part, CutMethod method, std::optional<double> memory_gib) {
  std::uint64_t num_edges = dataset.num_interactions(Split::train);
  if (part != TrainingPart::train) num_edges += dataset.num_interactions(Split::validation);
  std::optional<std::uint64_t> limit;
  if (memory_gib) limit = static_cast<std::uint64_t>(*memory_gib * (1 << 30));
  MethodChoice choice;
  communicator.on_root([&] {
    choice = choose_method(method, dataset.num_users() + dataset.num_items(), num_edges, limit);
  });
  choice.method = static_cast<CutMethod>(communicator.broadcast(static_cast<int>(choice.method)));
  choice.metis_bytes = communicator.broadcast(choice.metis_bytes);
  choice.limit_bytes = communicator.broadcast(choice.limit_bytes);
  communicator.broadcast(choice.reason);
  return choice;
}

FoundOwners find_owners(Communicator& communicator, const DatasetFile& dataset,
                        const OwnersRequest& request) {
  FoundOwners found;
  const auto start = std::chrono::steady_clock::now();
  const MethodChoice choice =
      choose_method(communicator, dataset, request.part, request.cut.method, request.memory_gib);
  CutOptions options = request.cut;
  options.num_parts = communicator.size();
  options.method = choice.method;
  options.memory_bytes = choice.limit_bytes;
  const CutCache cache(request.cache, dataset.content_hash(), request.part, options);
  communicator.on_root([&] {
    if (request.file) {
      if (auto owners =
              from_file(request, dataset.content_hash(), options.num_parts, found.warning)) {
        found.owners = std::move(*owners);
        found.how = "read from " + request.file->string();
        return;
      }
    }
    if (auto owners = cache.load()) {
      found.owners = std::move(*owners);
      found.how = "from the cache (" + cache.path().string() + ")";
      return;
    }
    if (options.num_parts > 1 && request.announce) request.announce(choice);
  });
  communicator.broadcast(found.how);
  if (found.how.empty()) {
    found.owners = cut(communicator, dataset, request.part, options);
    found.how = options.num_parts == 1 ? "one rank owns everything"
                                       : fmt::format("cut by {}", cut_method_name(options.method));
    // One rank without an order of rows is made faster than it is read.
    if (options.num_parts > 1 || !found.owners.order.user.empty()) {
      communicator.on_root_briefly([&] { cache.save(found.owners); });
    }
  } else {
    broadcast(communicator, found.owners);
    // A file made by hand or long ago.
    if (options.order_rows && found.owners.order.user.empty()) {
      found.owners.order = order_rows(communicator, dataset, request.part, options.seed);
    }
  }
  found.seconds = seconds_since(start);
  if (placement_matters(request.hosts)) place(communicator, dataset, request, found);
  return found;
}

}  // namespace halorec
