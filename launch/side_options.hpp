// The training options --relations, --attribute-nodes and --features, and what they name in a
// dataset.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/embedding_scorer.hpp"
#include "engine/model.hpp"
#include "launch/training_options.hpp"

namespace halorec {

void declare_side_options(OptionTable& options, TrainingArguments& arguments);

struct NamedRelation {
  std::string name;
  double weight = 1;
};
// "trust:0.5,item:co-occurrence" as names and weights (1 where none is given), given to `option`.
// Error (exit status 2) on a weight that is none, or a name that comes twice.
std::vector<NamedRelation> parse_relations(std::string_view text,
                                           std::string_view option = "--relations");

// Whether --relations, --attribute-nodes or --features name anything.
bool has_side_inputs(const TrainingArguments& arguments);
// Whether these or --map-features give rows to nodes without interactions.
bool knows_cold_nodes(const TrainingArguments& arguments);
// Reads what they name for the nodes of the shard; links age as TrainingGraphs says. Error on every
// rank when the dataset has no such thing; it lists what there is. Collective.
SideInputs read_side_inputs(const TrainingArguments& arguments, const Shard& shard,
                            const DatasetFile& dataset, const std::optional<Ageing>& ageing);
// The same from the file's heads alone, before anything is cut. Not collective.
void check_side_inputs(const TrainingArguments& arguments, const DatasetFile& dataset);
// Which rows of nodes without interactions say something with these inputs.
ColdRows cold_rows(const SideInputs& side);

}  // namespace halorec
