// Arrays of a dataset file: string tables, and checks of shapes and types whose Error says that the
// file contradicts itself.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "comm/hdf5_file.hpp"
#include "partition/string_table.hpp"

namespace halorec {

[[noreturn]] void contradict(const std::filesystem::path& path, std::string_view what);

// Elements of an array that has to be one-dimensional.
std::uint64_t length_of(const Hdf5File& file, const std::string& name);

// Error unless `name` is one-dimensional and holds `length` elements of type T.
template <typename T>
void expect_array(const Hdf5File& file, const std::string& name, std::uint64_t length) {
  file.read_rows<T>(name, 0, 0);  // another type is an Error
  if (const std::uint64_t actual = length_of(file, name); actual != length) {
    contradict(file.path(), name + " has " + std::to_string(actual) + " elements where " +
                                std::to_string(length) + " belong");
  }
}

// A string table is stored as `name`_bytes (u8) and `name`_offsets (u64).
void write_table(Hdf5File& file, const std::string& name, const StringTable& table);
StringTable read_table(const Hdf5File& file, const std::string& name);
// Rows of a string table; checks that its two arrays can belong together.
std::uint64_t table_length(const Hdf5File& file, const std::string& name);

}  // namespace halorec
