#include "partition/partitioner.hpp"

#include <fcntl.h>
#include <metis.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <limits>
#include <numeric>
#include <utility>

#include "comm/check.hpp"
#include "comm/hdf5_file.hpp"
#include "comm/random.hpp"

namespace halorec {
namespace {

// Nodes of the cut graph: users first, then items.
class CutGraph {
 public:
  explicit CutGraph(const BipartiteGraph& graph)
      : num_users_(graph.num_users()), degree_(graph.num_users()) {
    for (std::uint32_t u = 0; u < num_users_; ++u) {
      degree_[u] = static_cast<std::uint32_t>(graph.user_begin[u + 1] - graph.user_begin[u]);
    }
    const auto item_degree = graph.item_degrees();
    degree_.insert(degree_.end(), item_degree.begin(), item_degree.end());
  }
  std::size_t num_nodes() const { return degree_.size(); }
  std::uint32_t num_users() const { return num_users_; }
  std::uint32_t degree(std::size_t node) const { return degree_[node]; }

 private:
  std::uint32_t num_users_;
  std::vector<std::uint32_t> degree_;
};

using Parts = std::vector<std::int32_t>;

void check_metis(int code) {
  if (code == METIS_OK) return;
  const char* why = code == METIS_ERROR_MEMORY  ? "not enough memory"
                    : code == METIS_ERROR_INPUT ? "it refused the graph"
                                                : "an internal error, or a SIGTERM meanwhile";
  fail(
      "METIS could not cut the graph: {}; use --method hash or --method block, or a host with more "
      "memory",
      why);
}

// METIS prints to stdout what it thinks of a graph ("You are trying to partition a graph into too
// many parts!"), where --json promises JSON alone. While this lives, stdout leads nowhere.
class StdoutSilenced {
 public:
  StdoutSilenced() {
    std::fflush(stdout);
    saved_ = ::dup(STDOUT_FILENO);
    const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (saved_ >= 0 && nowhere >= 0) ::dup2(nowhere, STDOUT_FILENO);
    if (nowhere >= 0) ::close(nowhere);
  }
  ~StdoutSilenced() {
    std::fflush(stdout);
    if (saved_ < 0) return;
    ::dup2(saved_, STDOUT_FILENO);
    ::close(saved_);
  }
  StdoutSilenced(const StdoutSilenced&) = delete;
  StdoutSilenced& operator=(const StdoutSilenced&) = delete;

 private:
  int saved_ = -1;
};

Parts cut_with_metis(const BipartiteGraph& graph, const CutGraph& nodes,
                     const CutOptions& options) {
  // METIS sees only nodes with edges, renumbered.
  std::vector<std::size_t> node_of;
  std::vector<idx_t> number(nodes.num_nodes(), -1);
  for (std::size_t v = 0; v < nodes.num_nodes(); ++v) {
    if (nodes.degree(v) == 0) continue;
    number[v] = static_cast<idx_t>(node_of.size());
    node_of.push_back(v);
  }
  Parts parts(nodes.num_nodes(), -1);
  if (node_of.size() <= static_cast<std::size_t>(options.num_parts)) {
    for (std::size_t k = 0; k < node_of.size(); ++k) parts[node_of[k]] = static_cast<int>(k);
    return parts;
  }
  const std::uint64_t num_nonzeros = 2 * graph.num_edges();
  if (num_nonzeros > static_cast<std::uint64_t>(std::numeric_limits<idx_t>::max())) {
    fail(
        "the graph has {} edges, more than this METIS can index with {} bits; use --method hash or "
        "--method block",
        graph.num_edges(), 8 * sizeof(idx_t));
  }

  std::vector<idx_t> begin(node_of.size() + 1, 0), neighbours(num_nonzeros);
  for (std::size_t k = 0; k < node_of.size(); ++k) {
    begin[k + 1] = begin[k] + static_cast<idx_t>(nodes.degree(node_of[k]));
  }
  std::vector<idx_t> next(begin.begin(), begin.end() - 1);
  for (std::uint32_t u = 0; u < graph.num_users(); ++u) {
    for (std::uint64_t e = graph.user_begin[u]; e < graph.user_begin[u + 1]; ++e) {
      const idx_t user = number[u];
      const idx_t item = number[nodes.num_users() + graph.items[e]];
      neighbours[static_cast<std::size_t>(next[static_cast<std::size_t>(user)]++)] = item;
      neighbours[static_cast<std::size_t>(next[static_cast<std::size_t>(item)]++)] = user;
    }
  }

  idx_t num_nodes = static_cast<idx_t>(node_of.size());
  idx_t num_constraints = options.balance == Balance::both ? 2 : 1;
  std::vector<idx_t> weights;
  weights.reserve(node_of.size() * static_cast<std::size_t>(num_constraints));
  for (const std::size_t v : node_of) {
    weights.push_back(static_cast<idx_t>(nodes.degree(v)));
    if (num_constraints == 2) weights.push_back(1);
  }
  std::array<real_t, 2> tolerance{real_t(1.03), real_t(1.05)};
  std::array<idx_t, METIS_NOPTIONS> settings{};
  METIS_SetDefaultOptions(settings.data());
  settings[METIS_OPTION_SEED] = static_cast<idx_t>(options.seed & 0x7FFFFFFF);
  idx_t num_parts = options.num_parts;
  idx_t objective = 0;
  std::vector<idx_t> answer(node_of.size(), 0);
  const int code = [&] {
    const StdoutSilenced silenced;
    return METIS_PartGraphKway(&num_nodes, &num_constraints, begin.data(), neighbours.data(),
                               weights.data(), nullptr, nullptr, &num_parts, nullptr,
                               tolerance.data(), settings.data(), &objective, answer.data());
  }();
  check_metis(code);
  for (std::size_t k = 0; k < node_of.size(); ++k) {
    if (answer[k] < 0 || answer[k] >= num_parts) {
      fail("METIS answered part {} of {}; use --method hash", answer[k], num_parts);
    }
    parts[node_of[k]] = answer[k];
  }
  return parts;
}

Parts cut_by_hash(const CutGraph& nodes, int num_parts) {
  Parts parts(nodes.num_nodes());
  for (std::size_t v = 0; v < nodes.num_nodes(); ++v) {
    const GlobalId id =
        v < nodes.num_users()
            ? GlobalId(NodeKind::user, static_cast<std::uint32_t>(v))
            : GlobalId(NodeKind::item, static_cast<std::uint32_t>(v - nodes.num_users()));
    const std::uint64_t bits = id.bits();
    const std::uint64_t hash = hash_bytes({reinterpret_cast<const char*>(&bits), sizeof(bits)});
    parts[v] = static_cast<std::int32_t>(hash % static_cast<std::uint64_t>(num_parts));
  }
  return parts;
}

// Ranges of equal weight (degree + 1) over users, and again over items.
Parts cut_in_blocks(const CutGraph& nodes, int num_parts) {
  Parts parts(nodes.num_nodes());
  const auto cut_range = [&](std::size_t first, std::size_t last) {
    double total = 0;
    for (std::size_t v = first; v < last; ++v) total += nodes.degree(v) + 1.0;
    double before = 0;
    for (std::size_t v = first; v < last; ++v) {
      const double middle = before + (nodes.degree(v) + 1.0) / 2;
      parts[v] = std::min(num_parts - 1, static_cast<std::int32_t>(middle / total * num_parts));
      before += nodes.degree(v) + 1.0;
    }
  };
  cut_range(0, nodes.num_users());
  cut_range(nodes.num_users(), nodes.num_nodes());
  return parts;
}

// Gives nodes that no method placed (-1: without edges) to the parts with the fewest nodes, and an
// empty part the lightest node of the largest one.
void complete(Parts& parts, const CutGraph& nodes, int num_parts) {
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(num_parts), 0);
  std::vector<std::size_t> unplaced;
  for (std::size_t v = 0; v < parts.size(); ++v) {
    if (parts[v] < 0) {
      unplaced.push_back(v);
    } else {
      ++sizes[static_cast<std::size_t>(parts[v])];
    }
  }
  // Smallest part first; a heap of (size, part).
  std::vector<std::pair<std::int64_t, std::int32_t>> heap;
  for (std::int32_t p = 0; p < num_parts; ++p) {
    heap.emplace_back(sizes[static_cast<std::size_t>(p)], p);
  }
  std::make_heap(heap.begin(), heap.end(), std::greater<>());
  for (const std::size_t v : unplaced) {
    std::pop_heap(heap.begin(), heap.end(), std::greater<>());
    auto& [size, part] = heap.back();
    parts[v] = part;
    ++sizes[static_cast<std::size_t>(part)];
    ++size;
    std::push_heap(heap.begin(), heap.end(), std::greater<>());
  }

  for (std::int32_t empty = 0; empty < num_parts; ++empty) {
    if (sizes[static_cast<std::size_t>(empty)] > 0) continue;
    const auto largest = std::max_element(sizes.begin(), sizes.end());
    if (*largest < 2) return;  // fewer nodes than parts: an empty part cannot be avoided
    const auto from = static_cast<std::int32_t>(largest - sizes.begin());
    std::size_t lightest = parts.size();
    for (std::size_t v = 0; v < parts.size(); ++v) {
      if (parts[v] != from) continue;
      if (lightest == parts.size() || nodes.degree(v) < nodes.degree(lightest)) lightest = v;
    }
    parts[lightest] = empty;
    --*largest;
    ++sizes[static_cast<std::size_t>(empty)];
  }
}

double imbalance(const std::vector<std::uint64_t>& loads) {
  const auto total = std::accumulate(loads.begin(), loads.end(), std::uint64_t{0});
  if (total == 0) return 1;
  return static_cast<double>(*std::max_element(loads.begin(), loads.end())) *
         static_cast<double>(loads.size()) / static_cast<double>(total);
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

constexpr std::array<std::pair<std::string_view, CutMethod>, 3> kMethods{
    {{"metis", CutMethod::metis}, {"hash", CutMethod::hash}, {"block", CutMethod::block}}};
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

Owners cut(const BipartiteGraph& graph, const CutOptions& options) {
  if (options.num_parts < 1) fail_usage("--parts {} must be at least 1", options.num_parts);
  const CutGraph nodes(graph);
  Parts parts;
  if (options.num_parts == 1) {
    parts.assign(nodes.num_nodes(), 0);
  } else if (options.method == CutMethod::metis) {
    parts = cut_with_metis(graph, nodes, options);
  } else if (options.method == CutMethod::hash) {
    parts = cut_by_hash(nodes, options.num_parts);
  } else {
    parts = cut_in_blocks(nodes, options.num_parts);
  }
  complete(parts, nodes, options.num_parts);
  Owners owners;
  owners.num_parts = options.num_parts;
  owners.user.assign(parts.begin(), parts.begin() + nodes.num_users());
  owners.item.assign(parts.begin() + nodes.num_users(), parts.end());
  return owners;
}

CutQuality measure_cut(const BipartiteGraph& graph, const Owners& owners) {
  const auto num_parts = static_cast<std::size_t>(owners.num_parts);
  std::vector<std::uint64_t> nodes(num_parts, 0), edges(num_parts, 0), interactions(num_parts, 0);
  for (const auto part : owners.user) ++nodes[static_cast<std::size_t>(part)];
  for (const auto part : owners.item) ++nodes[static_cast<std::size_t>(part)];

  std::uint64_t num_cut = 0, num_ghosts = 0;
  std::vector<std::int64_t> seen(num_parts, -1);
  // Ghost copies of users: the parts of their items other than their own.
  for (std::uint32_t u = 0; u < graph.num_users(); ++u) {
    const std::int32_t home = owners.user[u];
    const std::uint64_t degree = graph.user_begin[u + 1] - graph.user_begin[u];
    edges[static_cast<std::size_t>(home)] += degree;
    interactions[static_cast<std::size_t>(home)] += degree;
    for (std::uint64_t e = graph.user_begin[u]; e < graph.user_begin[u + 1]; ++e) {
      const std::int32_t part = owners.item[graph.items[e]];
      ++edges[static_cast<std::size_t>(part)];
      if (part == home) continue;
      ++num_cut;
      if (std::exchange(seen[static_cast<std::size_t>(part)], u) != u) ++num_ghosts;
    }
  }
  // Ghost copies of items: the parts of their users.
  std::vector<std::uint64_t> item_begin(graph.num_items + std::size_t{1}, 0);
  for (const std::uint32_t item : graph.items) ++item_begin[item + 1];
  std::partial_sum(item_begin.begin(), item_begin.end(), item_begin.begin());
  std::vector<std::int32_t> user_part(graph.items.size());
  auto next = item_begin;
  for (std::uint32_t u = 0; u < graph.num_users(); ++u) {
    for (std::uint64_t e = graph.user_begin[u]; e < graph.user_begin[u + 1]; ++e) {
      user_part[next[graph.items[e]]++] = owners.user[u];
    }
  }
  std::fill(seen.begin(), seen.end(), -1);
  for (std::uint32_t i = 0; i < graph.num_items; ++i) {
    for (std::uint64_t e = item_begin[i]; e < item_begin[i + 1]; ++e) {
      const std::int32_t part = user_part[e];
      if (part != owners.item[i] && std::exchange(seen[static_cast<std::size_t>(part)], i) != i) {
        ++num_ghosts;
      }
    }
  }

  CutQuality quality;
  const auto num_nodes = owners.user.size() + owners.item.size();
  if (graph.num_edges() > 0) {
    quality.cut_fraction = static_cast<double>(num_cut) / static_cast<double>(graph.num_edges());
  }
  if (num_nodes > 0) {
    quality.halo_vectors_per_node =
        static_cast<double>(num_ghosts) / static_cast<double>(num_nodes);
  }
  quality.node_imbalance = imbalance(nodes);
  quality.edge_imbalance = imbalance(edges);
  quality.interaction_imbalance = imbalance(interactions);
  quality.num_empty_parts = static_cast<std::uint64_t>(std::count(nodes.begin(), nodes.end(), 0U));
  return quality;
}

std::string cut_key(std::string_view dataset_hash, std::string_view graph_part,
                    const CutOptions& options) {
  std::string key = fmt::format("{} {} parts={} method={}", dataset_hash, graph_part,
                                options.num_parts, cut_method_name(options.method));
  if (options.method == CutMethod::metis) {
    key += fmt::format(" balance={} seed={}", balance_name(options.balance), options.seed);
  }
  return key;
}

void save_owners(const Owners& owners, std::string_view key, std::string_view dataset_hash,
                 const std::filesystem::path& path) {
  Hdf5File file = Hdf5File::create(path);
  file.set_attribute("format", std::string("halorec partition"));
  file.set_attribute("key", std::string(key));
  file.set_attribute("dataset_hash", std::string(dataset_hash));
  file.set_attribute("num_parts", std::int64_t{owners.num_parts});
  file.write("users/owner", owners.user);
  file.write("items/owner", owners.item);
  file.commit();
}

Owners load_owners(const std::filesystem::path& path, std::string_view dataset_hash,
                   std::string* key) {
  const Hdf5File file = Hdf5File::open(path, "partition");
  if (!file.has_attribute("format") || file.text_attribute("format") != "halorec partition") {
    fail("{} is not a partition file; make one with: halorec partition DATA --parts K --out {}",
         path.string(), path.string());
  }
  if (file.text_attribute("dataset_hash") != dataset_hash) {
    fail(
        "partition {} was cut from another dataset (content hash {}, this one has {}); cut again "
        "with: halorec partition DATA --parts K --out {}",
        path.string(), file.text_attribute("dataset_hash"), dataset_hash, path.string());
  }
  Owners owners;
  owners.num_parts = static_cast<int>(file.int_attribute("num_parts"));
  owners.user = file.read<std::int32_t>("users/owner");
  owners.item = file.read<std::int32_t>("items/owner");
  for (const auto* side : {&owners.user, &owners.item}) {
    for (const std::int32_t part : *side) {
      if (part < 0 || part >= owners.num_parts) {
        fail("partition {} names part {} of {}; cut again", path.string(), part, owners.num_parts);
      }
    }
  }
  if (key != nullptr) *key = file.text_attribute("key");
  return owners;
}

}  // namespace halorec
