// halorec generate: a synthetic graph.
#include "partition/synthetic/generate.hpp"

#include <algorithm>
#include <charconv>

#include "comm/check.hpp"
#include "comm/communicator.hpp"
#include "launch/commands/commands.hpp"
#include "launch/commands/dataset_output.hpp"
#include "launch/output.hpp"
#include "partition/dataset.hpp"

namespace halorec {
namespace {

struct Arguments {
  std::filesystem::path out;
  std::optional<std::string> kind;
  std::optional<std::filesystem::path> expand;
  std::optional<std::uint32_t> users, items;
  std::optional<std::uint64_t> edges;
  std::string factor = "4x4";
  std::vector<double> quadrants;
  SyntheticOptions synthetic;
};

// Options that some kinds alone know.
struct OfKinds {
  const char* option;
  std::vector<std::string> kinds;
};
const std::vector<OfKinds>& options_of_kinds() {
  static const std::vector<OfKinds> table{{"users", {"planted", "chung-lu", "rmat"}},
                                          {"items", {"planted", "chung-lu", "rmat"}},
                                          {"communities", {"planted"}},
                                          {"mixing", {"planted"}},
                                          {"drift", {"planted"}},
                                          {"attribute-noise", {"planted"}},
                                          {"item-exponent", {"planted", "chung-lu"}},
                                          {"user-shape", {"planted", "chung-lu"}},
                                          {"quadrants", {"rmat"}},
                                          {"level-noise", {"rmat"}},
                                          {"factor", {"expand"}}};
  return table;
}

std::array<std::uint32_t, 2> parse_factor(const std::string& text) {
  std::array<std::uint32_t, 2> factor{};
  const char* const end = text.data() + text.size();
  const auto users = std::from_chars(text.data(), end, factor[0]);
  if (users.ec == std::errc() && users.ptr != end && *users.ptr == 'x') {
    const auto items = std::from_chars(users.ptr + 1, end, factor[1]);
    if (items.ec == std::errc() && items.ptr == end && factor[0] > 0 && factor[1] > 0) {
      return factor;
    }
  }
  fail_usage("--factor takes copies of each user x copies of each item, as in 4x4, not '{}'", text);
}

// What the rules of single options cannot say. Sets synthetic's kind and parsed texts.
void resolve(Arguments& arguments) {
  SyntheticOptions& synthetic = arguments.synthetic;
  synthetic.kind = arguments.kind.value_or(arguments.expand ? "expand" : "planted");
  if (arguments.expand && synthetic.kind != "expand") {
    fail_usage("--expand DATA is --kind expand; --kind {} takes no data", synthetic.kind);
  }
  if (arguments.expand) synthetic.expand = *arguments.expand;
  synthetic.factor = parse_factor(arguments.factor);
  if (arguments.quadrants.size() != 4) {
    fail_usage("--quadrants takes four numbers, as in 0.57,0.19,0.19,0.05; {} are given",
               arguments.quadrants.size());
  }
  std::copy(arguments.quadrants.begin(), arguments.quadrants.end(), synthetic.quadrants.begin());
  synthetic.num_users = arguments.users.value_or(0);
  synthetic.num_items = arguments.items.value_or(0);
  synthetic.num_edges = arguments.edges.value_or(0);
  if (synthetic.kind != "expand" && !(arguments.users && arguments.items && arguments.edges)) {
    fail_usage("--kind {} needs --users, --items and --edges", synthetic.kind);
  }
}

void refuse_options_of_other_kinds(const OptionTable& options, const std::string& kind) {
  for (const OfKinds& row : options_of_kinds()) {
    if (!options.typed(row.option) ||
        std::find(row.kinds.begin(), row.kinds.end(), kind) != row.kinds.end()) {
      continue;
    }
    std::string kinds;
    for (const std::string& name : row.kinds) kinds += (kinds.empty() ? "" : " or ") + name;
    throw Error(fmt::format("--{} goes with --kind {}, not with {}", row.option, kinds, kind),
                kExitUsage, true);
  }
}

void warn_of_side_info_left_out(const std::filesystem::path& source) {
  const DatasetFile dataset(source, false);
  const auto& columns = dataset.side_info().columns();
  if (columns.empty()) return;
  std::string names;
  for (const SideColumn& column : columns) {
    names += fmt::format(" {}:{}", kind_name(column.kind), column.name);
  }
  warn(fmt::format("--expand copies interactions alone; side information stays behind:{}", names));
}

int run(const CommandContext& context, const Arguments& arguments) {
  SyntheticOptions options = arguments.synthetic;
  options.seed = context.seed();
  refuse_options_of_other_kinds(context.options, options.kind);
  context.communicator.on_root([&] { check_dataset_output(arguments.out); });
  generate_dataset(options, arguments.out, context.communicator);
  context.communicator.on_root([&] {
    if (options.kind == "expand") warn_of_side_info_left_out(options.expand);
    const DatasetSummary summary = summarize(DatasetFile(arguments.out, false));
    write_stdout(context.json() ? dataset_line(summary, arguments.out.string())
                                : describe_dataset(summary, arguments.out.string()));
  });
  return 0;
}

void add_options(OptionTable& options, Arguments& arguments) {
  SyntheticOptions& synthetic = arguments.synthetic;
  options.group("Graph");
  options
      .add("kind", arguments.kind, "how edges are drawn (auto: expand with --expand, else planted)")
      .or_word("auto")
      .choices({"planted", "chung-lu", "rmat", "expand"});
  options.add("users", arguments.users, "number of users").at_least(1);
  options.add("items", arguments.items, "number of items").at_least(2);
  options
      .add("edges", arguments.edges,
           "number of distinct user-item pairs; of an expansion the expected number, by default "
           "what keeps users' mean degree")
      .at_least(1);
  options.group("Planted, Chung-Lu");
  options.add("communities", synthetic.num_communities, "planted communities").at_least(1);
  options
      .add("mixing", synthetic.mixing,
           "share of edges drawn from the whole catalogue: 0 none, 1 no communities")
      .range(0, 1);
  options
      .add("drift", synthetic.drift,
           "communities that every user's taste moves on by from the first to the last time")
      .at_least(0);
  options
      .add("attribute-noise", synthetic.attribute_noise,
           "give each node an attribute: its community, but for this share drawn at random")
      .or_word("none")
      .range(0, 1);
  options
      .add("item-exponent", synthetic.item_exponent,
           "popularity of an item = 1 / rank^exponent; 0 makes all alike")
      .range(0, 3);
  options
      .add("user-shape", synthetic.user_shape,
           "shape of the Pareto law of users' degrees; larger is more even")
      .above(1);
  options.group("R-MAT");
  arguments.quadrants.assign(synthetic.quadrants.begin(), synthetic.quadrants.end());
  options
      .add("quadrants", arguments.quadrants,
           "probabilities of the halves (user, item) = 00, 01, 10, 11; they sum to 1")
      .value_name("A,B,C,D")
      .above(0);
  options
      .add("level-noise", synthetic.level_noise,
           "how far each level's quadrants may move, of what is possible")
      .range(0, 1);
  options.group("Expansion of a dataset");
  options.add("expand", arguments.expand, "dataset file to make larger").value_name("DATA.h5");
  options.add("factor", arguments.factor, "copies of each user x copies of each item")
      .value_name("FxG");
  options.group("Times and split");
  options
      .add("times", synthetic.times,
           "uniform over 2023 and 2024, none, or those of the data expanded (auto: uniform, or the "
           "data's where it has any)")
      .or_word("auto")
      .choices({"uniform", "none", "source"});
  options.add("protocol", synthetic.protocol, "what is held out")
      .choices({"random", "leave-last", "time"});
  options.group("Output");
  options.add("out", arguments.out, "dataset file to write").value_name("DATA.h5").required();
}

}  // namespace

Command generate_command() {
  auto arguments = std::make_shared<Arguments>();
  Command command;
  command.usage = "--users N --items M --edges E --out DATA.h5 [--kind KIND] [options]";
  command.notes =
      "planted: users and items belong to communities of equal size. An edge goes, with "
      "probability "
      "--mixing, to an item drawn by popularity from the whole catalogue, else to one drawn by "
      "popularity from the user's community. The file also holds this truth, so that a model can "
      "be compared with it. chung-lu: the same without communities. rmat: quadrants of the matrix "
      "chosen level by level. expand: a dataset file's own matrix in F x G thinned copies. "
      "docs/DATA.md defines them. The same options and seed give the same file on any number of "
      "ranks and threads (mpirun -n P halorec generate ...); memory is of the order of the nodes.";
  add_options(command.options, *arguments);
  command.check = [arguments] { resolve(*arguments); };
  command.run = [arguments](const CommandContext& context) { return run(context, *arguments); };
  return command;
}

}  // namespace halorec
