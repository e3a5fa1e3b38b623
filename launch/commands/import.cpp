// halorec import: raw interactions to a dataset file.
#include "partition/import.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include "comm/check.hpp"
#include "comm/communicator.hpp"
#include "launch/commands/commands.hpp"
#include "launch/commands/dataset_output.hpp"
#include "launch/output.hpp"
#include "partition/readers/side_lists.hpp"

namespace halorec {
namespace {

struct Arguments {
  std::vector<std::filesystem::path> sources;
  std::filesystem::path out;
  std::optional<std::filesystem::path> items;
  std::optional<std::string> protocol;
  std::string repeats = "exclude";
  std::string repeat_time = "first";
  std::optional<std::filesystem::path> users, tags, item_vector_ids, user_vector_ids;
  std::vector<std::string> derive_links = {"none"};
  CoOccurrenceOptions co_occurrence;
  ContentLinkOptions content_links;
  ImportOptions import;
};

// What was typed and changes nothing, with what it goes with.
void warn_of_idle_options(const OptionTable& options, const Arguments& arguments,
                          const Dataset& dataset) {
  const auto derives = [&](std::string_view kind) {
    return std::find(arguments.derive_links.begin(), arguments.derive_links.end(), kind) !=
           arguments.derive_links.end();
  };
  const SideOptions& side = arguments.import.side;
  const bool has_links = !side.links.empty() || !side.item_links.empty();
  const bool holds_nodes = dataset.protocol.name.starts_with("cold-");
  const std::tuple<const char*, bool, const char*> needs[] = {
      {"directed-links", has_links, "--links or --item-links"},
      {"session-gap", derives(kCoOccurrenceName), "--derive-links co-occurrence"},
      {"derive-top", derives(kCoOccurrenceName), "--derive-links co-occurrence"},
      {"content-neighbours", derives(kContentLinksName), "--derive-links content"},
      {"text-buckets", !dataset.side.texts.empty(), "columns of text"},
      {"cold-share", holds_nodes, "--protocol cold-items or cold-users"},
      {"repeat-time", !dataset[Split::train].time.empty(), "times"}};
  for (const auto& [option, has_use, use] : needs) {
    if (!has_use && options.typed(option)) {
      warn(fmt::format("--{} changes nothing without {}", option, use));
    }
  }
}

// Of each list the columns whose type a few values have made, and the rows that are left out for
// want of a time.
void warn_of_lists(const Dataset& dataset) {
  const auto report = nlohmann::ordered_json::parse(dataset.report_json);
  if (report.contains(kDoubtfulTypes)) {
    for (const auto& doubt : report[kDoubtfulTypes]) warn(doubt.get<std::string>());
  }
  for (const auto& [key, counts] : report.items()) {
    if (!counts.is_object() || counts.value(kUndatedLeftOut, 0U) == 0) continue;
    std::string list = key;
    std::replace(list.begin(), list.end(), '_', ' ');
    warn(fmt::format(
        "{}: {} of {} rows have no time and are left out: they may be as late as what is held out",
        list, counts[kUndatedLeftOut].dump(), counts["rows"].dump()));
  }
}

int run(const CommandContext& context, const Arguments& arguments) {
  context.communicator.on_root([&] {
    check_dataset_output(arguments.out);
    ImportOptions options = arguments.import;
    options.seed = context.seed();
    options.keep_repeats = arguments.repeats == "keep";
    options.newest_time = arguments.repeat_time == "last";
    if (arguments.items) options.items = *arguments.items;
    if (arguments.users) options.side.users = *arguments.users;
    if (arguments.tags) options.side.tags = *arguments.tags;
    if (arguments.item_vector_ids) options.side.item_vector_ids = *arguments.item_vector_ids;
    if (arguments.user_vector_ids) options.side.user_vector_ids = *arguments.user_vector_ids;
    for (const std::string& kind : arguments.derive_links) {
      if (kind == kCoOccurrenceName) options.side.co_occurrence = arguments.co_occurrence;
      if (kind == kContentLinksName) options.side.content_links = arguments.content_links;
    }
    if (arguments.protocol) options.protocol = *arguments.protocol;
    const Dataset dataset = import_dataset(arguments.sources, options);
    save_dataset(dataset, arguments.out);
    warn_of_idle_options(context.options, arguments, dataset);
    warn_of_lists(dataset);
    const DatasetSummary summary = summarize(dataset);
    write_stdout(context.json() ? dataset_line(summary, arguments.out.string())
                                : describe_dataset(summary, arguments.out.string()));
  });
  return 0;
}

void add_side_options(OptionTable& options, Arguments& arguments) {
  SideOptions& side = arguments.import.side;
  options.group("Side information");
  options
      .add("items", arguments.items,
           "list of items: titles and features (the one beside the source gives titles alone)")
      .value_name("FILE");
  options.add("users", arguments.users, "list of users with features").value_name("FILE");
  options
      .add("item-features", side.item_features,
           "columns of the item list to take and their types: category, multi(SEPARATOR), number, "
           "text, skip; none takes none; left out, all are taken, by what their values look like")
      .value_name("NAME:TYPE,..");
  options.add("user-features", side.user_features, "the same of the user list")
      .value_name("NAME:TYPE,..");
  options
      .add(
          "item-columns", side.item_columns,
          "names of the item list's columns from left to right when it has no header (_ leaves one "
          "out), or id=NAME for the header's name of the id")
      .value_name("id,NAME,..");
  options.add("user-columns", side.user_columns, "the same of the user list")
      .value_name("id,NAME,..");
  options
      .add("text-buckets", side.text_buckets,
           "hash buckets for a text column's words, and as many for its character n-grams")
      .range(1, 1U << 24);
  options
      .add("tags", arguments.tags,
           "tags of items (user, item, tag, time); those that are held out are not used")
      .value_name("FILE");
  options.add("links", side.links, "links between users: two ids, and weight and time; repeatable")
      .value_name("FILE")
      .repeatable();
  options.add("item-links", side.item_links, "links between items; repeatable")
      .value_name("FILE")
      .repeatable();
  options.add("directed-links", side.directed_links,
              "a link is kept at its first id only; rgcn tells its two ways apart, lightgcn passes "
              "messages along it both ways alike");
  options
      .add("derive-links", arguments.derive_links,
           "links between items that stand together in baskets of the training part "
           "(co-occurrence), or whose texts and attributes are alike (content)")
      .value_name("KIND,KIND")
      .choices({"none", "co-occurrence", "content"});
  options.add("derive-top", arguments.co_occurrence.top, "co-occurrence: links that each chooses")
      .at_least(1);
  options
      .add("content-neighbours", arguments.content_links.neighbours,
           "content: links that each item chooses, to items with a training interaction")
      .at_least(1);
  options
      .add("session-gap", arguments.co_occurrence.session_gap,
           "a basket ends where the user's next row is more than this many seconds later; 0: a "
           "basket is what has one time")
      .value_name("SECONDS");
  options.add("item-vectors", side.item_vectors, "vectors of items: FILE.npy or FILE.h5:DATASET")
      .value_name("FILE");
  options.add("item-vector-ids", arguments.item_vector_ids, "ids of their rows, one a line")
      .value_name("FILE");
  options.add("user-vectors", side.user_vectors, "the same of users").value_name("FILE");
  options.add("user-vector-ids", arguments.user_vector_ids, "the same of users").value_name("FILE");
}

}  // namespace

Command import_command() {
  auto arguments = std::make_shared<Arguments>();
  Command command;
  command.usage = "SOURCE... --out DATA.h5 [options]";
  command.notes =
      "Known folders: LightGCN (train.txt, test.txt), MovieLens (ratings.csv, ratings.dat, "
      "u.data), "
      "RecBole (NAME.inter), Last.FM (data1.txt, test1.txt), train.csv with test.csv, events.tsv, "
      "interactions.csv. Columns are found by their header's names, or without a header by place: "
      "user, item, rating, time. Rows whose weight column is not positive (returned goods) are no "
      "interactions: they are dropped and counted, unless --relation takes them. Times are Unix "
      "seconds, milliseconds or ISO "
      "dates. An existing dataset file at --out is replaced, any other file is refused. "
      "docs/DATA.md has the formats, the protocols and the file's layout.";
  OptionTable& options = command.options;
  options.group("Source");
  options.add("source", arguments->sources, "folders or files of raw interactions")
      .value_name("SOURCE")
      .repeatable()
      .positional()
      .required();
  options.add("format", arguments->import.format, "layout of the source")
      .choices({"auto", "lightgcn", "csv", "movielens", "recbole"});
  options
      .add("columns", arguments->import.columns,
           "columns by header name or number from 1: user=,item=,rating=,time=,weight=,behavior=")
      .value_name("ROLE=NAME,..");
  add_side_options(options, *arguments);
  options.group("Filters");
  options
      .add("keep", arguments->import.keep,
           "keep the rows that meet this, for example 'quantity>0' (> >= < <= == !=; may be "
           "repeated)")
      .value_name("'COLUMN OP VALUE'")
      .repeatable();
  options
      .add("relation", arguments->import.relations,
           "rows that meet this are no interactions but links of that name between their user and "
           "item, which --relations names in training: 'view: event==view', 'return: quantity<0', "
           "'dislike: rating<3' (may be repeated)")
      .value_name("'NAME: COLUMN OP VALUE'")
      .repeatable();
  options.add("core", arguments->import.core,
              "k-core of the training part: every user and item keeps at least this many pairs; "
              "0 keeps all");
  options
      .add("subset", arguments->import.subset,
           "share of users to keep, chosen by hash of their ids (above 0, at most 1)")
      .above(0);
  options.group("Split");
  options
      .add("protocol", arguments->protocol,
           "what is held out (auto: given where the source is split, else random)")
      .or_word("auto")
      .choices({"given", "random", "leave-last", "time", "cold-items", "cold-users"});
  options
      .add("cold-share", arguments->import.cold_share,
           "share of the items (users) of which cold-items (cold-users) holds everything out")
      .above(0);
  options
      .add("repeats", arguments->repeats,
           "held-out pairs that also stand in an earlier part: leave them out or keep them")
      .choices({"exclude", "keep"});
  options
      .add("repeat-time", arguments->repeat_time,
           "time of a pair that stands in one part several times")
      .choices({"first", "last"});
  options.group("Output");
  options.add("out", arguments->out, "dataset file to write").value_name("DATA.h5").required();
  command.check = [arguments] {
    if (arguments->import.subset > 1) {
      fail_usage("--subset {} is more than all users; give a share above 0 and at most 1",
                 arguments->import.subset);
    }
  };
  command.run = [arguments](const CommandContext& context) { return run(context, *arguments); };
  return command;
}

}  // namespace halorec
