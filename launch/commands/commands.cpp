#include "launch/commands/commands.hpp"

#include <vector>

namespace halorec {

// One line for each command: its declaration here, its place in the table below.
Command partition_command();

std::span<const CommandEntry> command_table() {
  static const std::vector<CommandEntry> table{
      {"partition", "cuts a dataset's graph into parts and says what the cut costs",
       partition_command},
  };
  return table;
}

}  // namespace halorec
