#include "launch/commands/commands.hpp"

#include <vector>

namespace halorec {

// One line for each command: its declaration here, its place in the table below.

std::span<const CommandEntry> command_table() {
  static const std::vector<CommandEntry> table{};
  return table;
}

}  // namespace halorec
