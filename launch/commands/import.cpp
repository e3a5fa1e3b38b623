// halorec import: raw interactions to a dataset file.
#include "partition/import.hpp"

#include "comm/check.hpp"
#include "comm/communicator.hpp"
#include "launch/commands/commands.hpp"
#include "launch/commands/dataset_output.hpp"
#include "launch/output.hpp"

namespace halorec {
namespace {

struct Arguments {
  std::vector<std::filesystem::path> sources;
  std::filesystem::path out;
  std::optional<std::filesystem::path> items;
  std::optional<std::string> protocol;
  std::string repeats = "exclude";
  ImportOptions import;
};

int run(const CommandContext& context, const Arguments& arguments) {
  context.communicator.on_root([&] {
    check_dataset_output(arguments.out);
    ImportOptions options = arguments.import;
    options.seed = context.seed();
    options.keep_repeats = arguments.repeats == "keep";
    if (arguments.items) options.items = *arguments.items;
    if (arguments.protocol) options.protocol = *arguments.protocol;
    const Dataset dataset = import_dataset(arguments.sources, options);
    save_dataset(dataset, arguments.out);
    const DatasetSummary summary = summarize(dataset);
    write_stdout(context.json() ? dataset_line(summary, arguments.out.string())
                                : describe_dataset(summary, arguments.out.string()));
  });
  return 0;
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
      "interactions: they are dropped and counted. Times are Unix seconds, milliseconds or ISO "
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
  options.add("items", arguments->items, "item list with titles: id,title with a header")
      .value_name("FILE");
  options.group("Filters");
  options
      .add("keep", arguments->import.keep,
           "keep the rows that meet this, for example 'quantity>0' (> >= < <= == !=; may be "
           "repeated)")
      .value_name("'COLUMN OP VALUE'")
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
      .choices({"given", "random", "leave-last", "time"});
  options
      .add("repeats", arguments->repeats,
           "held-out pairs that also stand in an earlier part: leave them out or keep them")
      .choices({"exclude", "keep"});
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
