#include "launch/held_out_lists.hpp"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "launch/comma_list.hpp"
#include "launch/output.hpp"
#include "partition/relation.hpp"

namespace halorec {
namespace {

constexpr const char* kNone = "none";

template <typename Value>
void declare(OptionTable& options, Value& leave_out, std::string_view otherwise) {
  options
      .add("leave-out", leave_out,
           fmt::format("links of users to items (halorec import --relation) whose items stand in "
                       "no list of the user: dislike, return{}",
                       otherwise))
      .value_name("none|NAME,...");
}

std::vector<std::string> names_of(const std::string& leave_out) {
  if (leave_out == kNone) return {};
  return split_commas(leave_out, "--leave-out");
}

}  // namespace

EvaluationQuery HeldOutLists::query(std::vector<std::int64_t> ks) const {
  EvaluationQuery query;
  query.ks = std::move(ks);
  query.held_out = &held_out;
  query.exclude_history = excludes_history;
  query.also_exclude = left_out ? &*left_out : nullptr;
  return query;
}

HeldOutLists read_held_out_lists(const Shard& shard, const DatasetFile& dataset, Split split,
                                 const std::string& leave_out) {
  HeldOutLists lists;
  lists.held_out = read_held_out(shard, dataset, split);
  lists.excludes_history = !dataset.protocol().keep_repeats;
  if (split == Split::test && lists.excludes_history) {
    lists.left_out = read_held_out(shard, dataset, Split::validation);
  }
  if (auto named = read_left_out(shard, dataset, leave_out)) {
    lists.left_out = lists.left_out ? either(*lists.left_out, *named) : std::move(*named);
  }
  return lists;
}

void declare_leave_out(OptionTable& options, std::string& leave_out) {
  declare(options, leave_out, "");
}

void declare_leave_out(OptionTable& options, std::optional<std::string>& leave_out) {
  declare(options, leave_out, ". Not given: as the run was trained");
}

void check_leave_out(const std::string& leave_out, const DatasetFile& dataset) {
  for (const std::string& name : names_of(leave_out)) find_links_to_items(dataset, name);
}

std::optional<UserItems> read_left_out(const Shard& shard, const DatasetFile& dataset,
                                       const std::string& leave_out) {
  const std::vector<std::string> names = names_of(leave_out);
  if (names.empty()) return std::nullopt;
  UserItems items = read_linked_items(shard, dataset, names);
  if (shard.communicator().sum(std::ssize(items.items)) == 0 && shard.communicator().is_root()) {
    warn(fmt::format("--leave-out {} changes nothing: the split leaves none of these links",
                     leave_out));
  }
  return items;
}

}  // namespace halorec
