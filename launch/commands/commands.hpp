// The commands of the program, in one table, and what a command is.
//
// A command is one file that declares its options and runs:
//     namespace { struct Arguments { std::filesystem::path data, out; std::int32_t core = 0; };
//                 int run(const CommandContext& context, const Arguments& arguments) {...} }
//     Command import_command() {
//       auto arguments = std::make_shared<Arguments>();
//       Command command;
//       command.usage = "SOURCE... --out DATA.h5 [options]";
//       command.options.add("data", arguments->data, "...").value_name("DATA").positional();
//       command.check = [arguments] { if (...) fail_usage("..."); };
//       command.run = [arguments](const CommandContext& c) { return run(c, *arguments); };
//       return command;
//     }
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "launch/options.hpp"

namespace halorec {

class Communicator;
struct ThreadPlan;

// What every command takes.
struct CommonArguments {
  bool help = false;
  std::optional<std::filesystem::path> config;
  bool dump_config = false;
  std::optional<std::int32_t> threads;
  std::uint64_t seed = 1;
  bool json = false;
  double stall_seconds = 600;
};

struct CommandContext {
  Communicator& communicator;
  const CommonArguments& common;
  OptionTable& options;       // train --resume fills in what the caller left open
  const ThreadPlan& threads;  // what each rank may use; omp_set_num_threads has been called

  std::uint64_t seed() const { return common.seed; }
  bool json() const { return common.json; }
};

struct Command {
  std::string usage;  // what follows "halorec NAME " in the usage line
  std::string notes;  // paragraphs under the options in --help; may be empty
  OptionTable options;
  // Rules that several options share. Runs on every rank right after parsing, before MPI: touches
  // no file, throws by fail_usage. May be empty.
  std::function<void()> check;
  // Collective: every rank calls it alike, and it throws nothing on one rank alone (see
  // Communicator::on_root, together). Returns the exit status.
  std::function<int(const CommandContext&)> run;
};

struct CommandEntry {
  const char* name;     // one word, or two: "bench step" belongs to the group "bench"
  const char* summary;  // one line of `halorec --help`
  Command (*make)();
};

// All commands, in the order of the overview.
std::span<const CommandEntry> command_table();

}  // namespace halorec
