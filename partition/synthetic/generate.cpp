#include "partition/synthetic/generate.hpp"

#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>
#include <span>

#include "comm/check.hpp"
#include "comm/communicator.hpp"
#include "partition/split.hpp"
#include "partition/synthetic/census.hpp"
#include "partition/synthetic/expand.hpp"
#include "partition/synthetic/planted.hpp"
#include "partition/synthetic/rmat.hpp"
#include "partition/synthetic/time_cuts.hpp"

namespace halorec {
namespace {

using Rows = BySegment<Interactions>;

void append(const std::vector<Rows>& pieces, std::size_t segment, Interactions& into) {
  std::vector<std::uint64_t> begin;
  std::uint64_t size = into.user.size();
  for (const Rows& piece : pieces) {
    begin.push_back(size);
    size += piece[segment].user.size();
  }
  into.user.resize(size);
  into.item.resize(size);
  const bool times = std::any_of(pieces.begin(), pieces.end(),
                                 [&](const Rows& piece) { return !piece[segment].time.empty(); });
  if (times) into.time.resize(size);
  parallel_for(pieces.size(), 16, [&](std::uint64_t p) {
    const Interactions& rows = pieces[p][segment];
    const auto at = static_cast<std::ptrdiff_t>(begin[p]);
    std::copy(rows.user.begin(), rows.user.end(), into.user.begin() + at);
    std::copy(rows.item.begin(), rows.item.end(), into.item.begin() + at);
    std::copy(rows.time.begin(), rows.time.end(), into.time.begin() + at);
  });
}

// The second pass on one rank: rows with their numbers, sorted by user and item.
class RowDrawer {
 public:
  RowDrawer(const EdgeSource& source, const UserSplit& split, const Census& census, UserRange mine)
      : source_(source), split_(split), census_(census), mine_(mine) {}

  // The rows of all segments, one behind the other, and the length of each.
  Interactions draw(UserRange users, BySegment<std::uint64_t>& lengths) {
    std::vector<Rows> pieces(num_chunks(users));
    for_each_user(source_, users, [&](std::uint32_t user, const UserEdges& edges) {
      add_user(user, edges, pieces[(user - users.first) / kUsersPerChunk]);
    });
    Interactions rows;
    for (std::size_t segment = 0; segment < kNumSegments; ++segment) {
      const std::uint64_t before = rows.size();
      append(pieces, segment, rows);
      lengths[segment] = rows.size() - before;
    }
    return rows;
  }

  // Rows so far with an end that is not in the training part.
  std::array<std::uint64_t, kNumSplits> cold() const { return {0, cold_[1], cold_[2]}; }

 private:
  void add_user(std::uint32_t user, const UserEdges& edges, Rows& rows) {
    static thread_local std::vector<std::uint8_t> part;
    static thread_local std::array<std::vector<std::uint64_t>, kNumSplits> sorted;
    split_(user, edges, part);
    for (auto& of_part : sorted) of_part.clear();
    for (std::size_t k = 0; k < part.size(); ++k) {
      sorted[part[k]].push_back(std::uint64_t{census_.item_number[edges.item[k]]} << 32 | k);
    }
    const std::uint8_t user_class = census_.user_class[user - mine_.first];
    for (std::uint8_t p = 0; p < kNumSplits; ++p) {
      if (sorted[p].empty()) continue;
      std::sort(sorted[p].begin(), sorted[p].end());
      Interactions& into = rows[segment_of(p, user_class)];
      std::uint64_t cold = 0;
      for (const std::uint64_t entry : sorted[p]) {
        const auto item = static_cast<std::uint32_t>(entry >> 32);
        into.item.push_back(item);
        if (!edges.time.empty()) into.time.push_back(edges.time[entry & 0xFFFF'FFFF]);
        if (user_class > 0 || item >= census_.items[0]) ++cold;
      }
      into.user.insert(into.user.end(), sorted[p].size(), census_.user_number[user - mine_.first]);
      if (cold > 0) cold_[p].fetch_add(cold, std::memory_order_relaxed);
    }
  }

  const EdgeSource& source_;
  const UserSplit& split_;
  const Census& census_;
  UserRange mine_;
  std::array<std::atomic<std::uint64_t>, kNumSplits> cold_{};
};

template <typename T>
std::vector<T> slice_of(const std::vector<T>& values, std::uint64_t first, std::uint64_t count) {
  if (values.empty()) return {};
  const auto begin = values.begin() + static_cast<std::ptrdiff_t>(first);
  return {begin, begin + static_cast<std::ptrdiff_t>(count)};
}

// Hands every rank's rows to the root. Collective.
template <typename T>
void send_to_root(std::vector<T>& values, Communicator& communicator) {
  if (communicator.size() == 1) return;
  std::vector<std::int64_t> counts(static_cast<std::size_t>(communicator.size()), 0);
  counts[0] = std::ssize(values);
  values = communicator.all_to_all(std::span<const T>(values), counts);
}

// Draws, sends and writes round by round; returns the cold rows of each part. `writer` is the
// root's. Collective.
std::array<std::uint64_t, kNumSplits> write_interactions(
    const EdgeSource& source, const UserSplit& split, const Census& census, UserRange mine,
    double edges_per_round, DatasetWriter* writer, Communicator& communicator) {
  RowDrawer drawer(source, split, census, mine);
  const std::vector<UserRange> rounds =
      cut_users(source, mine, edges_per_round / communicator.size());
  const std::uint64_t num_rounds = communicator.max(rounds.size());
  std::vector<BySegment<std::uint64_t>> next = census.begin;
  for (std::uint64_t round = 0; round < num_rounds; ++round) {
    Interactions rows;
    BySegment<std::uint64_t> lengths{};
    communicator.together([&] {
      if (round < rounds.size()) rows = drawer.draw(rounds[round], lengths);
    });
    const std::vector<std::uint64_t> all_lengths =
        communicator.all_gather(std::span<const std::uint64_t>(lengths));
    send_to_root(rows.user, communicator);
    send_to_root(rows.item, communicator);
    if (source.has_times()) send_to_root(rows.time, communicator);
    communicator.on_root([&] {
      std::uint64_t first = 0;
      for (std::size_t rank = 0; rank < next.size(); ++rank) {
        for (std::uint8_t part = 0; part < kNumSplits; ++part) {
          for (std::uint8_t user_class = 0; user_class <= part; ++user_class) {
            const std::size_t segment = segment_of(part, user_class);
            const std::uint64_t count = all_lengths[rank * kNumSegments + segment];
            Interactions slice;
            slice.user = slice_of(rows.user, first, count);
            slice.item = slice_of(rows.item, first, count);
            slice.time = slice_of(rows.time, first, count);
            writer->write(static_cast<Split>(part), next[rank][segment], slice);
            next[rank][segment] += count;
            first += count;
          }
        }
      }
    });
  }
  std::array<std::uint64_t, kNumSplits> cold = drawer.cold();
  communicator.sum(std::span<std::uint64_t>(cold));
  return cold;
}

template <typename T>
std::vector<T> pick(const std::vector<T>& values, const std::vector<std::uint32_t>& origin) {
  if (values.empty()) return {};
  std::vector<T> picked(origin.size());
  for (std::size_t k = 0; k < origin.size(); ++k) picked[k] = values[origin[k]];
  return picked;
}

// Numbers in order; of each the user's index.
std::vector<std::uint32_t> order_users(const std::vector<std::uint8_t>& user_class) {
  std::vector<std::uint32_t> origin;
  for (std::uint8_t wanted = 0; wanted < kNumSplits; ++wanted) {
    for (std::uint32_t u = 0; u < user_class.size(); ++u) {
      if (user_class[u] == wanted) origin.push_back(u);
    }
  }
  return origin;
}

std::string report_of(const EdgeSource& source, const SyntheticOptions& options,
                      const Census& census, const Dataset& dataset,
                      const std::array<std::uint64_t, kNumSplits>& cold_interactions) {
  std::uint64_t placed = 0;
  for (const std::uint64_t count : census.interactions) placed += count;
  nlohmann::ordered_json report;
  report["format"] = "synthetic";
  report["kind"] = options.kind;
  report[source.counts_exactly() ? "edges_asked" : "edges_expected"] = source.num_edges();
  report["edges_placed"] = placed;
  if (source.counts_exactly()) report["edges_not_placed"] = source.num_edges() - placed;
  report["users_without_edges"] = source.num_users() - dataset.users.size();
  report["items_without_edges"] = source.num_items() - dataset.items.size();
  report["cold_users"] = {{"validation", census.cold_users[1]}, {"test", census.cold_users[2]}};
  report["cold_items"] = {{"validation", census.cold_items[1]}, {"test", census.cold_items[2]}};
  report["cold_interactions"] = {{"validation", cold_interactions[1]},
                                 {"test", cold_interactions[2]}};
  return report.dump();
}

// All of the dataset but its interactions and report.
Dataset describe_nodes(const EdgeSource& source, const std::vector<std::uint8_t>& user_class,
                       const Census& census) {
  Dataset dataset;
  const std::vector<std::uint32_t> user_origin = order_users(user_class);
  const std::vector<std::uint32_t>& item_origin = census.item_origin;
  std::string name;
  dataset.users.offsets.reserve(user_origin.size() + 1);
  for (const std::uint32_t user : user_origin) {
    source.name_user(user, name);
    dataset.users.push_back(name);
  }
  dataset.items.offsets.reserve(item_origin.size() + 1);
  for (const std::uint32_t item : item_origin) {
    source.name_item(item, name);
    dataset.items.push_back(name);
  }
  dataset.truth = source.truth();
  if (dataset.truth) {
    Truth& truth = *dataset.truth;
    truth.user_community = pick(truth.user_community, user_origin);
    truth.item_community = pick(truth.item_community, item_origin);
    truth.item_weight = pick(truth.item_weight, item_origin);
  }
  dataset.user_attribute = pick(source.user_attributes(), user_origin);
  dataset.item_attribute = pick(source.item_attributes(), item_origin);
  return dataset;
}

}  // namespace

std::unique_ptr<EdgeSource> make_edge_source(const SyntheticOptions& options) {
  check_options(options);
  if (options.kind == "planted") return make_planted(options);
  if (options.kind == "rmat") return make_rmat(options);
  if (options.kind == "expand") return make_expansion(options);
  if (options.kind != "chung-lu") {
    fail_usage("--kind: '{}' is not one of planted, chung-lu, rmat, expand", options.kind);
  }
  SyntheticOptions plain = options;
  plain.num_communities = 1;
  plain.mixing = 1;
  plain.drift = 0;
  plain.attribute_noise.reset();
  return make_planted(plain);
}

void generate_dataset(const SyntheticOptions& options, const std::filesystem::path& path,
                      Communicator& communicator, double edges_per_round) {
  std::unique_ptr<EdgeSource> source;
  communicator.together([&] { source = make_edge_source(options); });
  const auto rank = static_cast<std::size_t>(communicator.rank());
  const auto ranks = static_cast<std::size_t>(communicator.size());
  double expected = 0;
  for (std::uint32_t u = 0; u < source->num_users(); ++u) expected += source->expected_edges(u);
  const UserRange mine = cut_users(*source, {0, source->num_users()},
                                   expected / static_cast<double>(ranks), ranks)[rank];

  const Protocol protocol = make_protocol(options.protocol, options.seed, false);
  std::optional<TimeCuts> cuts;
  if (protocol.name == "time") cuts = find_time_cuts(*source, mine, communicator);
  std::optional<UserSplit> split;
  communicator.together([&] { split.emplace(*source, protocol, cuts); });
  Census census = take_census(*source, *split, mine, communicator);
  if (census.interactions[0] == 0) {
    throw Error("generate: no edge was drawn; ask for more edges", kExitFailure, true);
  }

  std::optional<DatasetWriter> writer;
  communicator.on_root([&] { writer.emplace(path, census.interactions, source->has_times()); });
  const auto cold_interactions = write_interactions(*source, *split, census, mine, edges_per_round,
                                                    writer ? &*writer : nullptr, communicator);
  split.reset();
  const std::vector<std::uint8_t> user_class =
      communicator.all_gather(std::span<const std::uint8_t>(census.user_class));
  communicator.on_root([&] {
    Dataset rest = describe_nodes(*source, user_class, census);
    rest.protocol = protocol;
    rest.source = command_of(options);
    rest.report_json = report_of(*source, options, census, rest, cold_interactions);
    writer->commit(rest);
  });
}

}  // namespace halorec
