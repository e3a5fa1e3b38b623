// Side information written into a dataset file, and its share of the content hash.
#include <nlohmann/json.hpp>

#include "comm/hdf5_file.hpp"
#include "partition/dataset_arrays.hpp"
#include "partition/dataset_hash.hpp"
#include "partition/side/side_info_file.hpp"

namespace halorec {
namespace {

using Json = nlohmann::ordered_json;

Json head(SideType type, NodeKind kind, const std::string& name) {
  return {{"type", side_type_name(type)}, {"kind", kind_name(kind)}, {"name", name}};
}

// What a column is, for the root attribute and for the content hash.
Json describe(const AttributeColumn& c) {
  return head(SideType::attribute, c.kind, c.name);
}
Json describe(const NumberColumn& c) {
  return head(SideType::number, c.kind, c.name);
}
Json describe(const TextColumn& c) {
  Json json = head(SideType::text, c.kind, c.name);
  json["buckets"] = c.buckets;
  return json;
}
Json describe(const VectorColumn& c) {
  Json json = head(SideType::vector, c.kind, c.name);
  json["dim"] = c.dim;
  return json;
}
Json describe(const LinkTable& c) {
  Json json = head(SideType::link, c.kind, c.name);
  json["directed"] = c.directed;
  // Only then, so that hashes of other links stay.
  if (c.crosses) json["crosses"] = true;
  if (!c.time.empty()) json["times"] = true;
  return json;
}

// Calls visit(name, array) for each array of a column, in the order in which they are hashed.
template <typename Visit>
void for_each_array(const AttributeColumn& c, const Visit& visit) {
  visit("value_name", c.values);
  visit("begin", c.begin);
  visit("value", c.value);
}
template <typename Visit>
void for_each_array(const NumberColumn& c, const Visit& visit) {
  visit("value", c.value);
}
template <typename Visit>
void for_each_array(const TextColumn& c, const Visit& visit) {
  visit("begin", c.begin);
  visit("feature", c.feature);
  visit("count", c.count);
}
template <typename Visit>
void for_each_array(const VectorColumn& c, const Visit& visit) {
  visit("known", c.known);
  visit("value", c.value);
}
template <typename Visit>
void for_each_array(const LinkTable& c, const Visit& visit) {
  visit("begin", c.begin);
  visit("target", c.target);
  visit("weight", c.weight);
  if (!c.time.empty()) visit("time", c.time);
}

// Vectors are a matrix, all else is one-dimensional.
template <typename Column, typename T>
std::vector<std::uint64_t> shape_of(const Column& column, const std::vector<T>& array) {
  if constexpr (std::is_same_v<Column, VectorColumn> && std::is_same_v<T, float>) {
    return {column.known.size(), column.dim};
  } else {
    return {array.size()};
  }
}

}  // namespace

void write_side_info(Hdf5File& file, const SideInfo& side) {
  Json list = Json::array();
  for_each_column(side, [&](const auto& column) {
    const std::string folder = side_folder(list.size());
    list.push_back(describe(column));
    for_each_array(column, [&]<typename Array>(const char* name, const Array& array) {
      if constexpr (std::is_same_v<Array, StringTable>) {
        write_table(file, folder + name, array);
      } else {
        file.write(folder + name, array, shape_of(column, array));
      }
    });
  });
  file.set_attribute("side_info", list.dump());
}

void hash_side_info(ContentHash& hash, const SideInfo& side) {
  for_each_column(side, [&](const auto& column) {
    hash.add("side", std::string_view(describe(column).dump()));
    for_each_array(column, [&](const char* name, const auto& array) { hash.add(name, array); });
  });
}

}  // namespace halorec
