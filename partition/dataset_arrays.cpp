#include "partition/dataset_arrays.hpp"

#include <algorithm>
#include <span>

#include "comm/check.hpp"

namespace halorec {

void contradict(const std::filesystem::path& path, std::string_view what) {
  fail("{}: the dataset contradicts itself: {}; import it again", path.string(), what);
}

std::uint64_t length_of(const Hdf5File& file, const std::string& name) {
  const std::vector<std::uint64_t> shape = file.shape(name);
  if (shape.size() != 1) contradict(file.path(), name + " is not one-dimensional");
  return shape[0];
}

void write_table(Hdf5File& file, const std::string& name, const StringTable& table) {
  file.write(name + "_bytes", std::span(reinterpret_cast<const std::uint8_t*>(table.bytes.data()),
                                        table.bytes.size()));
  file.write(name + "_offsets", table.offsets);
}

std::uint64_t table_length(const Hdf5File& file, const std::string& name) {
  const std::uint64_t offsets = length_of(file, name + "_offsets");
  if (offsets == 0) contradict(file.path(), name + "_offsets is empty");
  const std::uint64_t first = file.read_rows<std::uint64_t>(name + "_offsets", 0, 1)[0];
  const std::uint64_t last = file.read_rows<std::uint64_t>(name + "_offsets", offsets - 1, 1)[0];
  if (first != 0 || last != length_of(file, name + "_bytes")) {
    contradict(file.path(), name + "_offsets does not span " + name + "_bytes");
  }
  return offsets - 1;
}

StringTable read_table(const Hdf5File& file, const std::string& name) {
  StringTable table;
  const std::vector<std::uint8_t> bytes = file.read<std::uint8_t>(name + "_bytes");
  table.bytes.assign(bytes.begin(), bytes.end());
  table.offsets = file.read<std::uint64_t>(name + "_offsets");
  if (!std::is_sorted(table.offsets.begin(), table.offsets.end()) || table.offsets.front() != 0 ||
      table.offsets.back() != table.bytes.size()) {
    contradict(file.path(), name + "_offsets does not ascend from 0 to the end of its bytes");
  }
  return table;
}

}  // namespace halorec
