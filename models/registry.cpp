#include "models/registry.hpp"

#include <algorithm>

#include "models/lightgcn.hpp"
#include "models/matrix_factorization.hpp"

namespace halorec {

std::vector<std::string> trained_model_names() {
  return {"lightgcn", "mf"};
}

bool is_trained_model(std::string_view name) {
  const auto names = trained_model_names();
  return std::find(names.begin(), names.end(), name) != names.end();
}

template <typename T>
std::unique_ptr<Model<T>> make_model(std::string_view name, const Shard& shard,
                                     const ModelOptions& options) {
  if (name == "lightgcn") return std::make_unique<LightGcn<T>>(shard, options);
  if (name == "mf") return std::make_unique<MatrixFactorization<T>>(shard, options);
  fail_usage("--model '{}' is not trained; allowed: lightgcn, mf", name);
}

template std::unique_ptr<Model<float>> make_model<float>(std::string_view, const Shard&,
                                                         const ModelOptions&);
template std::unique_ptr<Model<double>> make_model<double>(std::string_view, const Shard&,
                                                           const ModelOptions&);

}  // namespace halorec
