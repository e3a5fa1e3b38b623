// halorec recommend: lists of items for users of a run, or for a history of items.
#include <nlohmann/json.hpp>

#include "comm/communicator.hpp"
#include "comm/run_log.hpp"
#include "launch/commands/commands.hpp"
#include "launch/content_options.hpp"
#include "launch/held_out_lists.hpp"
#include "launch/named_ids.hpp"
#include "launch/output.hpp"
#include "launch/output_file.hpp"
#include "launch/trained_run.hpp"
#include "models/recommender.hpp"

namespace halorec {
namespace {

struct Arguments {
  std::filesystem::path run;
  std::vector<std::string> users;
  std::optional<std::filesystem::path> users_file;
  bool all_users = false;
  std::vector<std::string> history;
  std::int64_t k = 10;
  std::optional<std::filesystem::path> candidates, exclude;
  bool include_seen = false;
  std::optional<double> cold_places;
  std::optional<std::string> leave_out;
  std::optional<std::filesystem::path> out;
};

enum class Form { table, jsonl, csv };

// Writes lists as they come, on the root.
class ListWriter {
 public:
  ListWriter(Form form, const DatasetFile& dataset, const std::optional<std::filesystem::path>& out)
      : form_(form), users_(dataset.read_user_ids()), names_(dataset) {
    if (out) file_ = std::make_unique<OutputFile>(*out);
    if (form_ == Form::csv) write("user,item,score,title\n");
  }

  // `user`: nothing for a person known by a history.
  void add(std::optional<std::uint32_t> user, const std::vector<std::string>& history,
           const Recommendation& list) {
    ++num_lists_;
    num_cold_ += list.cold ? 1 : 0;
    const std::string_view id = user ? users_[*user] : std::string_view();
    std::string text;
    switch (form_) {
      case Form::jsonl: {
        text = fmt::format("{{\"user\":{}", user ? json_string(id) : "null");
        if (!user) {
          text += ",\"history\":[";
          for (const std::string& item : history) {
            text += (&item == history.data() ? "" : ",") + json_string(item);
          }
          text += "]";
        }
        if (list.cold) text += ",\"cold\":true";
        text += ",\"items\":[";
        for (std::size_t r = 0; r < list.items.size(); ++r) {
          text += (r == 0 ? "" : ",") + json_item(names_, list.items[r]);
        }
        text += "]}\n";
        break;
      }
      case Form::csv:
        for (const RankedItem& entry : list.items) {
          text += fmt::format("{},{},{},{}\n", csv_field(id), csv_field(names_.ids[entry.item]),
                              entry.score, csv_field(names_.title_of(entry.item)));
        }
        break;
      case Form::table:
        text = num_lists_ > 1 ? "\n" : "";
        text += user ? fmt::format("user {}", id) : std::string("the history");
        if (list.cold) text += "  (no history: what is popular)";
        text += "\n";
        for (std::size_t r = 0; r < list.items.size(); ++r) {
          const RankedItem& entry = list.items[r];
          text += fmt::format("{:5}  {:>10.4f}  {}  {}\n", r + 1, entry.score,
                              padded(names_.ids[entry.item], 16), names_.title_of(entry.item));
        }
        if (list.items.empty()) text += "       nothing is left to recommend\n";
        break;
    }
    write(text);
  }

  void finish() {
    if (file_) file_->commit();
  }
  std::uint64_t num_lists() const { return num_lists_; }
  std::uint64_t num_cold() const { return num_cold_; }

 private:
  void write(std::string_view text) {
    if (file_) {
      file_->write(text);
    } else {
      write_stdout(text);
    }
  }

  Form form_;
  StringTable users_;
  ItemNames names_;
  std::unique_ptr<OutputFile> file_;
  std::uint64_t num_lists_ = 0;
  std::uint64_t num_cold_ = 0;
};

// The items of an id list, by index, the same on every rank; ids that cannot stand in a list are
// counted aloud. An empty file is an Error unless it may be empty. Collective.
std::vector<std::uint32_t> read_items(const TrainedRun& run, const std::filesystem::path& path,
                                      std::string_view option, bool may_be_empty) {
  Communicator& communicator = run.shard->communicator();
  std::vector<std::uint32_t> items;
  communicator.on_root([&] {
    const auto ids = read_id_list(path, may_be_empty).ids;
    std::uint64_t num_unknown = 0, num_cold = 0;
    for (const auto& found : look_up(run.dataset->read_item_ids(), ids)) {
      if (!found) {
        ++num_unknown;
        continue;
      }
      num_cold += run.shard->item_degree(*found) == 0 && !run.scorer->serves_cold_items() ? 1 : 0;
      items.push_back(*found);
    }
    if (num_unknown + num_cold == 0) return;
    warn(
        fmt::format("{} {}: {} of {} ids are unknown, {} were never trained on and cannot be "
                    "recommended",
                    option, path.string(), num_unknown, ids.size(), num_cold));
  });
  communicator.broadcast(items);
  return items;
}

Form form_of(const CommandContext& context, const Arguments& arguments) {
  if (arguments.out) return arguments.out->extension() == ".csv" ? Form::csv : Form::jsonl;
  return context.json() ? Form::jsonl : Form::table;
}

int run(const CommandContext& context, const Arguments& arguments) {
  Communicator& communicator = context.communicator;
  communicator.on_root([&] {
    if (arguments.out) check_folder_of(*arguments.out, "out");
  });
  TrainedRun run = load_trained_run(communicator, arguments.run);
  Catalogue catalogue =
      make_catalogue(*run.shard, *run.dataset, served_candidates(*run.scorer),
                     arguments.cold_places ? arguments.cold_places : run.cold_places);
  if (arguments.candidates) {
    catalogue.keep_only(read_items(run, *arguments.candidates, "--candidates", false));
  }
  if (arguments.exclude) catalogue.remove(read_items(run, *arguments.exclude, "--exclude", true));

  std::vector<std::uint32_t> asked;
  std::unique_ptr<ListWriter> writer;
  communicator.on_root([&] {
    if (!arguments.history.empty()) {
      asked = find_all(run.dataset->read_item_ids(), {arguments.history}, "item");
      const auto num_cold = std::count_if(asked.begin(), asked.end(), [&](std::uint32_t item) {
        return run.shard->item_degree(item) == 0 && !run.scorer->serves_cold_items();
      });
      if (num_cold > 0) {
        warn(fmt::format("--history: {} of {} items were never trained on and say nothing",
                         num_cold, asked.size()));
      }
    } else if (!arguments.all_users) {
      const IdList users =
          arguments.users_file ? read_id_list(*arguments.users_file) : IdList{arguments.users};
      asked = find_all(run.dataset->read_user_ids(), users, "user");
    }
    writer = std::make_unique<ListWriter>(form_of(context, arguments), *run.dataset, arguments.out);
  });
  communicator.broadcast(asked);

  Recommender recommender(
      *run.scorer, catalogue, *run.dataset, run.part, arguments.include_seen,
      read_left_out(*run.shard, *run.dataset,
                    arguments.leave_out ? *arguments.leave_out : run.leave_out));
  if (arguments.all_users) {
    recommender.for_all_users(arguments.k, [&](const Recommendation& list) {
      writer->add(static_cast<std::uint32_t>(list.person), {}, list);
    });
  } else if (!arguments.history.empty()) {
    recommender.for_history(asked, arguments.k, [&](const Recommendation& list) {
      writer->add(std::nullopt, arguments.history, list);
    });
  } else {
    recommender.for_users(asked, arguments.k, [&](const Recommendation& list) {
      writer->add(asked[list.person], {}, list);
    });
  }

  communicator.on_root([&] {
    writer->finish();
    if (!arguments.out) return;
    if (context.json()) {
      write_stdout(json_line({{"event", "result"},
                              {"lists", writer->num_lists()},
                              {"cold", writer->num_cold()},
                              {"out", arguments.out->string()}}));
    } else {
      write_stdout(fmt::format(
          "{} lists written to {}{}\n", writer->num_lists(), arguments.out->string(),
          writer->num_cold() == 0 ? ""
                                  : fmt::format(" ({} of them for people without history: what "
                                                "is popular)",
                                                writer->num_cold())));
    }
  });
  return 0;
}

}  // namespace

Command recommend_command() {
  auto arguments = std::make_shared<Arguments>();
  Command command;
  command.usage = "RUN --users ID,ID | --users-file FILE | --all-users | --history ITEM,ITEM";
  command.notes =
      "Items are those that were trained on, and of models that know items by their features also "
      "the others; what a user has interacted with (training and validation) is left out. A known "
      "user without training interactions gets the popular items "
      "and is marked cold. Lists come in the order asked for, with --all-users in that of the "
      "dataset. An --out file appears whole or not at all.";
  OptionTable& options = command.options;
  options.group("Recommend");
  options.add("run", arguments->run, "folder of a training run")
      .value_name("RUN")
      .positional()
      .required();
  options
      .add("users", arguments->users,
           "users to recommend to; an id with a comma stands in double quotes")
      .value_name("ID,ID");
  options.add("users-file", arguments->users_file, "users to recommend to, an id a line");
  options.add("all-users", arguments->all_users, "recommend to every user");
  options
      .add("history", arguments->history,
           "recommend to someone who is no user, from these items alone")
      .value_name("ITEM,ITEM");
  options.add("k", arguments->k, "items in a list").at_least(1);
  options.add("candidates", arguments->candidates, "recommend only these items, an id a line");
  options.add("exclude", arguments->exclude, "never recommend these items, an id a line");
  options.add("include-seen", arguments->include_seen,
              "recommend also what the user has interacted with");
  declare_cold_places(options, arguments->cold_places, "as the run was trained");
  declare_leave_out(options, arguments->leave_out);
  options.add("out", arguments->out, "write the lists to this file")
      .value_name("FILE.jsonl|FILE.csv");
  command.check = [arguments] {
    const int num_ways = (arguments->users.empty() ? 0 : 1) + (arguments->users_file ? 1 : 0) +
                         (arguments->all_users ? 1 : 0) + (arguments->history.empty() ? 0 : 1);
    if (num_ways != 1) {
      fail_usage("give {} of --users, --users-file, --all-users and --history",
                 num_ways == 0 ? "one" : "only one");
    }
    if (arguments->out && arguments->out->extension() != ".jsonl" &&
        arguments->out->extension() != ".csv") {
      fail_usage("--out {}: the name must end in .jsonl or .csv", arguments->out->string());
    }
  };
  command.run = [arguments](const CommandContext& context) { return run(context, *arguments); };
  return command;
}

}  // namespace halorec
