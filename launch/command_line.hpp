// From argv to a command that is ready to run, or to a text to print (help, version, an ini).
// Needs no MPI, so that help and most mistakes are answered at once.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "launch/commands/commands.hpp"

namespace halorec {

struct CommandLine {
  std::string name;  // of the command; empty when `text` is all there is to do
  std::unique_ptr<CommonArguments> common;
  Command command;
  std::string text;  // to print on stdout and end with status 0, when not empty
};

// `arguments`: argv without the program's name. Throws Error (exit status 2).
CommandLine parse_command_line(const std::vector<std::string>& arguments,
                               std::span<const CommandEntry> table);

// What this process knows of the launcher that started it, from the environment alone.
struct Launcher {
  bool present = false;  // mpirun, srun with PMIx or PMI; false for a program started by hand
  int rank = 0;
};
Launcher find_launcher();

}  // namespace halorec
