#include "launch/held_out_lists.hpp"

#include <utility>

namespace halorec {

EvaluationQuery HeldOutLists::query(std::vector<std::int64_t> ks) const {
  EvaluationQuery query;
  query.ks = std::move(ks);
  query.held_out = &held_out;
  query.exclude_history = excludes_history;
  query.also_exclude = validation ? &*validation : nullptr;
  return query;
}

HeldOutLists read_held_out_lists(const Shard& shard, const DatasetFile& dataset, Split split) {
  HeldOutLists lists;
  lists.held_out = read_held_out(shard, dataset, split);
  lists.excludes_history = !dataset.protocol().keep_repeats;
  if (split == Split::test && lists.excludes_history) {
    lists.validation = read_held_out(shard, dataset, Split::validation);
  }
  return lists;
}

}  // namespace halorec
