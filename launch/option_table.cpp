#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/program_options.hpp>
#include <map>
#include <sstream>

#include "comm/check.hpp"
#include "launch/ini.hpp"
#include "launch/options.hpp"
#include "launch/spelling.hpp"

namespace halorec {
namespace {

namespace po = boost::program_options;

constexpr unsigned kHelpWidth = 100;

// Long options by their whole names alone: an abbreviation is an error, not a guess.
constexpr int kStyle =
    po::command_line_style::allow_long | po::command_line_style::long_allow_adjacent |
    po::command_line_style::long_allow_next | po::command_line_style::allow_short |
    po::command_line_style::allow_dash_for_short | po::command_line_style::short_allow_next;

}  // namespace

void OptionTable::group(std::string title) {
  const auto same = std::find_if(groups_.begin(), groups_.end(),
                                 [&](const Group& group) { return group.title == title; });
  if (same != groups_.end()) {
    std::rotate(same, same + 1, groups_.end());
  } else {
    groups_.push_back({std::move(title), {}});
  }
}

FlagOption& OptionTable::add(const std::string& name, bool& variable, std::string help) {
  auto option = std::make_unique<FlagOption>(name, variable, std::move(help));
  auto& result = *option;
  append(std::move(option));
  return result;
}

void OptionTable::append(std::unique_ptr<Option> option) {
  HALOREC_ASSERT_LIGHT(!has(option->name()));
  if (groups_.empty()) group("Options");
  groups_.back().options.push_back(option.get());
  options_.push_back(std::move(option));
}

void OptionTable::keep_out_of_config(const std::string& name) {
  find(name).in_config_ = false;
}

bool OptionTable::has(const std::string& name) const {
  return std::any_of(options_.begin(), options_.end(),
                     [&](const auto& option) { return option->name() == name; });
}

Option& OptionTable::find(const std::string& name) {
  for (auto& option : options_) {
    if (option->name() == name) return *option;
  }
  throw std::logic_error("no option is named " + name);
}

const Option& OptionTable::find(const std::string& name) const {
  return const_cast<OptionTable*>(this)->find(name);  // NOLINT(*-const-cast): same lookup
}

std::vector<std::string> OptionTable::names() const {
  std::vector<std::string> names;
  for (const auto& option : options_) names.push_back(option->name());
  return names;
}

void OptionTable::parse(const std::vector<std::string>& arguments) {
  po::options_description description;
  po::positional_options_description positions;
  for (const auto& option : options_) {
    if (option->is_flag_) {
      description.add_options()(option->name().c_str(), "");
    } else {
      description.add_options()(option->name().c_str(), po::value<std::string>(), "");
    }
    if (option->num_positions_ != 0) positions.add(option->name().c_str(), option->num_positions_);
  }
  const auto unknown = [&](const std::string& typed) {
    const auto bare = typed.substr(std::min(typed.find_first_not_of('-'), typed.size()));
    const auto near = nearest_word(bare, names());
    fail_usage("unknown option '{}'{}; --help lists every option", typed,
               near.empty() ? "" : fmt::format("; did you mean '--{}'?", near));
  };

  std::map<std::string, std::vector<std::string>> typed;
  try {
    const auto parsed = po::command_line_parser(arguments)
                            .options(description)
                            .positional(positions)
                            .style(kStyle)
                            .run();
    for (const auto& option : parsed.options) {
      auto& texts = typed[option.string_key];
      if (option.value.empty()) texts.emplace_back();
      texts.insert(texts.end(), option.value.begin(), option.value.end());
    }
  } catch (const po::unknown_option& error) {
    unknown(error.get_option_name());
  } catch (const po::invalid_command_line_syntax& error) {
    const auto name = error.get_option_name();
    switch (error.kind()) {
      case po::invalid_syntax::extra_parameter:
        fail_usage("{} is a switch and takes no value", name);
      default:
        fail_usage("{} needs a value; --help says which", name);
    }
  } catch (const po::too_many_positional_options_error&) {
    fail_usage(
        "too many arguments; --help shows what is expected (a value with spaces needs "
        "quotes)");
  } catch (const po::error& error) {
    fail_usage("{}", error.what());
  }

  for (auto& [name, texts] : typed) {
    auto& option = find(name);
    for (const auto& text : texts) {
      if (!option.is_flag_ && text.starts_with("--") && has(text.substr(2))) {
        fail_usage("{} needs a value, and '{}' is an option", option.shown_name(), text);
      }
    }
    option.assign(texts);
    option.given_ = option.typed_ = true;
  }
}

void OptionTable::read_config(const std::filesystem::path& path, const std::string& command,
                              const std::vector<std::string>& commands) {
  struct Found {
    std::vector<std::string> texts;
    int line;
  };
  std::map<std::string, Found> found;
  for (auto& entry : read_ini(path)) {
    if (!entry.section.empty() && entry.section != command) {
      if (std::find(commands.begin(), commands.end(), entry.section) != commands.end()) continue;
      const auto near = nearest_word(entry.section, commands);
      fail_usage("{}:{}: section [{}] is no command{}; commands: {}", path.string(), entry.line,
                 entry.section, near.empty() ? "" : fmt::format("; did you mean [{}]?", near),
                 fmt::join(commands, ", "));
    }
    if (!has(entry.key) || !find(entry.key).in_config_) {
      const auto near = nearest_word(entry.key, names());
      fail_usage("{}:{}: '{}' is no option of {}{}; {} --help lists every option", path.string(),
                 entry.line, entry.key, command,
                 near.empty() ? "" : fmt::format("; did you mean '{}'?", near), command);
    }
    auto& same = found[entry.key];
    same.line = entry.line;
    same.texts.push_back(std::move(entry.value));
  }
  for (auto& [name, values] : found) {
    auto& option = find(name);
    if (option.given_) continue;  // the command line wins
    try {
      option.assign(values.texts);
    } catch (const Error& error) {
      fail_usage("{}:{}: {}", path.string(), values.line, error.what());
    }
    option.given_ = true;
  }
}

void OptionTable::check_required(const std::string& usage) const {
  for (const auto& option : options_) {
    if (option->is_required_ && !option->given_) {
      fail_usage("{} is missing; usage: {}", option->shown_name(), usage);
    }
  }
}

std::string OptionTable::help() const {
  po::options_description all("", kHelpWidth, kHelpWidth / 2);  // one column width for all groups
  for (const auto& group : groups_) {
    if (group.options.empty()) continue;
    po::options_description description(group.title, kHelpWidth, kHelpWidth / 2);
    for (const auto* option : group.options) {
      auto help = option->help_;
      if (option->is_flag_) {
        description.add_options()(option->name().c_str(), help.c_str());
        continue;
      }
      const auto allowed = option->allowed_briefly();
      if (!allowed.empty()) help += " [" + allowed + "]";
      if (option->is_required_) help += " (required)";
      auto* value = po::value<std::string>()->value_name(option->value_name_);
      const auto now = option->shown_texts();
      if (!now.empty()) value->default_value(fmt::format("{}", fmt::join(now, " ")));
      description.add_options()(option->name().c_str(), value, help.c_str());
    }
    all.add(description);
  }
  std::stringstream laid_out;
  laid_out << all;
  std::string text, line;
  while (std::getline(laid_out, line)) {  // Boost leaves spaces at ends and a first empty line
    line.resize(line.find_last_not_of(' ') + 1);
    if (!text.empty() || !line.empty()) text += line + '\n';
  }
  return text;
}

std::string OptionTable::dump(const std::string& command) const {
  std::string text = fmt::format("[{}]\n", command);
  for (const auto& group : groups_) {
    bool titled = false;
    for (const auto* option : group.options) {
      if (!option->in_config_) continue;
      if (!titled) text += fmt::format("\n# {}\n", group.title);
      titled = true;
      const auto values = option->shown_texts();
      if (values.empty()) text += fmt::format("# {} =\n", option->name());
      for (const auto& value : values) {
        text += fmt::format("{} = {}\n", option->name(), ini_quoted(value));
      }
    }
  }
  return text;
}

std::vector<std::pair<std::string, std::string>> OptionTable::values() const {
  std::vector<std::pair<std::string, std::string>> values;
  for (const auto& option : options_) {
    if (!option->in_config_) continue;
    values.emplace_back(option->name(), fmt::format("{}", fmt::join(option->shown_texts(), ",")));
  }
  return values;
}

}  // namespace halorec
