#include "launch/commands/commands.hpp"

#include <vector>

namespace halorec {

// One line for each command: its declaration here, its place in the table below.
Command import_command();
Command generate_command();
Command describe_command();
Command partition_command();
Command train_command();
Command evaluate_command();
Command recommend_command();
Command similar_command();
Command export_command();

std::span<const CommandEntry> command_table() {
  static const std::vector<CommandEntry> table{
      {"import", "turns raw interactions into a dataset file", import_command},
      {"generate", "makes a synthetic graph, or expands a dataset", generate_command},
      {"describe", "says what a dataset or a run holds", describe_command},
      {"partition", "cuts a dataset's graph into parts and says what the cut costs",
       partition_command},
      {"train", "trains a model over all ranks and tests it", train_command},
      {"evaluate", "measures a run, or lists made elsewhere, on held-out interactions",
       evaluate_command},
      {"recommend", "lists the best items for users, or for a history of items", recommend_command},
      {"similar", "names the items nearest to one item", similar_command},
      {"export", "writes the final rows under the caller's ids, for use elsewhere", export_command},
  };
  return table;
}

}  // namespace halorec
