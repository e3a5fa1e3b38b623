// The models by name. A new model is one file beside this one and one line in registry.cpp.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/model.hpp"

namespace halorec {

// Names of the models that are trained, in the order of help.
std::vector<std::string> trained_model_names();
bool is_trained_model(std::string_view name);

// T: float, double. Error when the name is none of the above.
template <typename T>
std::unique_ptr<Model<T>> make_model(std::string_view name, const Shard& shard,
                                     const ModelOptions& options);

}  // namespace halorec
