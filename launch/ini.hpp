// Configuration files: `key = value` lines under optional [command] sections.
//
// Boost.Program_options' own reader cuts values at '#' and knows no line numbers; this one keeps
// every value and says file:line. Keys before the first section are for any command; those of
// another command's section are skipped, so that one file can serve import, train and recommend.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace halorec {

struct IniEntry {
  std::string section;  // "" before the first [section]
  std::string key;
  std::string value;
  int line = 0;
};

// All entries in file order. Error (exit status 2, file:line) when the file is missing or a line
// is neither empty, a comment (# or ; at its start), a [section] nor key = value.
std::vector<IniEntry> read_ini(const std::filesystem::path& path);

// `value` as read_ini reads it back: in double quotes, with \" \\ \n \t \r escaped, when it has to.
std::string ini_quoted(std::string_view value);

}  // namespace halorec
