// The options of a command: typed, bound to variables, checked, grouped for --help.
//
// An option is bound to a variable whose value at declaration is the default:
//     options.group("Training");
//     options.add("dim", args.dim, "numbers in an embedding").range(1, 4096);
//     options.add("loss", args.loss, "what training lowers").choices({"bpr", "softmax"});
//     options.add("batch", args.batch, "edges in a step").or_word("auto").at_least(1);
//     options.add("k", args.k, "lengths of lists").value_name("K,K").at_least(1);
// Types: bool (a flag), int, (u)int32/64, double, std::string, std::filesystem::path, and of each
// but bool std::optional (unset, or the word of or_word) and std::vector (a comma list, where an
// entry with a comma stands in double quotes as in CSV).
// Boost.Program_options splits the command line and lays the help out; values are parsed here,
// because lexical_cast takes -1 for an unsigned number and nan for a number.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace halorec {

// One option; what does not depend on its type.
class Option {
 public:
  virtual ~Option() = default;
  Option(const Option&) = delete;
  Option& operator=(const Option&) = delete;

  const std::string& name() const { return name_; }
  // "--dim", or "DATA" for an argument that stands without its name.
  std::string shown_name() const;
  // Its value was typed by the caller or stands in the --config file.
  bool given() const { return given_; }
  // The same, but from a file does not count.
  bool typed() const { return typed_; }

  // Parses and checks; throws Error (exit status 2) that names the option and what it allows.
  virtual void assign(const std::vector<std::string>& texts) = 0;
  // The value now, as assign reads it back; empty when unset.
  virtual std::vector<std::string> texts() const = 0;
  // What it allows ("whole number from 1 to 4096", "bpr, softmax"); "" for free text.
  virtual std::string allowed() const = 0;
  // The same for a column of --help ("1 .. 4096", ">= 1", "bpr, softmax").
  virtual std::string allowed_briefly() const = 0;

 protected:
  Option(std::string name, std::string help) : name_(std::move(name)), help_(std::move(help)) {}

  std::string name_, help_, value_name_;
  bool is_flag_ = false;
  bool is_list_ = false;
  bool is_required_ = false;
  int num_positions_ = 0;  // 0: by name alone; -1: any number of arguments
  bool in_config_ = true;  // --config, --help and --dump-config stand in no file
  bool given_ = false;
  bool typed_ = false;

  // texts(), but empty for a required option that was not given: its variable means nothing yet.
  std::vector<std::string> shown_texts() const;

  friend class OptionTable;
};

// E: the type of one value.
template <typename E>
class ValueOption final : public Option {
 public:
  using Variable = std::variant<E*, std::optional<E>*, std::vector<E>*>;
  ValueOption(std::string name, Variable variable, std::string help);

  // Both ends allowed. For numbers.
  ValueOption& range(E smallest, E largest);
  ValueOption& at_least(E smallest);
  // Greater than `limit` (double: rates, temperatures).
  ValueOption& above(E limit);
  ValueOption& choices(std::vector<E> values);
  // For std::optional: this word leaves the variable unset, and is shown as its default.
  ValueOption& or_word(std::string word);
  // For std::vector: each occurrence is one value, commas belong to it.
  ValueOption& repeatable();
  ValueOption& value_name(const std::string& shown);
  ValueOption& required();
  // Also taken from the arguments without a name, in order of declaration; a vector takes all.
  ValueOption& positional();

  void assign(const std::vector<std::string>& texts) override;
  std::vector<std::string> texts() const override;
  std::string allowed() const override;
  std::string allowed_briefly() const override;

 private:
  E parse(const std::string& text) const;
  void check(const E& value, const std::string& text) const;

  Variable variable_;
  std::optional<E> smallest_, largest_, above_;
  std::vector<E> choices_;
  std::string word_;
  bool splits_commas_ = true;
};

class FlagOption final : public Option {
 public:
  FlagOption(std::string name, bool& variable, std::string help);
  void assign(const std::vector<std::string>& texts) override;
  std::vector<std::string> texts() const override;
  std::string allowed() const override { return "true, false"; }
  std::string allowed_briefly() const override { return ""; }

 private:
  bool& variable_;
};

class OptionTable {
 public:
  // Options added from here on stand under this title in --help.
  void group(std::string title);

  // The variable must outlive the table.
  FlagOption& add(const std::string& name, bool& variable, std::string help);
  template <typename E>
  ValueOption<E>& add(const std::string& name, E& variable, std::string help) {
    return insert<E>(name, &variable, std::move(help));
  }
  template <typename E>
  ValueOption<E>& add(const std::string& name, std::optional<E>& variable, std::string help) {
    return insert<E>(name, &variable, std::move(help));
  }
  template <typename E>
  ValueOption<E>& add(const std::string& name, std::vector<E>& variable, std::string help) {
    return insert<E>(name, &variable, std::move(help));
  }
  // Keeps an option out of configuration files (--help, --config).
  void keep_out_of_config(const std::string& name);

  // Assigns from the arguments after the command's name. Error (exit status 2) when something is
  // unknown, misspelt (nearest spelling named), repeated, without its value, or not allowed.
  void parse(const std::vector<std::string>& arguments);
  // Assigns from the file whatever the command line left open; sections of other `commands` are
  // skipped. Error with file:line.
  void read_config(const std::filesystem::path& path, const std::string& command,
                   const std::vector<std::string>& commands);
  // Error when a required option was not given. `usage` is quoted in it.
  void check_required(const std::string& usage) const;

  // The options by group, with defaults and allowed values.
  std::string help() const;
  // An ini that read_config turns into the same values.
  std::string dump(const std::string& command) const;

  bool given(const std::string& name) const { return find(name).given(); }
  bool typed(const std::string& name) const { return find(name).typed(); }
  Option& find(const std::string& name);
  const Option& find(const std::string& name) const;
  bool has(const std::string& name) const;
  // Every option that may stand in a file, with its value as text (lists joined by commas, "" when
  // unset), in order of declaration.
  std::vector<std::pair<std::string, std::string>> values() const;

 private:
  template <typename E>
  ValueOption<E>& insert(const std::string& name, typename ValueOption<E>::Variable variable,
                         std::string help) {
    auto option = std::make_unique<ValueOption<E>>(name, variable, std::move(help));
    auto& result = *option;
    append(std::move(option));
    return result;
  }
  void append(std::unique_ptr<Option> option);
  std::vector<std::string> names() const;

  struct Group {
    std::string title;
    std::vector<Option*> options;
  };
  std::vector<Group> groups_;
  std::vector<std::unique_ptr<Option>> options_;
};

extern template class ValueOption<std::int32_t>;
extern template class ValueOption<std::uint32_t>;
extern template class ValueOption<std::int64_t>;
extern template class ValueOption<std::uint64_t>;
extern template class ValueOption<double>;
extern template class ValueOption<std::string>;
extern template class ValueOption<std::filesystem::path>;

}  // namespace halorec
