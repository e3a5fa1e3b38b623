// halorec similar: the items nearest to one item.
#include "comm/communicator.hpp"
#include "launch/commands/commands.hpp"
#include "launch/named_ids.hpp"
#include "launch/output.hpp"
#include "launch/trained_run.hpp"
#include "models/recommender.hpp"

namespace halorec {
namespace {

struct Arguments {
  std::filesystem::path run;
  std::string item;
  std::int64_t k = 10;
};

int run(const CommandContext& context, const Arguments& arguments) {
  Communicator& communicator = context.communicator;
  const TrainedRun run = load_trained_run(communicator, arguments.run);
  std::unique_ptr<ItemNames> names;
  std::uint32_t item = 0;
  communicator.on_root([&] {
    names = std::make_unique<ItemNames>(*run.dataset);
    item = find_all(names->ids, {{arguments.item}}, "item").front();
  });
  item = communicator.broadcast(item);
  if (run.shard->item_degree(item) == 0 && !run.scorer->serves_cold_items()) {
    throw Error(fmt::format("item '{}' was never trained on: nothing is known of it but its id",
                            arguments.item),
                kExitUsage, true);
  }
  const Catalogue catalogue(*run.shard, *run.dataset, served_candidates(*run.scorer));
  const auto similar = similar_items(*run.scorer, run.model, catalogue, item, arguments.k);
  communicator.on_root([&] {
    std::string text;
    const std::string_view title = names->title_of(item);
    if (context.json()) {
      text = fmt::format("{{\"item\":{}", json_string(names->ids[item]));
      if (!title.empty()) text += fmt::format(",\"title\":{}", json_string(title));
      text += ",\"items\":[";
      for (std::size_t r = 0; r < similar.size(); ++r) {
        text += (r == 0 ? "" : ",") + json_item(*names, similar[r]);
      }
      text += "]}\n";
    } else {
      text = fmt::format("like item {}  {}\n", names->ids[item], title);
      for (std::size_t r = 0; r < similar.size(); ++r) {
        text +=
            fmt::format("{:5}  {:>10.4f}  {}  {}\n", r + 1, similar[r].score,
                        padded(names->ids[similar[r].item], 16), names->title_of(similar[r].item));
      }
    }
    write_stdout(text);
  });
  return 0;
}

}  // namespace

Command similar_command() {
  auto arguments = std::make_shared<Arguments>();
  Command command;
  command.usage = "RUN --item ID [--k 10]";
  command.notes =
      "By the cosine of final rows (trained models), or the item's own neighbours (itemknn). Only "
      "items that were trained on are named.";
  OptionTable& options = command.options;
  options.group("Similar");
  options.add("run", arguments->run, "folder of a training run")
      .value_name("RUN")
      .positional()
      .required();
  options.add("item", arguments->item, "the item").value_name("ID").required();
  options.add("k", arguments->k, "items to name").at_least(1);
  command.run = [arguments](const CommandContext& context) { return run(context, *arguments); };
  return command;
}

}  // namespace halorec
