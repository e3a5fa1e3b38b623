// Partition files: owners of users and items, and the key of what was cut.
#include "comm/check.hpp"
#include "comm/hdf5_file.hpp"
#include "partition/partitioner.hpp"

namespace halorec {

std::string cut_key(std::string_view dataset_hash, std::string_view graph_part,
                    const CutOptions& options) {
  std::string key = fmt::format("{} {} parts={} method={}", dataset_hash, graph_part,
                                options.num_parts, cut_method_name(options.method));
  if (options.order_rows) key += fmt::format(" rows=clusters seed={}", options.seed);
  if (options.method == CutMethod::metis || options.method == CutMethod::cluster) {
    key += fmt::format(" balance={} seed={}", balance_name(options.balance), options.seed);
  }
  return key;
}

void save_owners(const Owners& owners, std::string_view key, std::string_view dataset_hash,
                 const std::filesystem::path& path) {
  Hdf5File file = Hdf5File::create(path);
  file.set_attribute("format", std::string("halorec partition"));
  file.set_attribute("key", std::string(key));
  file.set_attribute("dataset_hash", std::string(dataset_hash));
  file.set_attribute("num_parts", std::int64_t{owners.num_parts});
  file.write("users/owner", owners.user);
  file.write("items/owner", owners.item);
  if (!owners.order.user.empty()) file.write("users/row_order", owners.order.user);
  if (!owners.order.item.empty()) file.write("items/row_order", owners.order.item);
  file.commit();
}

namespace {

bool is_permutation(const std::vector<std::uint32_t>& places, std::size_t size) {
  std::vector<bool> is_taken(size, false);
  for (const std::uint32_t place : places) {
    if (place >= size || is_taken[place]) return false;
    is_taken[place] = true;
  }
  return places.size() == size;
}

}  // namespace

Owners load_owners(const std::filesystem::path& path, std::string_view dataset_hash,
                   std::string* key) {
  const Hdf5File file = Hdf5File::open(path, "partition");
  if (!file.has_attribute("format") || file.text_attribute("format") != "halorec partition") {
    fail("{} is not a partition file; make one with: halorec partition DATA --parts K --out {}",
         path.string(), path.string());
  }
  if (file.text_attribute("dataset_hash") != dataset_hash) {
    fail(
        "partition {} was cut from another dataset (content hash {}, this one has {}); cut again "
        "with: halorec partition DATA --parts K --out {}",
        path.string(), file.text_attribute("dataset_hash"), dataset_hash, path.string());
  }
  Owners owners;
  owners.num_parts = static_cast<int>(file.int_attribute("num_parts"));
  owners.user = file.read<std::int32_t>("users/owner");
  owners.item = file.read<std::int32_t>("items/owner");
  for (const auto* side : {&owners.user, &owners.item}) {
    for (const std::int32_t part : *side) {
      if (part < 0 || part >= owners.num_parts) {
        fail("partition {} names part {} of {}; cut again", path.string(), part, owners.num_parts);
      }
    }
  }
  const auto read_order = [&](const char* name, std::size_t num_nodes) {
    std::vector<std::uint32_t> order;
    if (!file.has(name)) return order;
    order = file.read<std::uint32_t>(name);
    if (!is_permutation(order, num_nodes)) {
      fail("partition {}: {} is no order of {} nodes; cut again", path.string(), name, num_nodes);
    }
    return order;
  };
  owners.order.user = read_order("users/row_order", owners.user.size());
  owners.order.item = read_order("items/row_order", owners.item.size());
  if (key != nullptr) *key = file.text_attribute("key");
  return owners;
}

}  // namespace halorec
