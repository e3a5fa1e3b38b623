// halorec perturb: a dataset with fake edges, fake users or short lists in its training part.
#include "partition/perturb/perturb.hpp"

#include "comm/check.hpp"
#include "comm/communicator.hpp"
#include "launch/commands/commands.hpp"
#include "launch/commands/dataset_output.hpp"
#include "launch/named_ids.hpp"
#include "launch/output.hpp"

namespace halorec {
namespace {

struct Arguments {
  std::filesystem::path data, out;
  std::optional<double> fake_edges, thin_users, drop_unsupported;
  std::optional<std::uint32_t> keep;
  std::optional<std::string> attack, target, id_prefix;
  std::optional<std::uint32_t> profiles, profile_size;
};

constexpr double kMostFakeEdges = 10;

void check(const Arguments& arguments) {
  const int num_ways = (arguments.fake_edges ? 1 : 0) + (arguments.attack ? 1 : 0) +
                       (arguments.thin_users ? 1 : 0) + (arguments.drop_unsupported ? 1 : 0);
  if (num_ways != 1) {
    fail_usage(
        "give {} of --fake-edges X, --attack KIND, --thin-users X and --drop-unsupported X{}",
        num_ways == 0 ? "one" : "only one",
        num_ways == 0 ? "" : "; the result can be perturbed again");
  }
  if (arguments.thin_users.has_value() != arguments.keep.has_value()) {
    fail_usage("--thin-users X and --keep N belong together: whose lists, and what stays of them");
  }
  if (arguments.thin_users.value_or(1) > 1) {
    fail_usage("--thin-users takes a share of the users above 0, at most 1, not {}",
               *arguments.thin_users);
  }
  const double dropped = arguments.drop_unsupported.value_or(0.5);
  if (dropped >= 1) {
    fail_usage("--drop-unsupported takes a share of the training pairs above 0 and below 1, not {}",
               dropped);
  }
  if (arguments.attack) {
    if (!arguments.target || !arguments.profiles) {
      fail_usage("--attack {} needs --target ITEM and --profiles N", *arguments.attack);
    }
    if (arguments.id_prefix && arguments.id_prefix->size() > 1000) {
      fail_usage("--id-prefix is longer than 1000 bytes");
    }
    return;
  }
  if (arguments.target || arguments.profiles || arguments.profile_size || arguments.id_prefix) {
    fail_usage("--target, --profiles, --profile-size and --id-prefix go with --attack, not with {}",
               arguments.fake_edges   ? "--fake-edges"
               : arguments.thin_users ? "--thin-users"
                                      : "--drop-unsupported");
  }
  if (arguments.fake_edges.value_or(1) > kMostFakeEdges) {
    fail_usage(
        "--fake-edges takes a share of the training interactions above 0, at most {}, not {}",
        kMostFakeEdges, *arguments.fake_edges);
  }
}

Dataset perturbed(const Arguments& arguments, std::uint64_t seed) {
  Dataset dataset = DatasetFile(arguments.data).read_all();
  if (arguments.fake_edges) {
    add_fake_edges(dataset, *arguments.fake_edges, seed);
    return dataset;
  }
  if (arguments.thin_users) {
    thin_users(dataset, *arguments.thin_users, *arguments.keep, seed);
    return dataset;
  }
  if (arguments.drop_unsupported) {
    drop_unsupported(dataset, *arguments.drop_unsupported);
    return dataset;
  }
  Attack attack;
  attack.kind = *arguments.attack;
  attack.target = find_all(dataset.items, {{*arguments.target}}, "item").front();
  attack.num_profiles = *arguments.profiles;
  attack.profile_size = arguments.profile_size;
  attack.id_prefix = arguments.id_prefix.value_or(attack.id_prefix);
  add_fake_profiles(dataset, attack, seed);
  return dataset;
}

int run(const CommandContext& context, const Arguments& arguments) {
  context.communicator.on_root([&] {
    check_dataset_output(arguments.out);
    std::error_code ignored;
    if (std::filesystem::equivalent(arguments.data, arguments.out, ignored)) {
      fail_usage("--out {} is the dataset itself; name another file", arguments.out.string());
    }
    const Dataset dataset = perturbed(arguments, context.seed());
    save_dataset(dataset, arguments.out);
    const DatasetSummary summary = summarize(dataset);
    write_stdout(context.json() ? dataset_line(summary, arguments.out.string())
                                : describe_dataset(summary, arguments.out.string()));
  });
  return 0;
}

}  // namespace

Command perturb_command() {
  auto arguments = std::make_shared<Arguments>();
  Command command;
  command.usage =
      "DATA.h5 --out ATTACKED.h5 --fake-edges X   |   DATA.h5 --out ATTACKED.h5 --attack KIND "
      "--target ITEM --profiles N [--profile-size M]   |   DATA.h5 --out THINNED.h5 --thin-users X "
      "--keep N   |   DATA.h5 --out PRUNED.h5 --drop-unsupported X";
  command.notes =
      "Only the training part changes. Fake edges: the users of randomly drawn training "
      "interactions (so users by activity) get random items that stand with them in no part. "
      "Attacks: new users interact with the target and with filler items, drawn evenly (random), "
      "by popularity (popular), or for a tenth the most popular ones and for the rest evenly "
      "(bandwagon). Fake users have nothing held out: no metric counts them. Thinned users keep a "
      "few of their training items, drawn evenly. --drop-unsupported takes away the training pairs "
      "that "
      "have the fewest paths of length three from the user to the item around them, weighed as "
      "LightGCN weighs them, and looks at nothing else. The file says which users and interactions "
      "are "
      "fake and who was thinned. The same data and seed give the same file. An existing "
      "dataset file at --out is replaced, any other file is refused. `halorec evaluate RUN "
      "--target ITEM` measures what an attack achieved, `--users thinned` how thinned users are "
      "served. docs/DATA.md has the definitions and their sources.";
  OptionTable& options = command.options;
  options.group("Data");
  options.add("data", arguments->data, "dataset file to perturb")
      .value_name("DATA.h5")
      .positional()
      .required();
  options.group("Fake edges");
  options
      .add("fake-edges", arguments->fake_edges,
           "random pairs to add, as a share of the training interactions; at most 10")
      .above(0);
  options.group("Fake users");
  options.add("attack", arguments->attack, "how fake users choose their filler items")
      .choices({"random", "popular", "bandwagon"});
  options.add("target", arguments->target, "the item to push, by its id").value_name("ITEM");
  options.add("profiles", arguments->profiles, "number of fake users").range(1, 1'000'000'000);
  options
      .add("profile-size", arguments->profile_size,
           "filler items of each, at most half of the items (median: the median training list)")
      .or_word("median")
      .at_least(1);
  options
      .add("id-prefix", arguments->id_prefix,
           "ids of fake users are this and a number (default: fake-)")
      .value_name("TEXT");
  options.group("Short lists");
  options
      .add("thin-users", arguments->thin_users,
           "share of the users, drawn evenly, who lose most of what they have in training")
      .above(0);
  options.add("keep", arguments->keep, "training items that each of them keeps").at_least(1);
  options.group("Defence");
  options
      .add("drop-unsupported", arguments->drop_unsupported,
           "share of the training pairs to take away, those that others support least")
      .above(0);
  options.group("Output");
  options.add("out", arguments->out, "dataset file to write").value_name("DATA.h5").required();
  command.check = [arguments] { check(*arguments); };
  command.run = [arguments](const CommandContext& context) { return run(context, *arguments); };
  return command;
}

}  // namespace halorec
