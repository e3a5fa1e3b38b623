// Values: parsing, checking, printing. The table of options is in option_table.cpp.
#include "launch/options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <span>
#include <type_traits>

#include "comm/check.hpp"
#include "launch/comma_list.hpp"
#include "launch/spelling.hpp"

namespace halorec {
namespace {

template <typename E>
std::string text_of(const E& value) {
  if constexpr (std::is_same_v<E, std::filesystem::path>) {
    return value.string();
  } else {
    return fmt::format("{}", value);
  }
}

template <typename E>
bool is_empty_text(const E& value) {
  if constexpr (std::is_arithmetic_v<E>) {
    return false;
  } else {
    return value.empty();
  }
}

template <typename E>
constexpr std::string_view number_word() {
  return std::is_floating_point_v<E> ? "number" : "whole number";
}

}  // namespace

std::string Option::shown_name() const {
  return num_positions_ != 0 && !value_name_.empty() ? value_name_ : "--" + name_;
}

std::vector<std::string> Option::shown_texts() const {
  return is_required_ && !given_ ? std::vector<std::string>() : texts();
}

template <typename E>
ValueOption<E>::ValueOption(std::string name, Variable variable, std::string help)
    : Option(std::move(name), std::move(help)), variable_(variable) {
  is_list_ = std::holds_alternative<std::vector<E>*>(variable_);
  value_name_ = std::is_same_v<E, std::filesystem::path> ? "FILE"
                : std::is_same_v<E, std::string>         ? "TEXT"
                : std::is_floating_point_v<E>            ? "X"
                                                         : "N";
}

template <typename E>
ValueOption<E>& ValueOption<E>::range(E smallest, E largest) {
  smallest_ = smallest;
  largest_ = largest;
  return *this;
}

template <typename E>
ValueOption<E>& ValueOption<E>::at_least(E smallest) {
  smallest_ = smallest;
  return *this;
}

template <typename E>
ValueOption<E>& ValueOption<E>::above(E limit) {
  above_ = limit;
  return *this;
}

template <typename E>
ValueOption<E>& ValueOption<E>::choices(std::vector<E> values) {
  choices_ = std::move(values);
  if (value_name_ == "TEXT") value_name_ = "NAME";
  return *this;
}

template <typename E>
ValueOption<E>& ValueOption<E>::or_word(std::string word) {
  HALOREC_ASSERT_LIGHT(std::holds_alternative<std::optional<E>*>(variable_));
  word_ = std::move(word);
  value_name_ += "|" + word_;
  return *this;
}

template <typename E>
ValueOption<E>& ValueOption<E>::repeatable() {
  HALOREC_ASSERT_LIGHT(is_list_);
  splits_commas_ = false;
  return *this;
}

template <typename E>
ValueOption<E>& ValueOption<E>::value_name(const std::string& shown) {
  value_name_ = shown;
  return *this;
}

template <typename E>
ValueOption<E>& ValueOption<E>::required() {
  is_required_ = true;
  return *this;
}

template <typename E>
ValueOption<E>& ValueOption<E>::positional() {
  num_positions_ = is_list_ ? -1 : 1;
  if (is_list_) splits_commas_ = false;
  return *this;
}

template <typename E>
std::string ValueOption<E>::allowed() const {
  std::string text;
  if (!choices_.empty()) {
    for (const auto& choice : choices_) text += (text.empty() ? "" : ", ") + text_of(choice);
  } else if constexpr (std::is_arithmetic_v<E>) {
    text = number_word<E>();
    const bool unsigned_type = std::is_unsigned_v<E>;
    if (smallest_ && largest_) {
      text += fmt::format(" from {} to {}", *smallest_, *largest_);
    } else if (above_ && largest_) {
      text += fmt::format(" above {}, at most {}", *above_, *largest_);
    } else if (smallest_ || unsigned_type) {
      text += fmt::format(" of at least {}", smallest_.value_or(E{0}));
    } else if (above_) {
      text += fmt::format(" above {}", *above_);
    } else if (largest_) {
      text += fmt::format(" of at most {}", *largest_);
    }
  }
  if (!word_.empty()) text += (text.empty() ? "" : ", or ") + word_;
  return text;
}

template <typename E>
std::string ValueOption<E>::allowed_briefly() const {
  if (!choices_.empty()) return allowed();
  std::string text;
  if constexpr (std::is_arithmetic_v<E>) {
    if (smallest_ && largest_) {
      text = fmt::format("{} .. {}", *smallest_, *largest_);
    } else if (smallest_) {
      text = fmt::format(">= {}", *smallest_);
    } else if (above_) {
      text = fmt::format("> {}", *above_);
    }
    if (largest_ && !smallest_) text += fmt::format("{}<= {}", above_ ? ", " : "", *largest_);
  }
  return text;
}

template <typename E>
void ValueOption<E>::check(const E& value, const std::string& text) const {
  if (!choices_.empty() && std::find(choices_.begin(), choices_.end(), value) == choices_.end()) {
    std::vector<std::string> words;
    for (const auto& choice : choices_) words.push_back(text_of(choice));
    if (!word_.empty()) words.push_back(word_);
    const auto near = nearest_word(text, words);
    fail_usage("{} does not know '{}'{}; allowed: {}", shown_name(), text,
               near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near),
               fmt::join(words, ", "));
  }
  if constexpr (std::is_arithmetic_v<E>) {
    if ((smallest_ && value < *smallest_) || (largest_ && value > *largest_) ||
        (above_ && !(value > *above_))) {
      fail_usage("{} takes a {}, not {}", shown_name(), allowed(), text);
    }
  }
}

template <typename E>
E ValueOption<E>::parse(const std::string& text) const {
  if constexpr (std::is_arithmetic_v<E>) {
    const char* begin = text.data();
    const char* end = begin + text.size();
    if (end - begin > 1 && *begin == '+' && begin[1] != '-') ++begin;
    E value{};
    const auto [stop, code] = std::from_chars(begin, end, value);
    bool good = code == std::errc() && stop == end;
    if constexpr (std::is_floating_point_v<E>) good = good && std::isfinite(value);
    if (!good) {
      const bool too_large = code == std::errc::result_out_of_range && stop == end;
      fail_usage("{} takes a {}, not '{}'{}", shown_name(), allowed(), text,
                 too_large ? fmt::format(" (beyond {} .. {})", std::numeric_limits<E>::lowest(),
                                         std::numeric_limits<E>::max())
                           : "");
    }
    return value;
  } else {
    if (text.empty()) fail_usage("{} must not be empty", shown_name());
    if (text.find('\0') != std::string::npos) fail_usage("{} contains a NUL byte", shown_name());
    return E(text);
  }
}

template <typename E>
void ValueOption<E>::assign(const std::vector<std::string>& texts) {
  if (!is_list_) {
    if (texts.size() != 1) fail_usage("{} is given more than once", shown_name());
    if (!word_.empty() && texts.front() == word_) {
      std::get<std::optional<E>*>(variable_)->reset();
      return;
    }
    E value = parse(texts.front());
    check(value, texts.front());
    if (auto** plain = std::get_if<E*>(&variable_)) {
      **plain = std::move(value);
    } else {
      *std::get<std::optional<E>*>(variable_) = std::move(value);
    }
    return;
  }
  std::vector<E> values;
  const auto take = [&](const std::string& text) {
    E value = parse(text);
    check(value, text);
    values.push_back(std::move(value));
  };
  for (const auto& text : texts) {
    if (!splits_commas_) {
      take(text);
      continue;
    }
    for (const auto& entry : split_commas(text, shown_name())) take(entry);
  }
  *std::get<std::vector<E>*>(variable_) = std::move(values);
}

template <typename E>
std::vector<std::string> ValueOption<E>::texts() const {
  std::vector<std::string> texts;
  if (auto* const* plain = std::get_if<E*>(&variable_)) {
    if (!is_empty_text(**plain)) texts.push_back(text_of(**plain));
  } else if (auto* const* maybe = std::get_if<std::optional<E>*>(&variable_)) {
    if ((*maybe)->has_value()) {
      texts.push_back(text_of(***maybe));
    } else if (!word_.empty()) {
      texts.push_back(word_);
    }
  } else {
    for (const auto& value : *std::get<std::vector<E>*>(variable_)) texts.push_back(text_of(value));
    if (splits_commas_ && !texts.empty()) {
      for (auto& text : texts) text = comma_entry(text);
      texts = {fmt::format("{}", fmt::join(texts, ","))};
    }
  }
  return texts;
}

FlagOption::FlagOption(std::string name, bool& variable, std::string help)
    : Option(std::move(name), std::move(help)), variable_(variable) {
  is_flag_ = true;
}

void FlagOption::assign(const std::vector<std::string>& texts) {
  // On the command line a flag has no value; in a file it is true or false.
  const auto& text = texts.back();
  if (!text.empty() && text != "true" && text != "false") {
    fail_usage("{} takes true or false in a file, not '{}'", shown_name(), text);
  }
  variable_ = text != "false";
}

std::vector<std::string> FlagOption::texts() const {
  return {variable_ ? "true" : "false"};
}

template class ValueOption<std::int32_t>;
template class ValueOption<std::uint32_t>;
template class ValueOption<std::int64_t>;
template class ValueOption<std::uint64_t>;
template class ValueOption<double>;
template class ValueOption<std::string>;
template class ValueOption<std::filesystem::path>;

}  // namespace halorec
