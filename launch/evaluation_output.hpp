// The figures of a split as evaluate shows them: a JSON line's members, a table, a line a user.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>

#include "engine/evaluation.hpp"
#include "launch/output_file.hpp"
#include "partition/string_table.hpp"

namespace halorec {

// Every figure by name, and the counts behind them.
void add_figures(nlohmann::ordered_json& line, const Evaluation& figures);

// For people. Where there are cold items or users, also what becomes of each kind. `ranks_cold`:
// whether cold items may stand in the lists.
std::string figures_table(const Evaluation& figures, bool ranks_cold);

// One line for each user: id, held-out items, 1 when cold, each metric at each k; then the cold
// ones among the held-out items, and the metrics of the warm and of the cold ones alone (empty
// where there are none). On the root.
class UserFile {
 public:
  UserFile(const std::filesystem::path& path, StringTable ids, std::span<const std::int64_t> ks);

  void add(const UserFigures& figures);
  void commit() { file_.commit(); }

 private:
  OutputFile file_;
  StringTable ids_;
  std::size_t num_columns_;  // of each kind of held-out item
};

}  // namespace halorec
