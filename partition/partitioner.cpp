#include "partition/partitioner.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "comm/communicator.hpp"
#include "comm/random.hpp"
#include "partition/cluster/cut_by_clusters.hpp"
#include "partition/complete_parts.hpp"
#include "partition/dataset.hpp"
#include "partition/metis_kway.hpp"

namespace halorec {
namespace {

using Parts = std::vector<std::int32_t>;

// Nodes of the cut graph: users first, then items.
struct Nodes {
  std::uint32_t num_users = 0;
  std::vector<std::uint32_t> degree;

  explicit Nodes(const BipartiteGraph& graph)
      : num_users(graph.num_users()), degree(graph.num_users()) {
    for (std::uint32_t u = 0; u < num_users; ++u) {
      degree[u] = static_cast<std::uint32_t>(graph.user_begin[u + 1] - graph.user_begin[u]);
    }
    const auto item_degree = graph.item_degrees();
    degree.insert(degree.end(), item_degree.begin(), item_degree.end());
  }
  std::size_t size() const { return degree.size(); }
};

Parts cut_with_metis(const BipartiteGraph& graph, const Nodes& nodes, const CutOptions& options) {
  // METIS sees only nodes with edges, renumbered.
  std::vector<std::size_t> node_of;
  std::vector<std::int32_t> number(nodes.size(), -1);
  for (std::size_t v = 0; v < nodes.size(); ++v) {
    if (nodes.degree[v] == 0) continue;
    number[v] = static_cast<std::int32_t>(node_of.size());
    node_of.push_back(v);
  }
  Parts parts(nodes.size(), -1);
  if (node_of.size() <= static_cast<std::size_t>(options.num_parts)) {
    for (std::size_t k = 0; k < node_of.size(); ++k) parts[node_of[k]] = static_cast<int>(k);
    return parts;
  }
  const std::uint64_t num_nonzeros = 2 * graph.num_edges();
  if (num_nonzeros > metis_largest_count()) {
    fail("the graph has {} edges, more than METIS can index with 32 bits; use --method cluster",
         graph.num_edges());
  }

  MetisGraph metis;
  metis.num_constraints = options.balance == Balance::both ? 2 : 1;
  metis.begin.reserve(node_of.size() + 1);
  metis.neighbour.resize(num_nonzeros);
  metis.node_weight.reserve(node_of.size() * static_cast<std::size_t>(metis.num_constraints));
  for (std::size_t k = 0; k < node_of.size(); ++k) {
    const auto degree = static_cast<std::int32_t>(nodes.degree[node_of[k]]);
    metis.begin.push_back(metis.begin.back() + degree);
    metis.node_weight.push_back(degree);
    if (metis.num_constraints == 2) metis.node_weight.push_back(1);
  }
  std::vector<std::int32_t> next(metis.begin.begin(), metis.begin.end() - 1);
  for (std::uint32_t u = 0; u < graph.num_users(); ++u) {
    for (std::uint64_t e = graph.user_begin[u]; e < graph.user_begin[u + 1]; ++e) {
      const std::int32_t user = number[u];
      const std::int32_t item = number[nodes.num_users + graph.items[e]];
      auto& of_user = next[static_cast<std::size_t>(user)];
      auto& of_item = next[static_cast<std::size_t>(item)];
      metis.neighbour[static_cast<std::size_t>(of_user++)] = item;
      metis.neighbour[static_cast<std::size_t>(of_item++)] = user;
    }
  }
  const auto answer = metis_kway(metis, options.num_parts, options.seed);
  for (std::size_t k = 0; k < node_of.size(); ++k) parts[node_of[k]] = answer[k];
  return parts;
}

Parts cut_by_hash(const Nodes& nodes, int num_parts) {
  Parts parts(nodes.size());
  for (std::size_t v = 0; v < nodes.size(); ++v) {
    const GlobalId id =
        v < nodes.num_users
            ? GlobalId(NodeKind::user, static_cast<std::uint32_t>(v))
            : GlobalId(NodeKind::item, static_cast<std::uint32_t>(v - nodes.num_users));
    const std::uint64_t bits = id.bits();
    const std::uint64_t hash = hash_bytes({reinterpret_cast<const char*>(&bits), sizeof(bits)});
    parts[v] = static_cast<std::int32_t>(hash % static_cast<std::uint64_t>(num_parts));
  }
  return parts;
}

// Ranges of equal weight (degree + 1) over users, and again over items.
Parts cut_in_blocks(const Nodes& nodes, int num_parts) {
  Parts parts(nodes.size());
  const auto cut_range = [&](std::size_t first, std::size_t last) {
    double total = 0;
    for (std::size_t v = first; v < last; ++v) total += nodes.degree[v] + 1.0;
    double before = 0;
    for (std::size_t v = first; v < last; ++v) {
      const double middle = before + (nodes.degree[v] + 1.0) / 2;
      parts[v] = std::min(num_parts - 1, static_cast<std::int32_t>(middle / total * num_parts));
      before += nodes.degree[v] + 1.0;
    }
  };
  cut_range(0, nodes.num_users);
  cut_range(nodes.num_users, nodes.size());
  return parts;
}

template <typename Enum, std::size_t N>
Enum parse_name(std::string_view name,
                const std::array<std::pair<std::string_view, Enum>, N>& names,
                std::string_view option) {
  std::string allowed;
  for (const auto& [text, value] : names) {
    if (text == name) return value;
    allowed += (allowed.empty() ? "" : ", ") + std::string(text);
  }
  fail_usage("{} '{}' is unknown; allowed: {}", option, name, allowed);
}

constexpr std::array<std::pair<std::string_view, CutMethod>, 5> kMethods{
    {{"auto", CutMethod::automatic},
     {"metis", CutMethod::metis},
     {"cluster", CutMethod::cluster},
     {"hash", CutMethod::hash},
     {"block", CutMethod::block}}};
constexpr std::array<std::pair<std::string_view, Balance>, 2> kBalances{
    {{"edges", Balance::edges}, {"both", Balance::both}}};

}  // namespace

CutMethod parse_cut_method(std::string_view name) {
  return parse_name(name, kMethods, "--method");
}
Balance parse_balance(std::string_view name) {
  return parse_name(name, kBalances, "--balance");
}
std::string_view cut_method_name(CutMethod method) {
  return kMethods[static_cast<std::size_t>(method)].first;
}
std::string_view balance_name(Balance balance) {
  return kBalances[static_cast<std::size_t>(balance)].first;
}

Owners Owners::single(std::uint64_t num_users, std::uint64_t num_items, RowOrder order) {
  Owners owners;
  owners.user.assign(num_users, 0);
  owners.item.assign(num_items, 0);
  owners.order = std::move(order);
  return owners;
}

void broadcast(Communicator& communicator, Owners& owners) {
  owners.num_parts = communicator.broadcast(owners.num_parts);
  communicator.broadcast(owners.user);
  communicator.broadcast(owners.item);
  communicator.broadcast(owners.order.user);
  communicator.broadcast(owners.order.item);
}

Owners cut(const BipartiteGraph& graph, const CutOptions& options) {
  if (options.num_parts < 1) fail_usage("--parts {} must be at least 1", options.num_parts);
  const Nodes nodes(graph);
  Parts parts;
  if (options.num_parts == 1) {
    parts.assign(nodes.size(), 0);
  } else if (options.method == CutMethod::metis) {
    parts = cut_with_metis(graph, nodes, options);
  } else if (options.method == CutMethod::hash) {
    parts = cut_by_hash(nodes, options.num_parts);
  } else {
    HALOREC_ASSERT_LIGHT(options.method == CutMethod::block);
    parts = cut_in_blocks(nodes, options.num_parts);
  }
  complete_parts(parts, nodes.degree, options.num_parts);
  Owners owners;
  owners.num_parts = options.num_parts;
  owners.user.assign(parts.begin(), parts.begin() + nodes.num_users);
  owners.item.assign(parts.begin() + nodes.num_users, parts.end());
  return owners;
}

Owners cut(Communicator& communicator, const DatasetFile& dataset, TrainingPart part,
           const CutOptions& options) {
  Owners owners;
  if (options.num_parts == 1) {
    owners = Owners::single(dataset.num_users(), dataset.num_items());
  } else if (options.method == CutMethod::cluster) {
    owners = cut_by_clusters(communicator, dataset, part, options);
  } else {
    communicator.on_root([&] { owners = cut(read_graph(dataset, part), options); });
    broadcast(communicator, owners);
  }
  if (options.order_rows) owners.order = order_rows(communicator, dataset, part, options.seed);
  return owners;
}

}  // namespace halorec
