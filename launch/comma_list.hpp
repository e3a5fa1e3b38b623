// Lists in one argument: a,b,c. As in CSV, an entry in double quotes may hold commas, and holds a
// quote as two: "a,b","say ""so""".
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace halorec {

// Error (status 2) that names the option when an entry is empty or a quote is not closed.
std::vector<std::string> split_commas(std::string_view text, std::string_view option);
// An entry as split_commas reads it back.
std::string comma_entry(const std::string& entry);

}  // namespace halorec
