#include "launch/comma_list.hpp"

#include <algorithm>

#include "comm/check.hpp"

namespace halorec {
namespace {

// The entry that begins at text[begin], a quote; `begin` moves behind the closing one.
std::string quoted_entry(std::string_view text, std::size_t& begin, std::string_view option) {
  std::string entry;
  for (++begin;; ++begin) {
    const auto quote = text.find('"', begin);
    if (quote == std::string_view::npos) {
      fail_usage("{} '{}' has a quote that is not closed", option, text);
    }
    entry += text.substr(begin, quote - begin);
    begin = quote + 1;
    if (begin == text.size() || text[begin] == ',') return entry;
    if (text[begin] != '"') {
      fail_usage("{} '{}' goes on after a closing quote; a quote inside quotes is written twice",
                 option, text);
    }
    entry += '"';
  }
}

}  // namespace

std::vector<std::string> split_commas(std::string_view text, std::string_view option) {
  std::vector<std::string> entries;
  for (std::size_t begin = 0; begin <= text.size(); ++begin) {  // over the comma
    begin = std::min(text.find_first_not_of(' ', begin), text.size());
    std::string entry;
    if (text.substr(begin).starts_with('"')) {
      entry = quoted_entry(text, begin, option);
    } else {
      const auto comma = std::min(text.find(',', begin), text.size());
      entry = text.substr(begin, comma - begin);
      begin = comma;
      entry.erase(entry.find_last_not_of(' ') + 1);
    }
    if (entry.empty()) {
      fail_usage("{} '{}' has an empty entry; write values with single commas between", option,
                 text);
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::string comma_entry(const std::string& entry) {
  const bool edge_space = entry.starts_with(' ') || entry.ends_with(' ');
  if (!edge_space && entry.find(',') == std::string::npos && !entry.starts_with('"')) return entry;
  std::string quoted = "\"";
  for (const char c : entry) quoted.append(c == '"' ? 2 : 1, c);
  return quoted + '"';
}

}  // namespace halorec
