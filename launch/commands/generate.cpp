// halorec generate: a synthetic graph with planted communities.
#include "comm/check.hpp"
#include "comm/communicator.hpp"
#include "launch/commands/commands.hpp"
#include "launch/commands/dataset_output.hpp"
#include "launch/output.hpp"
#include "partition/synthetic.hpp"

namespace halorec {
namespace {

struct Arguments {
  std::filesystem::path out;
  SyntheticOptions synthetic;
};

int run(const CommandContext& context, const Arguments& arguments) {
  context.communicator.on_root([&] {
    check_dataset_output(arguments.out);
    SyntheticOptions options = arguments.synthetic;
    options.seed = context.seed();
    const Dataset dataset = generate_dataset(options);
    save_dataset(dataset, arguments.out);
    write_stdout(context.json() ? dataset_line(dataset, arguments.out.string())
                                : describe_dataset(dataset, arguments.out.string()));
  });
  return 0;
}

}  // namespace

Command generate_command() {
  auto arguments = std::make_shared<Arguments>();
  Command command;
  command.usage = "--users N --items M --edges E --out DATA.h5 [options]";
  command.notes =
      "Users and items belong to communities of equal size. An edge goes, with probability "
      "--mixing, to an item drawn by popularity from the whole catalogue, else to one drawn by "
      "popularity from the user's community. The file also holds this truth, so that a model can "
      "be compared with it. The same options and seed give the same file on any machine and any "
      "number of threads.";
  SyntheticOptions& synthetic = arguments->synthetic;
  OptionTable& options = command.options;
  options.group("Graph");
  options.add("users", synthetic.num_users, "number of users").at_least(1).required();
  options.add("items", synthetic.num_items, "number of items").at_least(2).required();
  options.add("edges", synthetic.num_edges, "number of distinct user-item pairs")
      .at_least(1)
      .required();
  options.add("communities", synthetic.num_communities, "planted communities").at_least(1);
  options
      .add("mixing", synthetic.mixing,
           "share of edges drawn from the whole catalogue: 0 none, 1 no communities")
      .range(0, 1);
  options
      .add("item-exponent", synthetic.item_exponent,
           "popularity of an item = 1 / rank^exponent; 0 makes all alike")
      .range(0, 3);
  options
      .add("user-shape", synthetic.user_shape,
           "shape of the Pareto law of users' degrees; larger is more even")
      .above(1);
  options.group("Split");
  options.add("protocol", synthetic.protocol, "what is held out")
      .choices({"random", "leave-last", "time"});
  options.group("Output");
  options.add("out", arguments->out, "dataset file to write").value_name("DATA.h5").required();
  command.run = [arguments](const CommandContext& context) { return run(context, *arguments); };
  return command;
}

}  // namespace halorec
