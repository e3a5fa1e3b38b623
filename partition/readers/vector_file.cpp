#include "partition/readers/vector_file.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "comm/check.hpp"
#include "comm/hdf5_matrix.hpp"
#include "partition/readers/fields.hpp"
#include "partition/readers/line_reader.hpp"
#include "partition/readers/records.hpp"

namespace halorec {
namespace {

// IEEE half precision to single: sign, 5 bits of exponent, 10 of fraction.
float from_half(std::uint16_t half) {
  const float sign = (half & 0x8000U) != 0 ? -1.0F : 1.0F;
  const int exponent = half >> 10 & 0x1F;
  const auto fraction = static_cast<float>(half & 0x3FFU);
  if (exponent == 0x1F) return fraction == 0 ? sign * INFINITY : NAN;
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(fraction + 1024.0F, exponent - 25);
}

template <typename T>
void convert(const std::vector<char>& bytes, std::vector<float>& values) {
  for (std::size_t k = 0; k < values.size(); ++k) {
    T value;
    std::memcpy(&value, bytes.data() + k * sizeof(T), sizeof(T));
    if constexpr (std::is_same_v<T, std::uint16_t>) {
      values[k] = from_half(value);
    } else {
      values[k] = static_cast<float>(value);
    }
  }
}

// The text behind "'key':" in the header, a Python dictionary as numpy writes it.
std::string_view entry(std::string_view header, std::string_view key) {
  const std::size_t at = header.find(fmt::format("'{}':", key));
  if (at == std::string_view::npos) return {};
  return trimmed(header.substr(at + key.size() + 3));
}

// The format's definition: numpy/lib/format.py (NEP 1).
ForeignMatrix read_npy(const std::filesystem::path& path) {
  static_assert(std::endian::native == std::endian::little);
  std::ifstream in(path, std::ios::binary);
  if (!in) fail("{}: no such file, or it cannot be read", path.string());
  char start[8] = {};
  in.read(start, sizeof start);
  if (!in || std::memcmp(start, "\x93NUMPY", 6) != 0) {
    fail("{}: is not in numpy's .npy format; write it with numpy.save", path.string());
  }
  const int length_bytes = start[6] == 1 ? 2 : 4;
  std::uint32_t length = 0;
  in.read(reinterpret_cast<char*>(&length), length_bytes);
  constexpr std::uint32_t kLongestHeader = 1U << 16;
  std::string header(in && length <= kLongestHeader ? length : 0, '\0');
  in.read(header.data(), static_cast<std::streamsize>(header.size()));
  if (!in || header.empty()) fail("{}: the .npy header is truncated", path.string());

  const std::string_view type = entry(header, "descr");
  const std::size_t size = type.starts_with("'<f2'")   ? 2
                           : type.starts_with("'<f4'") ? 4
                           : type.starts_with("'<f8'") ? 8
                                                       : 0;
  if (size == 0) {
    fail("{}: holds {} where '<f2', '<f4' or '<f8' is expected; save it as float32", path.string(),
         type.substr(0, type.find(',')));
  }
  if (!entry(header, "fortran_order").starts_with("False")) {
    fail("{}: is stored by columns; save numpy.ascontiguousarray of it", path.string());
  }
  std::string_view shape = entry(header, "shape");
  if (!shape.starts_with('(') || shape.find(')') == std::string_view::npos) {
    fail("{}: the .npy header names no shape", path.string());
  }
  shape = shape.substr(1, shape.find(')') - 1);
  ForeignMatrix matrix;
  while (!trimmed(shape).empty()) {
    const std::size_t comma = shape.find(',');
    const std::optional<double> extent = parse_number(shape.substr(0, comma));
    if (!extent || *extent < 0 || *extent > 1e12 || *extent != std::floor(*extent)) {
      fail("{}: the .npy header's shape is damaged", path.string());
    }
    matrix.shape.push_back(static_cast<std::uint64_t>(*extent));
    shape = comma == std::string_view::npos ? std::string_view() : shape.substr(comma + 1);
  }
  if (matrix.shape.size() != 2) return matrix;
  const auto data = static_cast<std::uint64_t>(in.tellg());
  const std::uint64_t file_bytes = std::filesystem::file_size(path);
  const std::uint64_t columns = matrix.shape[1];
  if (columns > 0 && matrix.shape[0] > file_bytes / size / columns) {
    fail("{}: is truncated: {} x {} numbers of {} bytes do not fit its {} bytes", path.string(),
         matrix.shape[0], columns, size, file_bytes);
  }
  const std::uint64_t count = matrix.shape[0] * columns;
  if (data + count * size != file_bytes) {
    fail("{}: has {} bytes where {} belong; it is truncated or damaged", path.string(), file_bytes,
         data + count * size);
  }
  std::vector<char> bytes(count * size);
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!in) fail("{}: cannot be read to its end", path.string());
  matrix.values.resize(count);
  if (size == 2) convert<std::uint16_t>(bytes, matrix.values);
  if (size == 4) convert<float>(bytes, matrix.values);
  if (size == 8) convert<double>(bytes, matrix.values);
  return matrix;
}

StringTable read_ids(const std::filesystem::path& path) {
  LineReader reader(path);
  StringTable ids;
  std::string_view line;
  while (reader.next(line)) {
    if (trimmed(line).empty())
      fail("{}: an empty line; every line is the id of a row", reader.where());
    ids.push_back(trimmed(line));
  }
  return ids;
}

}  // namespace

VectorColumn read_vector_file(const std::string& source, const std::filesystem::path& ids_path,
                              const NodeIndex& nodes, nlohmann::ordered_json& counts) {
  const std::size_t colon = source.rfind(':');
  const bool hdf5 = colon != std::string::npos && !std::filesystem::exists(source);
  const std::string dataset = hdf5 ? source.substr(colon + 1) : std::string();
  const std::filesystem::path path = hdf5 ? source.substr(0, colon) : source;
  if (!hdf5 && (path.extension() == ".h5" || path.extension() == ".hdf5")) {
    fail_usage("{}: say which of the file's datasets, as FILE.h5:DATASET", source);
  }
  const ForeignMatrix matrix = hdf5 ? read_hdf5_matrix(path, dataset) : read_npy(path);
  std::string shape;
  for (const std::uint64_t extent : matrix.shape) {
    shape += (shape.empty() ? "" : " x ") + std::to_string(extent);
  }
  if (matrix.shape.size() != 2 || matrix.shape[0] == 0 || matrix.shape[1] == 0 ||
      matrix.shape[1] > std::numeric_limits<std::uint32_t>::max()) {
    fail("{}: has the shape {}; rows x numbers is expected, one row for each id", source,
         shape.empty() ? "of a single number" : shape);
  }
  const StringTable ids = read_ids(ids_path);
  if (ids.size() != matrix.shape[0]) {
    fail("{}: has the shape {}, and {} names {} ids; one for each row is expected", source, shape,
         ids_path.string(), ids.size());
  }
  const std::uint64_t dim = matrix.shape[1];
  VectorColumn column;
  column.kind = nodes.kind();
  column.name = clean_text(hdf5 ? dataset.substr(dataset.rfind('/') + 1) : path.stem().string());
  column.dim = static_cast<std::uint32_t>(dim);
  column.known.assign(nodes.size(), 0);
  column.value.assign(nodes.size() * dim, 0.0F);
  std::uint64_t unknown = 0, repeated = 0, missing = nodes.size();
  for (std::uint64_t row = 0; row < ids.size(); ++row) {
    const std::uint32_t node = nodes.find(ids[row]);
    if (node == NodeIndex::kUnknown) {
      ++unknown;
    } else if (column.known[node] != 0) {
      ++repeated;
    } else {
      const auto first = matrix.values.begin() + static_cast<std::ptrdiff_t>(row * dim);
      const auto last = first + static_cast<std::ptrdiff_t>(dim);
      if (!std::all_of(first, last, [](float x) { return std::isfinite(x); })) {
        fail(
            "{}: row {} (of {}), counted from 0, holds a number that is not finite, or out of the "
            "range of a float",
            source, row, shown(ids[row]));
      }
      std::copy(first, last, column.value.begin() + static_cast<std::ptrdiff_t>(node * dim));
      column.known[node] = 1;
      --missing;
    }
  }
  if (missing == nodes.size()) {
    fail(
        "{}: none of its {} ids is one of the data's {} {}s (its first is {}, the data's first is "
        "{})",
        ids_path.string(), ids.size(), nodes.size(), kind_name(nodes.kind()), shown(ids[0]),
        shown(nodes.ids()[0]));
  }
  counts["rows"] = ids.size();
  counts["rows_of_unknown_ids"] = unknown;
  counts["repeated_rows"] = repeated;
  counts["nodes_without_vector"] = missing;
  return column;
}

}  // namespace halorec
