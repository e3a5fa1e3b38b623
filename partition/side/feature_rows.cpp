#include "partition/side/feature_rows.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <utility>

#include "partition/side/feature_fit.hpp"

namespace halorec {
namespace {

constexpr std::uint64_t kNumbersAtATime = std::uint64_t{1} << 16;

std::string name_of(const SideColumn& column) {
  return fmt::format("{}:{}", kind_name(column.kind), column.name);
}

// Nodes [first, first + count) of a kind.
struct Slice {
  std::uint64_t first = 0, count = 0;
};

Slice slice_of_rank(std::uint64_t num_nodes, const Communicator& communicator) {
  const auto rank = static_cast<std::uint64_t>(communicator.rank());
  const auto num_ranks = static_cast<std::uint64_t>(communicator.size());
  const std::uint64_t first = num_nodes * rank / num_ranks;
  return {first, num_nodes * (rank + 1) / num_ranks - first};
}

// 1 for each node of the kind that has a training interaction, on every rank. Collective.
std::vector<std::uint8_t> trained_nodes(const Shard& shard, NodeKind kind) {
  if (kind == NodeKind::item) {
    std::vector<std::uint8_t> trained(shard.num_items());
    for (std::uint32_t i = 0; i < shard.num_items(); ++i) trained[i] = shard.item_degree(i) > 0;
    return trained;
  }
  std::vector<std::uint32_t> has_items(shard.num_users(), 0);
  for (std::int64_t row = 0; row < shard.num_owned_users(); ++row) {
    const std::uint32_t user = shard.owned_users()[static_cast<std::size_t>(row)];
    has_items[user] = shard.items_of(row).empty() ? 0 : 1;
  }
  shard.communicator().sum(std::span<std::uint32_t>(has_items));
  return {has_items.begin(), has_items.end()};
}

SparseRows read_raw(const SideInfoFile& side, std::size_t place, Slice slice) {
  switch (side.columns()[place].type) {
    case SideType::attribute:
      return raw_rows(side.read_attribute(place, slice.first, slice.count));
    case SideType::number:
      return raw_rows(side.read_numbers(place, slice.first, slice.count));
    case SideType::text:
      return raw_rows(side.read_text(place, slice.first, slice.count));
    case SideType::vector:
      return raw_rows(side.read_vectors(place, slice.first, slice.count));
    case SideType::link:
      break;
  }
  HALOREC_ASSERT_LIGHT(false);
  return {};
}

std::uint64_t num_raw_features(const SideColumn& column) {
  switch (column.type) {
    case SideType::attribute:
      return column.num_values;
    case SideType::text:
      return 2 * std::uint64_t{column.buckets};
    case SideType::vector:
      return column.dim;
    case SideType::number:
    case SideType::link:
      break;
  }
  return 1;
}

// Every rank reads all the numbers, so that they are summed in one order.
ColumnFit fit_numbers(const SideInfoFile& side, std::size_t place,
                      std::span<const std::uint8_t> trained) {
  NumberFit fit;
  for (const auto add : {&NumberFit::add_to_mean, &NumberFit::add_to_deviation}) {
    for (std::uint64_t first = 0; first < trained.size(); first += kNumbersAtATime) {
      const std::uint64_t count = std::min(kNumbersAtATime, trained.size() - first);
      (fit.*add)(side.read_numbers(place, first, count), trained.subspan(first, count));
    }
  }
  return ColumnFit(fit);
}

// The rows of nodes that come one after the other, by row of the shard.
class RowMail {
 public:
  explicit RowMail(const Shard& shard) : shard_(shard) {}

  // Sends the rows of the slice home and appends those that arrive here, all nodes of the kind
  // that this rank owns, to `out`. Collective.
  void deliver(NodeKind kind, Slice slice, const SparseRows& rows, FeatureRows& out) {
    Communicator& communicator = shard_.communicator();
    const auto address = [&](std::uint64_t k) {
      const auto node = static_cast<std::uint32_t>(slice.first + k);
      return kind == NodeKind::user ? shard_.address_of_user(node) : shard_.address_of_item(node);
    };
    const auto num_ranks = static_cast<std::size_t>(communicator.size());
    std::vector<std::vector<std::uint64_t>> nodes_of(num_ranks);
    for (std::uint64_t k = 0; k < slice.count; ++k) {
      nodes_of[static_cast<std::size_t>(address(k).owner)].push_back(k);
    }
    std::vector<std::int64_t> num_nodes, num_entries;
    std::vector<std::uint32_t> row_and_length, feature;
    std::vector<float> value;
    feature.reserve(rows.feature.size());
    value.reserve(rows.value.size());
    for (const auto& nodes : nodes_of) {
      const std::size_t before = feature.size();
      for (const std::uint64_t k : nodes) {
        const auto first = static_cast<std::ptrdiff_t>(rows.begin[k]);
        const auto last = static_cast<std::ptrdiff_t>(rows.begin[k + 1]);
        row_and_length.push_back(static_cast<std::uint32_t>(address(k).row));
        row_and_length.push_back(static_cast<std::uint32_t>(last - first));
        feature.insert(feature.end(), rows.feature.begin() + first, rows.feature.begin() + last);
        value.insert(value.end(), rows.value.begin() + first, rows.value.begin() + last);
      }
      num_nodes.push_back(2 * std::ssize(nodes));
      num_entries.push_back(static_cast<std::int64_t>(feature.size() - before));
    }
    row_and_length = communicator.all_to_all<std::uint32_t>(row_and_length, num_nodes);
    feature = communicator.all_to_all<std::uint32_t>(feature, num_entries);
    value = communicator.all_to_all<float>(value, num_entries);
    append(kind, row_and_length, feature, value, out);
  }

 private:
  void append(NodeKind kind, const std::vector<std::uint32_t>& row_and_length,
              const std::vector<std::uint32_t>& feature, const std::vector<float>& value,
              FeatureRows& out) const {
    const std::int64_t first_row = kind == NodeKind::user ? 0 : shard_.num_owned_users();
    const std::int64_t num_rows =
        kind == NodeKind::user ? shard_.num_owned_users() : shard_.num_owned_items();
    HALOREC_ASSERT_LIGHT(std::ssize(row_and_length) == 2 * num_rows);
    HALOREC_ASSERT_LIGHT(std::ssize(out.row_begin) == first_row + 1);
    out.row_begin.resize(static_cast<std::size_t>(first_row + num_rows) + 1, 0);
    for (std::size_t n = 0; n < row_and_length.size(); n += 2) {
      out.row_begin[row_and_length[n] + 1] = row_and_length[n + 1];
    }
    const auto first = out.row_begin.begin() + static_cast<std::ptrdiff_t>(first_row);
    std::partial_sum(first, out.row_begin.end(), first);
    out.feature.resize(static_cast<std::size_t>(out.row_begin.back()));
    out.value.resize(out.feature.size());
    std::size_t next = 0;
    for (std::size_t n = 0; n < row_and_length.size(); n += 2) {
      const std::int64_t to = out.row_begin[row_and_length[n]];
      std::copy_n(feature.data() + next, row_and_length[n + 1], out.feature.data() + to);
      std::copy_n(value.data() + next, row_and_length[n + 1], out.value.data() + to);
      next += row_and_length[n + 1];
    }
  }

  const Shard& shard_;
};

struct FittedColumn {
  SparseRows raw;  // of this rank's slice
  ColumnFit fit;
};

// Fits a column, and says so in `out`. Collective.
FittedColumn fit_column(Communicator& communicator, const SideInfoFile& side, std::size_t place,
                        Slice slice, std::span<const std::uint8_t> trained, FeatureRows& out) {
  const SideColumn& column = side.columns()[place];
  SparseRows raw;
  std::optional<ColumnFit> fit;
  FeatureCounts counts(num_raw_features(column));
  communicator.together([&] {
    raw = read_raw(side, place, slice);
    if (column.type == SideType::number) {
      fit.emplace(fit_numbers(side, place, trained));
    } else {
      counts.add(raw, trained.subspan(slice.first, slice.count));
    }
  });
  if (!fit) {
    communicator.sum(std::span<std::uint32_t>(counts.trained));
    communicator.sum(std::span<std::uint32_t>(counts.all));
    counts.num_trained = communicator.sum(counts.num_trained);
    fit.emplace(counts, column.type == SideType::text ? ColumnFit::Weight::inverse_frequency
                                                      : ColumnFit::Weight::plain);
  }
  out.columns.push_back({name_of(column), column.type, column.kind, out.num_features,
                         fit->num_features(), fit->num_dropped()});
  HALOREC_ASSERT_LIGHT(fit->num_features() <= 0xFFFF'FFFF - out.num_features);
  out.num_features += fit->num_features();
  out.frequency.insert(out.frequency.end(), fit->frequency().begin(), fit->frequency().end());
  return {std::move(raw), std::move(*fit)};
}

}  // namespace

std::vector<std::string> feature_column_names(const DatasetFile& dataset) {
  std::vector<std::string> names;
  for (const SideColumn& column : dataset.side_info().columns()) {
    if (column.type != SideType::link) names.push_back(name_of(column));
  }
  return names;
}

std::vector<std::string> resolve_feature_columns(const DatasetFile& dataset,
                                                 std::span<const std::string> names) {
  const std::vector<std::string> known = feature_column_names(dataset);
  if (known.empty()) {
    fail_usage(
        "the dataset knows nothing of users and items beside their interactions; import it with "
        "--items, --users, --tags or vectors");
  }
  if (names.size() == 1 && names[0] == "all") return known;
  std::vector<bool> wanted(known.size(), false);
  for (const std::string& name : names) {
    const auto found = std::find(known.begin(), known.end(), name);
    if (found == known.end()) {
      fail_usage("the dataset has no column '{}' that can be a feature; it has: {} (or all)", name,
                 fmt::join(known, ", "));
    }
    const auto place = static_cast<std::size_t>(found - known.begin());
    if (wanted[place]) fail_usage("the column '{}' is named twice as a feature", name);
    wanted[place] = true;
  }
  std::vector<std::string> resolved;
  for (std::size_t k = 0; k < known.size(); ++k) {
    if (wanted[k]) resolved.push_back(known[k]);
  }
  if (resolved.empty()) {
    fail_usage("no column is named whose features to take; the dataset has: {} (or all)",
               fmt::join(known, ", "));
  }
  return resolved;
}

FeatureRows read_feature_rows(const Shard& shard, const DatasetFile& dataset,
                              std::span<const std::string> columns) {
  Communicator& communicator = shard.communicator();
  std::vector<std::string> wanted;
  communicator.together([&] { wanted = resolve_feature_columns(dataset, columns); });
  const SideInfoFile& side = dataset.side_info();
  // Features are numbered by the order of the file; rows go home a kind at a time.
  FeatureRows rows;
  std::vector<FittedColumn> fitted;
  std::array<std::vector<std::uint8_t>, kNumNodeKinds> trained;
  const auto slice_of = [&](NodeKind kind) {
    return slice_of_rank(kind == NodeKind::user ? shard.num_users() : shard.num_items(),
                         communicator);
  };
  for (std::size_t place = 0; place < side.columns().size(); ++place) {
    const SideColumn& column = side.columns()[place];
    if (column.type == SideType::link ||
        std::find(wanted.begin(), wanted.end(), name_of(column)) == wanted.end()) {
      continue;
    }
    std::vector<std::uint8_t>& nodes = trained[static_cast<std::size_t>(column.kind)];
    if (nodes.empty()) nodes = trained_nodes(shard, column.kind);
    fitted.push_back(fit_column(communicator, side, place, slice_of(column.kind), nodes, rows));
  }
  RowMail mail(shard);
  for (const NodeKind kind : {NodeKind::user, NodeKind::item}) {
    const Slice slice = slice_of(kind);
    SparseRows of_slice;
    for (std::uint64_t k = 0; k < slice.count; ++k) {
      for (std::size_t c = 0; c < fitted.size(); ++c) {
        if (rows.columns[c].kind != kind) continue;
        fitted[c].fit.append_row(fitted[c].raw, k, rows.columns[c].first, of_slice);
      }
      of_slice.close_row();
    }
    mail.deliver(kind, slice, of_slice, rows);
  }
  return rows;
}

}  // namespace halorec
