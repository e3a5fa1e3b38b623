#include "launch/ini.hpp"

#include <fstream>

#include "comm/check.hpp"
#include "partition/readers/id_table.hpp"

namespace halorec {
namespace {

constexpr std::string_view kSpace = " \t\r";

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::string unquoted(std::string_view text, std::string_view path, int line) {
  std::string value;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      if (i + 1 != text.size()) break;
      return value;
    }
    if (text[i] != '\\') {
      value += text[i];
      continue;
    }
    if (++i == text.size()) break;
    switch (text[i]) {
      case 'n':
        value += '\n';
        break;
      case 't':
        value += '\t';
        break;
      case 'r':
        value += '\r';
        break;
      case '"':
      case '\\':
        value += text[i];
        break;
      default:
        fail_usage("{}:{}: unknown escape '\\{}' in a quoted value; allowed: \\\" \\\\ \\n \\t \\r",
                   path, line, text[i]);
    }
  }
  fail_usage("{}:{}: a quoted value has to end with its closing '\"'", path, line);
}

}  // namespace

std::vector<IniEntry> read_ini(const std::filesystem::path& path) {
  std::ifstream file(path);
  if (!file || std::filesystem::is_directory(path)) {
    fail_usage("cannot read the configuration file '{}'; --dump-config prints one to start from",
               path.string());
  }
  std::vector<IniEntry> entries;
  std::string section, text;
  for (int line = 1; std::getline(file, text); ++line) {
    if (line == 1 && text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);  // byte order mark
    const auto content = trimmed(text);
    if (content.empty() || content.front() == '#' || content.front() == ';') continue;
    if (content.front() == '[') {
      if (content.back() != ']') {
        fail_usage("{}:{}: a section has to be written [command]", path.string(), line);
      }
      section = trimmed(content.substr(1, content.size() - 2));
      continue;
    }
    const auto equals = content.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      fail_usage("{}:{}: expected 'option = value', found {}", path.string(), line, shown(content));
    }
    const auto raw = trimmed(content.substr(equals + 1));
    entries.push_back({section, std::string(trimmed(content.substr(0, equals))),
                       raw.starts_with('"') ? unquoted(raw, path.string(), line) : std::string(raw),
                       line});
  }
  return entries;
}

std::string ini_quoted(std::string_view value) {
  const bool plain = !value.empty() && value == trimmed(value) && value.front() != '"' &&
                     value.find_first_of("\n\r\t") == std::string_view::npos;
  if (plain) return std::string(value);
  std::string quoted = "\"";
  for (const char c : value) {
    switch (c) {
      case '\n':
        quoted += "\\n";
        break;
      case '\t':
        quoted += "\\t";
        break;
      case '\r':
        quoted += "\\r";
        break;
      case '"':
        quoted += "\\\"";
        break;
      case '\\':
        quoted += "\\\\";
        break;
      default:
        quoted += c;
    }
  }
  return quoted + '"';
}

}  // namespace halorec
