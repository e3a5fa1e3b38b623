// The rows of attribute values that are nodes: for each attribute a replicated table of its own.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "engine/model.hpp"

namespace halorec {

template <typename T>
class AttributeNodes {
 public:
  explicit AttributeNodes(const ModelOptions& options) {
    if (options.side == nullptr) return;
    for (const AttributeRelation& relation : options.side->attributes) {
      relations_.push_back(&relation);
      tables_.emplace_back("attribute" + std::to_string(tables_.size()), true,
                           relation.num_values(), options.dim);
      initialise_normal(options.seed, options.initial_deviation, tables_.back());
    }
  }

  std::size_t size() const { return relations_.size(); }
  const AttributeRelation& relation(std::size_t k) const { return *relations_[k]; }
  void add_parameters(std::vector<Parameter<T>*>& to) {
    for (Parameter<T>& table : tables_) to.push_back(&table);
  }
  // Of each attribute [num_values x dim], before any layer.
  std::vector<Variable<T>*> rows(Tape<T>& tape) {
    std::vector<Variable<T>*> rows;
    for (Parameter<T>& table : tables_) rows.push_back(&on_tape(tape, table));
    return rows;
  }

 private:
  std::vector<const AttributeRelation*> relations_;
  std::deque<Parameter<T>> tables_;
};

}  // namespace halorec
