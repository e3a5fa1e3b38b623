// Options: what is taken, what is refused and with which words, and that --dump-config and
// --config are inverse to each other. The program around them: tests/end_to_end.
#include "launch/options.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "comm/check.hpp"
#include "launch/command_line.hpp"
#include "launch/ini.hpp"
#include "launch/spelling.hpp"
#include "launch/training_options.hpp"

namespace halorec {
namespace {

struct Arguments {
  std::filesystem::path data;
  std::vector<std::string> sources;
  std::int32_t dim = 64;
  std::uint32_t layers = 3;
  std::uint64_t seed = 7;
  double rate = 0.002;
  std::string loss = "softmax";
  std::optional<std::int64_t> batch;
  std::optional<double> decay;
  std::vector<std::int32_t> k{10, 20, 50};
  std::vector<std::string> keep;
  bool refit = false;
};

// The table of a command with every type of option.
class OptionsTest : public testing::Test {
 protected:
  OptionsTest() { declare(table_, args_); }

  static void declare(OptionTable& table, Arguments& args) {
    table.group("Input");
    table.add("data", args.data, "a dataset").value_name("DATA").positional().required();
    table.add("source", args.sources, "raw files").value_name("SOURCE").positional();
    table.group("Numbers");
    table.add("dim", args.dim, "numbers in an embedding").range(1, 4096);
    table.add("layers", args.layers, "propagations");
    table.add("seed", args.seed, "of draws");
    table.add("rate", args.rate, "learning rate").above(0);
    table.add("loss", args.loss, "what is lowered").choices({"bpr", "softmax"});
    table.add("batch", args.batch, "edges in a step").or_word("auto").at_least(1);
    table.add("decay", args.decay, "of the rate").range(0, 1);
    table.add("k", args.k, "lengths of lists").value_name("K,K").at_least(1);
    table.add("keep", args.keep, "rows to keep").repeatable();
    table.add("refit", args.refit, "train on everything");
  }

  // The message of the Error, "" when none; its exit status has to be 2.
  static std::string message_of(const std::function<void()>& work) {
    try {
      work();
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_status(), kExitUsage);
      return error.what();
    }
    return "";
  }
  std::string refused(const std::vector<std::string>& arguments) {
    return message_of([&] {
      OptionTable table;
      Arguments args;
      declare(table, args);
      table.parse(arguments);
    });
  }

  Arguments args_;
  OptionTable table_;
};

TEST_F(OptionsTest, TakesEveryType) {
  table_.parse({"in.h5",   "a,b",        "c",       "--dim",
                "32",      "--layers=2", "--seed",  "18446744073709551615",
                "--rate",  "1e-3",       "--loss",  "bpr",
                "--batch", "2048",       "--decay", "0.5",
                "--k",     "5,10",       "--keep",  "a>0",
                "--keep",  "b<1,5",      "--refit"});
  EXPECT_EQ(args_.data, "in.h5");
  EXPECT_EQ(args_.sources, (std::vector<std::string>{"a,b", "c"}));
  EXPECT_EQ(args_.dim, 32);
  EXPECT_EQ(args_.layers, 2U);
  EXPECT_EQ(args_.seed, UINT64_MAX);
  EXPECT_DOUBLE_EQ(args_.rate, 1e-3);
  EXPECT_EQ(args_.loss, "bpr");
  EXPECT_EQ(args_.batch, 2048);
  EXPECT_EQ(args_.decay, 0.5);
  EXPECT_EQ(args_.k, (std::vector<std::int32_t>{5, 10}));
  EXPECT_EQ(args_.keep, (std::vector<std::string>{"a>0", "b<1,5"}));
  EXPECT_TRUE(args_.refit);
  EXPECT_TRUE(table_.given("dim"));
}

TEST_F(OptionsTest, ListsQuoteEntriesAsCsvDoes) {
  OptionTable table;
  std::vector<std::string> users;
  table.add("users", users, "ids");
  const std::vector<std::pair<std::string, std::vector<std::string>>> lists{
      {"u1,u2", {"u1", "u2"}},           {"\"Doe, Jane\",u2", {"Doe, Jane", "u2"}},
      {"u1,\"a,b\"", {"u1", "a,b"}},     {"\"say \"\"so\"\"\",\"\"\"\"", {"say \"so\"", "\""}},
      {"5\" disk,x", {"5\" disk", "x"}},
  };
  for (const auto& [text, entries] : lists) {
    table.find("users").assign({text});
    EXPECT_EQ(users, entries) << text;
    table.find("users").assign(table.find("users").texts());
    EXPECT_EQ(users, entries) << text << " after being printed";
  }
  for (const char* text : {"\"a", "\"a\"b", "a,\"", "\"\"", "\"a\",", "\"a\"\""}) {
    EXPECT_NE(message_of([&] { table.find("users").assign({text}); }).find("--users"),
              std::string::npos)
        << text;
  }
}

TEST_F(OptionsTest, DefaultsStayWhereNothingIsGiven) {
  table_.parse({"in.h5", "--batch", "auto"});
  EXPECT_EQ(args_.dim, 64);
  EXPECT_FALSE(args_.batch.has_value());
  EXPECT_EQ(args_.k, (std::vector<std::int32_t>{10, 20, 50}));
  EXPECT_FALSE(table_.given("dim"));
  EXPECT_TRUE(table_.given("batch"));
}

struct Refusal {
  std::vector<std::string> arguments;
  std::vector<std::string> words;  // all have to be in the message
};

TEST_F(OptionsTest, RefusesWithTheAllowedValues) {
  const std::vector<Refusal> refusals{
      {{"--dims", "3"}, {"unknown option '--dims'", "did you mean '--dim'?"}},
      {{"--lay", "3"}, {"unknown option '--lay'", "--layers"}},  // no guessing
      {{"-x"}, {"unknown option '-x'"}},
      {{"--dim", "0"}, {"--dim", "from 1 to 4096", "0"}},
      {{"--dim", "4097"}, {"from 1 to 4096"}},
      {{"--dim", "-3"}, {"from 1 to 4096", "-3"}},
      {{"--dim", "3.5"}, {"whole number", "'3.5'"}},
      {{"--dim", "3x"}, {"'3x'"}},
      {{"--dim", ""}, {"--dim"}},
      {{"--dim"}, {"--dim needs a value"}},
      {{"--dim", "--refit"}, {"--dim needs a value", "'--refit' is an option"}},
      {{"--dim", "3", "--dim", "4"}, {"--dim is given more than once"}},
      {{"--layers", "-1"}, {"--layers", "at least 0", "'-1'"}},  // lexical_cast takes 4294967295
      {{"--layers", "4294967296"}, {"'4294967296'"}},
      {{"--seed", "-1"}, {"--seed"}},
      {{"--seed", "18446744073709551616"}, {"--seed", "beyond"}},
      {{"--rate", "nan"}, {"--rate", "'nan'"}},
      {{"--rate", "inf"}, {"--rate", "'inf'"}},
      {{"--rate", "1e999"}, {"--rate", "'1e999'"}},
      {{"--rate", "0"}, {"--rate", "above 0"}},
      {{"--rate", "0,002"}, {"'0,002'"}},
      {{"--loss", "sofmax"}, {"'sofmax'", "did you mean 'softmax'?", "bpr, softmax"}},
      {{"--loss", "BPR"}, {"allowed: bpr, softmax"}},
      {{"--loss", ""}, {"must not be empty"}},
      {{"--batch", "aut"}, {"'aut'", "or auto"}},
      {{"--batch", "0"}, {"at least 1, or auto"}},
      {{"--decay", "1.01"}, {"from 0 to 1"}},
      {{"--k", "10,,20"}, {"--k", "empty entry"}},
      {{"--k", "10,"}, {"empty entry"}},
      {{"--k", "10,0"}, {"--k", "at least 1"}},
      {{"--k", "10,x"}, {"'x'"}},
      {{"--refit=true"}, {"--refit", "takes no value"}},
  };
  for (const auto& refusal : refusals) {
    const auto message = refused(refusal.arguments);
    for (const auto& word : refusal.words) {
      EXPECT_NE(message.find(word), std::string::npos)
          << "'" << word << "' is not in: " << message << "  (" << refusal.arguments.front() << ")";
    }
  }
}

TEST_F(OptionsTest, TheWireFormatIsOneOfThree) {
  const auto chosen = [](const std::string& name) {
    OptionTable table;
    TrainingArguments training;
    declare_training_options(table, training);
    table.parse({"--wire", name});
    return model_options(training, 5).propagation;
  };
  EXPECT_EQ(chosen("fp32").wire, WireFormat::full);
  EXPECT_EQ(chosen("bf16").wire, WireFormat::bf16);
  EXPECT_EQ(chosen("int8").wire, WireFormat::int8);
  EXPECT_EQ(chosen("int8").wire_seed, 5U);
  EXPECT_NE(message_of([&] { chosen("int4"); }).find("fp32, bf16, int8"), std::string::npos);

  OptionTable table;
  TrainingArguments training;
  declare_training_options(table, training);
  EXPECT_NE(table.help().find("lossy"), std::string::npos);
}

TEST_F(OptionsTest, MissingArgumentIsNamed) {
  table_.parse({"--dim", "3"});
  const auto message = message_of([&] { table_.check_required("halorec x DATA"); });
  EXPECT_EQ(message, "DATA is missing; usage: halorec x DATA");
}

TEST_F(OptionsTest, RequiredNumberHasNoDefault) {
  OptionTable table;
  std::int32_t parts = 0;
  table.add("parts", parts, "ranks").at_least(1).required();
  EXPECT_EQ(message_of([&] { table.check_required("halorec x"); }),
            "--parts is missing; usage: halorec x");
  EXPECT_EQ(table.help().find("(=0)"), std::string::npos);
  EXPECT_NE(table.dump("x").find("# parts =\n"), std::string::npos);
  table.parse({"--parts", "3"});
  table.check_required("halorec x");
  EXPECT_EQ(parts, 3);
}

TEST_F(OptionsTest, HelpShowsGroupsDefaultsAndAllowedValues) {
  const auto help = table_.help();
  for (const char* word :
       {"Input:", "Numbers:", "--dim N (=64)", "[1 .. 4096]", "[bpr, softmax]", "(=softmax)",
        "--batch N|auto (=auto)", "--k K,K (=10,20,50)", "--refit", "(=0.002)", "(required)"}) {
    EXPECT_NE(help.find(word), std::string::npos) << word << " is not in:\n" << help;
  }
}

const std::vector<std::string> kCommands{"import", "train", "evaluate"};

class ConfigTest : public OptionsTest {
 protected:
  ConfigTest() {
    std::string name = (std::filesystem::temp_directory_path() / "halorec_options_XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~ConfigTest() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path write(const std::string& text) {
    auto path = folder_ / "options.ini";
    std::ofstream(path) << text;
    return path;
  }

  std::filesystem::path folder_;
};

TEST_F(ConfigTest, DumpReadsBackToTheSameValues) {
  table_.parse({"/a dir/#1;x.h5", " leading", "quote\"d", "--rate", "0.1", "--k", "7", "--keep",
                "a > 0 # not a comment", "--keep", "tab\there\nand line", "--refit", "--loss",
                "bpr"});
  const auto path = write(table_.dump("train"));
  OptionTable other_table;
  Arguments other;
  declare(other_table, other);
  other_table.read_config(path, "train", kCommands);
  EXPECT_EQ(other.data, args_.data);
  EXPECT_EQ(other.sources, args_.sources);
  EXPECT_EQ(other.rate, args_.rate);
  EXPECT_EQ(other.k, args_.k);
  EXPECT_EQ(other.keep, args_.keep);
  EXPECT_EQ(other.refit, args_.refit);
  EXPECT_EQ(other.loss, args_.loss);
  EXPECT_EQ(other.batch, args_.batch);
  EXPECT_EQ(other.decay, args_.decay);
  EXPECT_EQ(other_table.values(), table_.values());
  EXPECT_EQ(other_table.dump("train"), table_.dump("train"));
}

TEST_F(ConfigTest, CommandLineWinsAndOtherSectionsAreSkipped) {
  const auto path = write("dim = 8\n[import]\ncore = 3\n[train]\nrate = 0.5\nrefit = true\n");
  table_.parse({"in.h5", "--rate", "0.25"});
  table_.read_config(path, "train", kCommands);
  EXPECT_EQ(args_.dim, 8);
  EXPECT_EQ(args_.rate, 0.25);
  EXPECT_TRUE(args_.refit);
}

TEST_F(ConfigTest, FaultsNameFileAndLine) {
  const std::vector<std::pair<std::string, std::string>> faults{
      {"dim = 8\ndimm = 9\n", ":2: 'dimm' is no option of train; did you mean 'dim'?"},
      {"# c\n\ndim = x\n", ":3: --dim takes a whole number from 1 to 4096, not 'x'"},
      {"dim\n", ":1: expected 'option = value'"},
      {"[train\n", ":1: a section"},
      {"loss = \"bpr\n", ":1: a quoted value"},
      {"dim = 3\ndim = 4\n", ":2: --dim is given more than once"},
      {"refit = yes\n", ":1: --refit takes true or false"},
      {"= 3\n", ":1: expected"},
      {"[import]\ncore = 3\n[trian]\ndim = 8\n",
       ":4: section [trian] is no command; did you mean [train]?; commands: import, train, "
       "evaluate"},
  };
  for (const auto& [text, words] : faults) {
    const auto path = write(text);
    OptionTable table;
    Arguments args;
    declare(table, args);
    const auto message = message_of([&] { table.read_config(path, "train", kCommands); });
    EXPECT_NE(message.find(path.string() + words), std::string::npos) << message;
  }
  EXPECT_NE(message_of([&] {
              table_.read_config(folder_ / "none.ini", "train", kCommands);
            }).find("none.ini"),
            std::string::npos);
}

TEST(SpellingTest, CountsEdits) {
  EXPECT_EQ(edit_distance("", "abc"), 3);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
  EXPECT_EQ(edit_distance("trian", "train"), 1);  // neighbours swapped
}

TEST(SpellingTest, NearestWordOrNone) {
  const std::vector<std::string> words{"train", "evaluate", "recommend"};
  EXPECT_EQ(nearest_word("trian", words), "train");
  EXPECT_EQ(nearest_word("eval", words), "evaluate");
  EXPECT_EQ(nearest_word("zzz", words), "");
}

// The frame around the commands, with a table of its own.
Command echo_command() {
  auto args = std::make_shared<Arguments>();
  Command command;
  command.usage = "[--dim N]";
  command.options.add("dim", args->dim, "numbers").range(1, 100);
  command.check = [args] {
    if (args->dim == 13) fail_usage("13 brings bad luck");
  };
  command.run = [args](const CommandContext&) { return args->dim; };
  return command;
}
const CommandEntry kTable[] = {{"echo", "repeats", echo_command}};

CommandLine parsed(const std::vector<std::string>& arguments) {
  return parse_command_line(arguments, kTable);
}

TEST(CommandLineTest, TextsNeedNoRun) {
  EXPECT_NE(parsed({"--help"}).text.find("echo"), std::string::npos);
  EXPECT_EQ(parsed({"help"}).text, parsed({"--help"}).text);
  EXPECT_EQ(parsed({"help", "echo"}).text, parsed({"echo", "--help"}).text);
  EXPECT_NE(parsed({"echo", "-h"}).text.find("--stall-seconds"), std::string::npos);
  EXPECT_EQ(parsed({"--version"}).text, "halorec " HALOREC_VERSION "\n");
  EXPECT_NE(parsed({"echo", "--dim", "5", "--dump-config"}).text.find("dim = 5"),
            std::string::npos);
}

TEST(CommandLineTest, RefusesWhatIsNoCommand) {
  const auto message_of = [](const std::vector<std::string>& arguments) -> std::string {
    try {
      parsed(arguments);
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_status(), kExitUsage);
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message_of({"ehco"}), "unknown command 'ehco' (did you mean 'echo'?); commands: echo");
  EXPECT_NE(message_of({}).find("no command"), std::string::npos);
  EXPECT_NE(message_of({"--dim", "3"}).find("'--dim' stands where a command"), std::string::npos);
  EXPECT_EQ(message_of({"echo", "--dim", "13"}), "echo: 13 brings bad luck");
  EXPECT_EQ(message_of({"echo", "3"}).find("echo: too many arguments"), 0U);
  EXPECT_NE(message_of({"echo", "--threads", "0"}).find("from 1 to 4096, or auto"),
            std::string::npos);
}

TEST(CommandLineTest, CommonOptionsReachTheCommand) {
  const auto line =
      parsed({"echo", "--threads", "3", "--seed", "9", "--json", "--stall-seconds", "5"});
  EXPECT_EQ(line.common->threads, 3);
  EXPECT_EQ(line.common->seed, 9U);
  EXPECT_TRUE(line.common->json);
  EXPECT_EQ(line.common->stall_seconds, 5);
}

}  // namespace
}  // namespace halorec
