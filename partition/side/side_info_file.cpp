#include "partition/side/side_info_file.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "comm/check.hpp"
#include "partition/dataset_arrays.hpp"

namespace halorec {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 5> kTypeNames = {"attribute", "number", "text", "vector",
                                                        "link"};

// Entries of each node strictly ascending and below `bound`.
void check_lists(const std::vector<std::uint64_t>& begin, const std::vector<std::uint32_t>& entry,
                 std::uint64_t bound, const std::string& name, const std::filesystem::path& path) {
  for (std::size_t k = 0; k + 1 < begin.size(); ++k) {
    for (std::uint64_t e = begin[k]; e < begin[k + 1]; ++e) {
      if (entry[e] >= bound) {
        contradict(path, fmt::format("{} holds {} where all are below {}", name, entry[e], bound));
      }
      if (e > begin[k] && entry[e - 1] >= entry[e]) {
        contradict(path, name + " does not ascend within a node");
      }
    }
  }
}

void check_symmetric(const LinkTable& links, const std::filesystem::path& path) {
  for (std::uint32_t a = 0; a + 1 < links.begin.size(); ++a) {
    for (std::uint64_t e = links.begin[a]; e < links.begin[a + 1]; ++e) {
      const std::uint32_t b = links.target[e];
      const auto first = links.target.begin() + static_cast<std::ptrdiff_t>(links.begin[b]);
      const auto last = links.target.begin() + static_cast<std::ptrdiff_t>(links.begin[b + 1]);
      const auto found = std::lower_bound(first, last, a);
      const auto back = static_cast<std::size_t>(found - links.target.begin());
      if (found == last || *found != a || links.weight[back] != links.weight[e] ||
          (!links.time.empty() && links.time[back] != links.time[e])) {
        contradict(path, fmt::format("the symmetric links '{}' have one without its other half",
                                     links.name));
      }
    }
  }
}

SideColumn parse_column(const Json& json) {
  SideColumn column;
  const auto type =
      std::find(kTypeNames.begin(), kTypeNames.end(), json.at("type").get<std::string>());
  const auto kind = json.at("kind").get<std::string>();
  if (type == kTypeNames.end() || (kind != "user" && kind != "item")) {
    throw std::runtime_error("unknown type or kind");
  }
  column.type = static_cast<SideType>(type - kTypeNames.begin());
  column.kind = kind == "user" ? NodeKind::user : NodeKind::item;
  column.name = json.at("name").get<std::string>();
  if (column.type == SideType::text) column.buckets = json.at("buckets").get<std::uint32_t>();
  if (column.type == SideType::vector) column.dim = json.at("dim").get<std::uint32_t>();
  if (column.type == SideType::link) {
    column.directed = json.at("directed").get<bool>();
    column.crosses = json.value("crosses", false);
    column.times = json.value("times", false);
    if (column.crosses && (!column.directed || column.kind != NodeKind::user)) {
      throw std::runtime_error("links that cross are not from users, or not directed");
    }
  }
  return column;
}

}  // namespace

std::string_view side_type_name(SideType type) {
  return kTypeNames[static_cast<std::size_t>(type)];
}

std::string side_folder(std::size_t place) {
  return "side/" + std::to_string(place) + "/";
}

SideInfoFile::SideInfoFile(const Hdf5File& file, std::uint64_t num_users, std::uint64_t num_items)
    : file_(&file) {
  if (!file.has_attribute("side_info")) return;  // format 1
  try {
    for (const Json& json : Json::parse(file.text_attribute("side_info"))) {
      columns_.push_back(parse_column(json));
    }
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    contradict(file.path(), fmt::format("side_info is not the JSON expected ({})", error.what()));
  }
  std::set<std::pair<NodeKind, std::string>> names;
  for (std::size_t place = 0; place < columns_.size(); ++place) {
    SideColumn& column = columns_[place];
    if (!names.emplace(column.kind, column.name).second) {
      contradict(file.path(), fmt::format("two columns of {}s are named '{}'",
                                          kind_name(column.kind), column.name));
    }
    column.num_nodes = column.kind == NodeKind::user ? num_users : num_items;
    if (column.type == SideType::link) {
      column.num_targets = column.crosses ? num_items : column.num_nodes;
    }
    const std::string folder = side_folder(place);
    const auto expect_lists = [&](const char* entries) {
      expect_array<std::uint64_t>(file, folder + "begin", column.num_nodes + 1);
      column.num_entries = file.read_rows<std::uint64_t>(folder + "begin", column.num_nodes, 1)[0];
      if (file.read_rows<std::uint64_t>(folder + "begin", 0, 1)[0] != 0) {
        contradict(file.path(), folder + "begin does not begin at 0");
      }
      expect_array<std::uint32_t>(file, folder + entries, column.num_entries);
    };
    switch (column.type) {
      case SideType::attribute:
        expect_lists("value");
        column.num_values = table_length(file, folder + "value_name");
        break;
      case SideType::number:
        expect_array<float>(file, folder + "value", column.num_nodes);
        break;
      case SideType::text:
        expect_lists("feature");
        expect_array<std::uint32_t>(file, folder + "count", column.num_entries);
        if (column.buckets == 0 || column.buckets > std::uint32_t{1} << 31) {
          contradict(file.path(), folder + " has no buckets, or too many");
        }
        break;
      case SideType::vector:
        expect_array<std::uint8_t>(file, folder + "known", column.num_nodes);
        file.read_rows<float>(folder + "value", 0, 0);
        if (column.dim == 0 || file.shape(folder + "value") !=
                                   std::vector<std::uint64_t>{column.num_nodes, column.dim}) {
          contradict(file.path(),
                     fmt::format("{}value is not {} x {}", folder, column.num_nodes, column.dim));
        }
        break;
      case SideType::link:
        expect_lists("target");
        expect_array<float>(file, folder + "weight", column.num_entries);
        if (column.times) expect_array<std::int64_t>(file, folder + "time", column.num_entries);
        break;
    }
  }
}

std::size_t SideInfoFile::find(NodeKind kind, std::string_view name) const {
  return static_cast<std::size_t>(
      std::find_if(columns_.begin(), columns_.end(),
                   [&](const SideColumn& c) { return c.kind == kind && c.name == name; }) -
      columns_.begin());
}

const SideColumn& SideInfoFile::column(std::size_t place, SideType type) const {
  HALOREC_ASSERT_LIGHT(place < columns_.size() && columns_[place].type == type);
  return columns_[place];
}

std::vector<std::uint64_t> SideInfoFile::read_begins(std::size_t place, std::uint64_t first,
                                                     std::uint64_t count) const {
  const std::string name = side_folder(place) + "begin";
  if (first > columns_[place].num_nodes || count > columns_[place].num_nodes - first) {
    fail("{}: nodes [{}, {}) are not all in {}", file_->path().string(), first, first + count,
         name);
  }
  std::vector<std::uint64_t> begin = file_->read_rows<std::uint64_t>(name, first, count + 1);
  if (!std::is_sorted(begin.begin(), begin.end()) || begin.back() > columns_[place].num_entries) {
    contradict(file_->path(), name + " does not ascend");
  }
  return begin;
}

// Entries of the lists that `begin` bounds, in the file's numbering.
template <typename T>
std::vector<T> SideInfoFile::read_entries(std::size_t place, const char* array,
                                          const std::vector<std::uint64_t>& begin) const {
  return file_->read_rows<T>(side_folder(place) + array, begin.front(),
                             begin.back() - begin.front());
}

namespace {

std::vector<std::uint64_t> from_zero(std::vector<std::uint64_t> begin) {
  const std::uint64_t first = begin.front();
  for (std::uint64_t& b : begin) b -= first;
  return begin;
}

}  // namespace

AttributeColumn SideInfoFile::read_attribute(std::size_t place, std::uint64_t first,
                                             std::uint64_t count) const {
  const SideColumn& c = column(place, SideType::attribute);
  AttributeColumn read{
      c.kind, c.name, read_table(*file_, side_folder(place) + "value_name"), {}, {}};
  const std::vector<std::uint64_t> begin = read_begins(place, first, count);
  read.value = read_entries<std::uint32_t>(place, "value", begin);
  read.begin = from_zero(begin);
  check_lists(read.begin, read.value, c.num_values, side_folder(place) + "value", file_->path());
  return read;
}

NumberColumn SideInfoFile::read_numbers(std::size_t place, std::uint64_t first,
                                        std::uint64_t count) const {
  const SideColumn& c = column(place, SideType::number);
  NumberColumn read{c.kind, c.name,
                    file_->read_rows<float>(side_folder(place) + "value", first, count)};
  if (std::any_of(read.value.begin(), read.value.end(), [](float x) { return std::isinf(x); })) {
    contradict(file_->path(), side_folder(place) + "value is infinite");
  }
  return read;
}

TextColumn SideInfoFile::read_text(std::size_t place, std::uint64_t first,
                                   std::uint64_t count) const {
  const SideColumn& c = column(place, SideType::text);
  TextColumn read{c.kind, c.name, c.buckets, {}, {}, {}};
  const std::vector<std::uint64_t> begin = read_begins(place, first, count);
  read.feature = read_entries<std::uint32_t>(place, "feature", begin);
  read.count = read_entries<std::uint32_t>(place, "count", begin);
  read.begin = from_zero(begin);
  check_lists(read.begin, read.feature, 2 * std::uint64_t{c.buckets},
              side_folder(place) + "feature", file_->path());
  if (std::count(read.count.begin(), read.count.end(), 0U) > 0) {
    contradict(file_->path(), side_folder(place) + "count is 0");
  }
  return read;
}

VectorColumn SideInfoFile::read_vectors(std::size_t place, std::uint64_t first,
                                        std::uint64_t count) const {
  const SideColumn& c = column(place, SideType::vector);
  VectorColumn read{c.kind, c.name, c.dim,
                    file_->read_rows<std::uint8_t>(side_folder(place) + "known", first, count),
                    file_->read_rows<float>(side_folder(place) + "value", first, count)};
  for (std::size_t k = 0; k < read.known.size(); ++k) {
    const auto row = read.value.begin() + static_cast<std::ptrdiff_t>(k * c.dim);
    const bool good =
        read.known[k] == 1
            ? std::all_of(row, row + c.dim, [](float x) { return std::isfinite(x); })
            : read.known[k] == 0 && std::all_of(row, row + c.dim, [](float x) { return x == 0; });
    if (!good) {
      contradict(file_->path(),
                 fmt::format("the vector of {} {} in {} is not finite, or stands where none is",
                             kind_name(c.kind), first + k, side_folder(place)));
    }
  }
  return read;
}

LinkTable SideInfoFile::read_links(std::size_t place, std::uint64_t first,
                                   std::uint64_t count) const {
  const SideColumn& c = column(place, SideType::link);
  LinkTable read{c.kind, c.name, c.directed, {}, {}, {}, c.crosses};
  const std::vector<std::uint64_t> begin = read_begins(place, first, count);
  read.target = read_entries<std::uint32_t>(place, "target", begin);
  read.weight = read_entries<float>(place, "weight", begin);
  if (c.times) read.time = read_entries<std::int64_t>(place, "time", begin);
  read.begin = from_zero(begin);
  check_lists(read.begin, read.target, c.num_targets, side_folder(place) + "target", file_->path());
  for (std::uint64_t k = 0; k < count; ++k) {
    for (std::uint64_t e = read.begin[k]; e < read.begin[k + 1]; ++e) {
      if (!c.crosses && read.target[e] == first + k) {
        contradict(file_->path(), "a node is linked to itself");
      }
      if (!std::isfinite(read.weight[e]))
        contradict(file_->path(), "a link's weight is not finite");
    }
  }
  return read;
}

SideInfo SideInfoFile::read_all() const {
  SideInfo side;
  for (std::size_t k = 0; k < columns_.size(); ++k) {
    const std::uint64_t n = columns_[k].num_nodes;
    switch (columns_[k].type) {
      case SideType::attribute:
        side.attributes.push_back(read_attribute(k, 0, n));
        break;
      case SideType::number:
        side.numbers.push_back(read_numbers(k, 0, n));
        break;
      case SideType::text:
        side.texts.push_back(read_text(k, 0, n));
        break;
      case SideType::vector:
        side.vectors.push_back(read_vectors(k, 0, n));
        break;
      case SideType::link:
        side.links.push_back(read_links(k, 0, n));
        if (!columns_[k].directed) check_symmetric(side.links.back(), file_->path());
        break;
    }
  }
  return side;
}

}  // namespace halorec
