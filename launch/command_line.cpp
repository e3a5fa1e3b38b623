#include "launch/command_line.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include "comm/check.hpp"
#include "launch/spelling.hpp"

namespace halorec {
namespace {

std::string overview(std::span<const CommandEntry> table) {
  std::string text =
      "Halorec trains graph neural networks for recommendation on a cluster.\n\n"
      "usage: [mpirun -n P] halorec COMMAND [options]\n\n"
      "Commands:\n";
  for (const auto& entry : table) text += fmt::format("  {:<17}{}\n", entry.name, entry.summary);
  return text +
         "\n'halorec COMMAND --help' or 'halorec help COMMAND' lists a command's options with\n"
         "their defaults and allowed values; 'halorec --version' prints the version.\n"
         "Exit status: 0 done, 1 failed, 2 wrong usage, 75 stopped on request (run again).\n";
}

// The commands of a group ("bench kernel" of "bench"), by their names.
std::vector<std::string> names_in_group(const std::string& group,
                                        std::span<const CommandEntry> table) {
  std::vector<std::string> names;
  for (const auto& entry : table) {
    if (std::string_view(entry.name).starts_with(group + " ")) names.emplace_back(entry.name);
  }
  return names;
}

// How many of the arguments from `at` on name the command: two for one of a group.
std::size_t num_name_words(const std::vector<std::string>& arguments, std::size_t at,
                           std::span<const CommandEntry> table) {
  const auto group = names_in_group(arguments[at], table);
  if (group.empty()) return 1;
  if (at + 1 == arguments.size() || arguments[at + 1].starts_with('-')) {
    fail_usage("'{}' has the commands: {}; 'halorec {} --help' explains one", arguments[at],
               fmt::join(group, ", "), group.front());
  }
  return 2;
}

std::string command_name(const std::vector<std::string>& arguments, std::size_t at,
                         std::span<const CommandEntry> table) {
  return num_name_words(arguments, at, table) == 1 ? arguments[at]
                                                   : arguments[at] + " " + arguments[at + 1];
}

std::vector<std::string> names_of(std::span<const CommandEntry> table) {
  std::vector<std::string> names;
  for (const auto& entry : table) names.emplace_back(entry.name);
  return names;
}

const CommandEntry& find_command(const std::string& name, std::span<const CommandEntry> table) {
  for (const auto& entry : table) {
    if (name == entry.name) return entry;
  }
  const auto names = names_of(table);
  const auto near = nearest_word(name, names);
  fail_usage("unknown command '{}'{}; commands: {}", name,
             near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near),
             fmt::join(names, ", "));
}

void add_common_options(OptionTable& options, CommonArguments& common) {
  options.group("Every command");
  options.add("help", common.help, "print this and end");
  options.add("config", common.config, "take options from an ini file; the command line wins")
      .value_name("FILE.ini");
  options.add("dump-config", common.dump_config,
              "print an ini that --config reads back to these values, and end");
  options
      .add("threads", common.threads,
           "threads of each rank; auto: the cores it is bound to, shared fairly with the ranks "
           "that have the same ones")
      .or_word("auto")
      .range(1, 4096);
  options.add("seed", common.seed, "of everything that is drawn at random");
  options.add("json", common.json, "one JSON object a line on stdout, and nothing else");
  options
      .add("stall-seconds", common.stall_seconds,
           "end the job when a rank has waited longer than this for the others; 0: wait for ever")
      .value_name("S")
      .at_least(0);
  for (const char* name : {"help", "config", "dump-config"}) options.keep_out_of_config(name);
}

// Lines of at most `width` characters, broken at spaces; line ends of the text stay.
std::string wrapped(const std::string& text, std::size_t width) {
  std::string result;
  std::size_t column = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    if (text[begin] == '\n' || text[begin] == ' ') {
      result += text[begin];
      column = text[begin] == '\n' ? 0 : column + 1;
      ++begin;
      continue;
    }
    const auto end = std::min(text.find_first_of(" \n", begin), text.size());
    if (column > 0 && column + (end - begin) > width) {
      if (result.back() == ' ') result.pop_back();
      result += '\n';
      column = 0;
    }
    result.append(text, begin, end - begin);
    column += end - begin;
    begin = end;
  }
  return result;
}

std::string help_of(const CommandEntry& entry, const Command& command) {
  auto text = fmt::format("usage: [mpirun -n P] halorec {} {}\n\n{}\n\n{}", entry.name,
                          command.usage, entry.summary, command.options.help());
  if (!command.notes.empty()) text += "\n" + wrapped(command.notes, 100) + "\n";
  return text;
}

// A copy whose bound variables live as long as the result.
CommandLine prepare(const CommandEntry& entry) {
  CommandLine line;
  line.name = entry.name;
  line.command = entry.make();
  line.common = std::make_unique<CommonArguments>();
  add_common_options(line.command.options, *line.common);
  return line;
}

bool asks_for_help(const std::string& argument) {
  return argument == "--help" || argument == "-h";
}

}  // namespace

CommandLine parse_command_line(const std::vector<std::string>& arguments,
                               std::span<const CommandEntry> table) {
  CommandLine only_text;
  if (arguments.empty()) {
    fail_usage("no command is given; usage: halorec COMMAND [options]; 'halorec --help' explains");
  }
  const auto& first = arguments.front();
  if (first == "--version") {
    only_text.text = "halorec " HALOREC_VERSION "\n";
    return only_text;
  }
  if (asks_for_help(first) || (first == "help" && arguments.size() == 1)) {
    only_text.text = overview(table);
    return only_text;
  }
  if (first == "help") {
    const auto& entry = find_command(command_name(arguments, 1, table), table);
    only_text.text = help_of(entry, prepare(entry).command);
    return only_text;
  }
  if (first.starts_with('-')) {
    fail_usage(
        "'{}' stands where a command is expected; usage: halorec COMMAND [options]; "
        "'halorec --help' lists the commands",
        first);
  }

  const auto& entry = find_command(command_name(arguments, 0, table), table);
  auto line = prepare(entry);
  const auto num_words = static_cast<std::ptrdiff_t>(num_name_words(arguments, 0, table));
  const std::vector<std::string> rest(arguments.begin() + num_words, arguments.end());
  if (std::any_of(rest.begin(), rest.end(), asks_for_help)) {
    line.text = help_of(entry, line.command);
    return line;
  }
  try {
    auto& options = line.command.options;
    options.parse(rest);
    if (line.common->config) {
      options.read_config(*line.common->config, line.name, names_of(table));
    }
    if (line.common->dump_config) {
      line.text = options.dump(line.name);
      return line;
    }
    options.check_required(fmt::format("halorec {} {}", line.name, line.command.usage));
    if (line.command.check) line.command.check();
  } catch (const Error& error) {
    throw Error(fmt::format("{}: {}", line.name, error.what()), error.exit_status());
  }
  return line;
}

namespace {

Launcher look_for_launcher() {
  Launcher launcher;
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"}) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread so far
    if (value == nullptr) continue;
    launcher.present = true;
    std::from_chars(value, value + std::strlen(value), launcher.rank);
    break;
  }
  return launcher;
}

}  // namespace

Launcher find_launcher() {
  static const Launcher launcher = look_for_launcher();
  return launcher;
}

}  // namespace halorec
