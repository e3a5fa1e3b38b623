#include "partition/side/content_links.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <span>
#include <tuple>
#include <utility>

#include "comm/check.hpp"
#include "comm/random.hpp"
#include "partition/parallel.hpp"
#include "partition/readers/side_lists.hpp"
#include "partition/side/row_index.hpp"

namespace halorec {
namespace {

// Scales the last row to length 1.
void normalise_last(SparseRows& rows, std::uint64_t first) {
  double squares = 0;
  for (std::uint64_t e = first; e < rows.value.size(); ++e) {
    squares += static_cast<double>(rows.value[e]) * static_cast<double>(rows.value[e]);
  }
  for (std::uint64_t e = first; e < rows.value.size(); ++e) {
    rows.value[e] = static_cast<float>(static_cast<double>(rows.value[e]) / std::sqrt(squares));
  }
}

// Texts and attributes of all items, each row of length 1 or empty.
struct ItemRows {
  SparseRows rows;
  std::uint32_t num_features = 0;
};

ItemRows item_rows(const SideInfo& side, std::span<const std::uint8_t> trained) {
  struct Column {
    SparseRows raw;
    ColumnFit fit;
    std::uint32_t first;
  };
  ItemRows items;
  std::vector<Column> columns;
  const auto add = [&](const auto& column) {
    if (column.kind != NodeKind::item) return;
    SparseRows raw = raw_rows(column);
    FeatureCounts counts(num_raw_features(column));
    counts.add(raw, trained);
    ColumnFit fit(counts, ColumnFit::Weight::inverse_frequency);
    const std::uint32_t first = items.num_features;
    items.num_features += fit.num_features();
    columns.push_back({std::move(raw), std::move(fit), first});
  };
  for (const AttributeColumn& column : side.attributes) add(column);
  for (const TextColumn& column : side.texts) add(column);
  if (columns.empty()) {
    fail_usage(
        "--derive-links content compares texts and attributes of items, and there are none; name a "
        "list of items (--items FILE, with its columns' types in --item-features) or --tags");
  }
  for (std::uint64_t i = 0; i < trained.size(); ++i) {
    const std::uint64_t first = items.rows.value.size();
    for (const Column& column : columns)
      column.fit.append_row(column.raw, i, column.first, items.rows);
    normalise_last(items.rows, first);
    items.rows.close_row();
  }
  return items;
}

}  // namespace

LinkTable derive_content_links(const Dataset& dataset, const ContentLinkOptions& options,
                               nlohmann::ordered_json& counts) {
  const std::uint64_t num_items = dataset.items.size();
  std::vector<std::uint8_t> trained(num_items, 0);
  for (const std::uint32_t item : dataset[Split::train].item) trained[item] = 1;
  const ItemRows items = item_rows(dataset.side, trained);
  const SparseRows& rows = items.rows;
  SparseRows of_trained;
  std::vector<std::uint32_t> target;  // the item of each of those rows
  std::vector<std::uint64_t> hash(num_items);
  for (std::uint32_t i = 0; i < num_items; ++i) {
    hash[i] = hash_bytes(dataset.items[i]);
    if (trained[i] == 0) continue;
    const auto first = static_cast<std::ptrdiff_t>(rows.begin[i]);
    const auto last = static_cast<std::ptrdiff_t>(rows.begin[i + 1]);
    of_trained.feature.insert(of_trained.feature.end(), rows.feature.begin() + first,
                              rows.feature.begin() + last);
    of_trained.value.insert(of_trained.value.end(), rows.value.begin() + first,
                            rows.value.begin() + last);
    of_trained.close_row();
    target.push_back(i);
  }
  const RowIndex index(of_trained, items.num_features);
  std::vector<std::vector<RawLink>> chosen(num_items);
  parallel_for(num_items, 16, [&](std::uint64_t i) {
    static thread_local RowIndex::Sums sums;
    if (sums.of_row.size() < of_trained.size()) sums = index.make_sums();
    const std::uint64_t first = rows.begin[i], count = rows.begin[i + 1] - first;
    index.multiply({rows.feature.data() + first, count}, {rows.value.data() + first, count}, sums);
    std::vector<RawLink>& links = chosen[i];
    for (const std::uint32_t row : sums.met) {
      const float similarity = std::exchange(sums.of_row[row], 0.0F);
      if (target[row] == i || similarity <= 0) continue;
      links.push_back({static_cast<std::uint32_t>(i), target[row], similarity});
    }
    RowIndex::clear(sums);
    const auto top =
        static_cast<std::ptrdiff_t>(std::min<std::size_t>(options.neighbours, links.size()));
    std::partial_sort(
        links.begin(), links.begin() + top, links.end(), [&](const RawLink& a, const RawLink& b) {
          return std::tie(b.weight, hash[a.to], a.to) < std::tie(a.weight, hash[b.to], b.to);
        });
    links.resize(static_cast<std::size_t>(top));
    links.shrink_to_fit();
  });
  std::vector<RawLink> links;
  std::uint64_t num_without = 0, num_of_cold = 0;
  for (std::uint64_t i = 0; i < num_items; ++i) {
    num_without += chosen[i].empty() ? 1 : 0;
    num_of_cold += trained[i] == 0 && !chosen[i].empty() ? 1 : 0;
    links.insert(links.end(), chosen[i].begin(), chosen[i].end());
  }
  counts["items_without_neighbours"] = num_without;
  counts["cold_items_linked"] = num_of_cold;
  return make_link_table(NodeKind::item, std::string(kContentLinksName), false, num_items,
                         std::move(links));
}

}  // namespace halorec
