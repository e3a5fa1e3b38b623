// HDF5's C interface behind RAII handles and checked return codes. HDF5 prints nothing: its error
// stack is silenced, and its innermost message becomes part of ours.
#include "comm/hdf5_file.hpp"

#include <hdf5.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <numeric>

#include "comm/check.hpp"
#include "comm/file_seal.hpp"
#include "comm/hdf5_handle.hpp"
#include "comm/hdf5_types.hpp"

namespace halorec {
namespace {

void silence_hdf5() {
  static const bool once = [] { return H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr) >= 0; }();
  HALOREC_ASSERT_LIGHT(once);
}

}  // namespace

struct Hdf5File::State {
  std::filesystem::path path;
  std::filesystem::path temporary;  // empty when open for reading or committed
  FileSeal seal;
  Handle file;

  ~State() {
    file.close();
    if (!temporary.empty()) {
      std::error_code ignored;
      std::filesystem::remove(temporary, ignored);
    }
  }

  hid_t open_file() const {
    HALOREC_ASSERT_LIGHT(static_cast<bool>(file));  // neither moved from nor committed
    return file.get();
  }
  template <typename Code>
  Code check(Code code, std::string_view what) const {
    return check_hdf5(code, path, what);
  }
  // Opens a dataset whose elements are exactly T.
  template <typename T>
  Handle open_dataset(const std::string& name) const {
    Handle dataset = open_any_dataset(name);
    const Handle type(check(H5Dget_type(dataset.get()), "read the type of " + name), H5Tclose);
    if (check(H5Tequal(type.get(), disk_type<T>()), "compare types") == 0) {
      fail(
          "{}: dataset {} holds elements of another type than expected; the file was not written "
          "by this version of Halorec",
          path.string(), name);
    }
    return dataset;
  }
  Handle open_any_dataset(const std::string& name) const {
    Handle dataset(H5Dopen2(open_file(), name.c_str(), H5P_DEFAULT), H5Dclose);
    if (!dataset) {
      hdf5_reason();  // clears the stack; the message below says more
      fail("{}: there is no dataset {} in this file; it was not written by this version of Halorec",
           path.string(), name);
    }
    return dataset;
  }
  std::vector<hsize_t> dimensions(const Handle& dataset) const {
    const Handle space(check(H5Dget_space(dataset.get()), "read a shape"), H5Sclose);
    const int rank = check(H5Sget_simple_extent_ndims(space.get()), "read a shape");
    std::vector<hsize_t> shape(static_cast<std::size_t>(rank));
    check(H5Sget_simple_extent_dims(space.get(), shape.data(), nullptr), "read a shape");
    return shape;
  }
  // Without time stamps, which HDF5's own intermediate groups have.
  void make_groups_above(const std::string& name) {
    for (std::size_t slash = name.find('/', 1); slash != std::string::npos;
         slash = name.find('/', slash + 1)) {
      const std::string group = name.substr(0, slash);
      if (check(H5Lexists(open_file(), group.c_str(), H5P_DEFAULT), "look for " + group) > 0) {
        continue;
      }
      const Handle properties(check(H5Pcreate(H5P_GROUP_CREATE), "make properties"), H5Pclose);
      check(H5Pset_obj_track_times(properties.get(), false), "set properties");
      const Handle made(
          check(H5Gcreate2(open_file(), group.c_str(), H5P_DEFAULT, properties.get(), H5P_DEFAULT),
                "make group " + group),
          H5Gclose);
    }
  }
  // `fill`, when given, is what elements that are never written read as.
  template <typename T>
  Handle make_dataset(const std::string& name, const std::vector<hsize_t>& dimensions,
                      const T* fill = nullptr) {
    make_groups_above(name);
    const Handle space(
        check(H5Screate_simple(static_cast<int>(dimensions.size()), dimensions.data(), nullptr),
              "make the shape of " + name),
        H5Sclose);
    const Handle properties(check(H5Pcreate(H5P_DATASET_CREATE), "make properties"), H5Pclose);
    check(H5Pset_obj_track_times(properties.get(), false), "set properties");
    if (fill != nullptr) {
      check(H5Pset_fill_value(properties.get(), memory_type<T>(), fill), "set properties");
    }
    return Handle(check(H5Dcreate2(open_file(), name.c_str(), disk_type<T>(), space.get(),
                                   H5P_DEFAULT, properties.get(), H5P_DEFAULT),
                        "make dataset " + name),
                  H5Dclose);
  }
  void write_attribute(const std::string& name, hid_t disk, hid_t memory, const void* value) {
    const Handle space(check(H5Screate(H5S_SCALAR), "make a scalar"), H5Sclose);
    if (check(H5Aexists(open_file(), name.c_str()), "look for attribute " + name) > 0) {
      check(H5Adelete(open_file(), name.c_str()), "replace attribute " + name);
    }
    const Handle attribute(
        check(H5Acreate2(open_file(), name.c_str(), disk, space.get(), H5P_DEFAULT, H5P_DEFAULT),
              "make attribute " + name),
        H5Aclose);
    check(H5Awrite(attribute.get(), memory, value), "write attribute " + name);
  }
  Handle open_attribute(const std::string& name, H5T_class_t wanted, std::string_view kind) const {
    Handle attribute(H5Aopen(open_file(), name.c_str(), H5P_DEFAULT), H5Aclose);
    if (!attribute) {
      hdf5_reason();
      fail(
          "{}: there is no attribute '{}' in this file; it was not written by this version of "
          "Halorec",
          path.string(), name);
    }
    const Handle type(check(H5Aget_type(attribute.get()), "read an attribute's type"), H5Tclose);
    if (H5Tget_class(type.get()) != wanted) {
      fail("{}: attribute '{}' is not {}; the file was not written by this version of Halorec",
           path.string(), name, kind);
    }
    return attribute;
  }
};

Hdf5File::Hdf5File(std::unique_ptr<State> state) : state_(std::move(state)) {}
Hdf5File::Hdf5File(Hdf5File&&) noexcept = default;
Hdf5File& Hdf5File::operator=(Hdf5File&&) noexcept = default;
Hdf5File::~Hdf5File() = default;

Hdf5File Hdf5File::create(const std::filesystem::path& path) {
  silence_hdf5();
  std::error_code code;
  if (std::filesystem::is_directory(path, code)) {
    fail("{}: is a folder; give the path of a file", path.string());
  }
  if (!std::filesystem::is_directory(parent_folder(path), code)) {
    fail("{}: cannot be created: there is no folder {}; make it first", path.string(),
         parent_folder(path).string());
  }
  auto state = std::make_unique<State>();
  state->path = path;
  const std::filesystem::path temporary = path.string() + ".tmp";
  const Handle layout(check_hdf5(H5Pcreate(H5P_FILE_CREATE), path, "make properties"), H5Pclose);
  check_hdf5(H5Pset_userblock(layout.get(), kUserBlockBytes), path, "reserve the user block");
  // No time stamps: the same content is the same bytes.
  check_hdf5(H5Pset_obj_track_times(layout.get(), false), path, "turn time stamps off");
  const Handle access(check_hdf5(H5Pcreate(H5P_FILE_ACCESS), path, "make properties"), H5Pclose);
  check_hdf5(H5Pset_fclose_degree(access.get(), H5F_CLOSE_STRONG), path, "set properties");
  // Attributes may be longer than 64 KiB from version 1.8 on.
  check_hdf5(H5Pset_libver_bounds(access.get(), H5F_LIBVER_V18, H5F_LIBVER_LATEST), path,
             "set properties");
  // Renaming, not locking, keeps readers from half a file; some network mounts have no locks.
  check_hdf5(H5Pset_file_locking(access.get(), false, true), path, "set properties");
  const hid_t file = H5Fcreate(temporary.c_str(), H5F_ACC_TRUNC, layout.get(), access.get());
  if (file < 0) {
    fail("{}: cannot be created: {}; choose a folder that can be written to", path.string(),
         hdf5_reason());
  }
  state->file = Handle(file, H5Fclose);
  state->temporary = temporary;
  return Hdf5File(std::move(state));
}

Hdf5File Hdf5File::open(const std::filesystem::path& path, std::string_view what,
                        bool verify_digest) {
  silence_hdf5();
  auto state = std::make_unique<State>();
  state->path = path;
  state->seal = check_seal(path, what, verify_digest);
  const Handle access(check_hdf5(H5Pcreate(H5P_FILE_ACCESS), path, "make properties"), H5Pclose);
  check_hdf5(H5Pset_fclose_degree(access.get(), H5F_CLOSE_STRONG), path, "set properties");
  check_hdf5(H5Pset_file_locking(access.get(), false, true), path, "set properties");
  state->file = Handle(check_hdf5(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get()), path,
                                  fmt::format("open the {} file", what)),
                       H5Fclose);
  return Hdf5File(std::move(state));
}

void Hdf5File::commit() {
  HALOREC_ASSERT_LIGHT(!state_->temporary.empty());
  state_->check(H5Fflush(state_->open_file(), H5F_SCOPE_GLOBAL), "write the file out");
  state_->check(state_->file.close(), "close the file");
  state_->seal = seal_file(state_->temporary);
  rename_durably(state_->temporary, state_->path);
  state_->temporary.clear();
}

const std::string& Hdf5File::digest() const {
  return state_->seal.digest;
}
std::uint64_t Hdf5File::size_bytes() const {
  return state_->seal.size_bytes;
}
const std::filesystem::path& Hdf5File::path() const {
  return state_->path;
}

template <typename T>
void Hdf5File::write(const std::string& name, std::span<const T> values,
                     const std::vector<std::uint64_t>& shape) {
  std::vector<hsize_t> dimensions(shape.begin(), shape.end());
  if (dimensions.empty()) dimensions = {values.size()};
  const hsize_t total =
      std::accumulate(dimensions.begin(), dimensions.end(), hsize_t{1}, std::multiplies<>());
  HALOREC_ASSERT_LIGHT(total == values.size());
  const Handle dataset = state_->make_dataset<T>(name, dimensions);
  if (!values.empty()) {
    state_->check(
        H5Dwrite(dataset.get(), memory_type<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()),
        "write dataset " + name);
  }
}

template <typename T>
void Hdf5File::reserve(const std::string& name, std::uint64_t count) {
  state_->make_dataset<T>(name, {count});
}

template <typename T>
void Hdf5File::write_constant(const std::string& name, std::uint64_t count, T value) {
  state_->make_dataset<T>(name, {count}, &value);
}

template <typename T>
void Hdf5File::write_rows(const std::string& name, std::uint64_t first, std::span<const T> values) {
  if (values.empty()) return;
  const Handle dataset = state_->open_dataset<T>(name);
  const hsize_t start = first, count = values.size();
  const Handle disk_space(state_->check(H5Dget_space(dataset.get()), "read a shape"), H5Sclose);
  state_->check(
      H5Sselect_hyperslab(disk_space.get(), H5S_SELECT_SET, &start, nullptr, &count, nullptr),
      "select rows of " + name);
  const Handle memory_space(state_->check(H5Screate_simple(1, &count, nullptr), "make a shape"),
                            H5Sclose);
  state_->check(H5Dwrite(dataset.get(), memory_type<T>(), memory_space.get(), disk_space.get(),
                         H5P_DEFAULT, values.data()),
                "write rows of " + name);
}

template <typename T>
std::vector<T> Hdf5File::read(const std::string& name) const {
  const Handle dataset = state_->open_dataset<T>(name);
  const std::vector<hsize_t> shape = state_->dimensions(dataset);
  std::vector<T> values(
      std::accumulate(shape.begin(), shape.end(), hsize_t{1}, std::multiplies<>()));
  if (!values.empty()) {
    state_->check(
        H5Dread(dataset.get(), memory_type<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()),
        "read dataset " + name);
  }
  return values;
}

template <typename T>
std::vector<T> Hdf5File::read_rows(const std::string& name, std::uint64_t first,
                                   std::uint64_t count) const {
  const Handle dataset = state_->open_dataset<T>(name);
  std::vector<hsize_t> shape = state_->dimensions(dataset);
  if (shape.empty() || first > shape[0] || count > shape[0] - first) {
    fail("{}: rows [{}, {}) are not all in dataset {}, which has {} rows", state_->path.string(),
         first, first + count, name, shape.empty() ? 0 : shape[0]);
  }
  std::vector<hsize_t> start(shape.size(), 0);
  start[0] = first;
  shape[0] = count;
  std::vector<T> values(
      std::accumulate(shape.begin(), shape.end(), hsize_t{1}, std::multiplies<>()));
  if (values.empty()) return values;
  const Handle disk_space(state_->check(H5Dget_space(dataset.get()), "read a shape"), H5Sclose);
  state_->check(H5Sselect_hyperslab(disk_space.get(), H5S_SELECT_SET, start.data(), nullptr,
                                    shape.data(), nullptr),
                "select rows of " + name);
  const Handle memory_space(
      state_->check(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr),
                    "make a shape"),
      H5Sclose);
  state_->check(H5Dread(dataset.get(), memory_type<T>(), memory_space.get(), disk_space.get(),
                        H5P_DEFAULT, values.data()),
                "read rows of " + name);
  return values;
}

bool Hdf5File::has(const std::string& name) const {
  // H5Lexists fails, not answers, when a group on the way is missing: ask for each prefix.
  for (std::size_t slash = name.find('/', 1); slash != std::string::npos;
       slash = name.find('/', slash + 1)) {
    const std::string prefix = name.substr(0, slash);
    if (state_->check(H5Lexists(state_->open_file(), prefix.c_str(), H5P_DEFAULT),
                      "look for " + prefix) == 0) {
      return false;
    }
  }
  return state_->check(H5Lexists(state_->open_file(), name.c_str(), H5P_DEFAULT),
                       "look for " + name) > 0;
}

std::vector<std::uint64_t> Hdf5File::shape(const std::string& name) const {
  const std::vector<hsize_t> shape = state_->dimensions(state_->open_any_dataset(name));
  return {shape.begin(), shape.end()};
}

void Hdf5File::set_attribute(const std::string& name, const std::string& value) {
  // A UTF-8 string of fixed length; HDF5 knows no length of zero, so an empty one is "\0".
  const Handle type(state_->check(H5Tcopy(H5T_C_S1), "make a string type"), H5Tclose);
  state_->check(H5Tset_size(type.get(), std::max<std::size_t>(value.size(), 1)), "size a string");
  state_->check(H5Tset_strpad(type.get(), H5T_STR_NULLPAD), "pad a string");
  state_->check(H5Tset_cset(type.get(), H5T_CSET_UTF8), "mark a string as UTF-8");
  state_->write_attribute(name, type.get(), type.get(), value.c_str());
}

void Hdf5File::set_attribute(const std::string& name, std::int64_t value) {
  state_->write_attribute(name, disk_type<std::int64_t>(), memory_type<std::int64_t>(), &value);
}

void Hdf5File::set_attribute(const std::string& name, double value) {
  state_->write_attribute(name, disk_type<double>(), memory_type<double>(), &value);
}

std::string Hdf5File::text_attribute(const std::string& name) const {
  const Handle attribute = state_->open_attribute(name, H5T_STRING, "a text");
  const Handle type(state_->check(H5Aget_type(attribute.get()), "read an attribute's type"),
                    H5Tclose);
  if (state_->check(H5Tis_variable_str(type.get()), "read an attribute's type") > 0) {
    fail("{}: attribute '{}' is not a text as Halorec writes it", state_->path.string(), name);
  }
  std::string value(H5Tget_size(type.get()), '\0');
  state_->check(H5Aread(attribute.get(), type.get(), value.data()), "read attribute " + name);
  value.resize(std::min(value.find('\0'), value.size()));
  return value;
}

std::int64_t Hdf5File::int_attribute(const std::string& name) const {
  const Handle attribute = state_->open_attribute(name, H5T_INTEGER, "an integer");
  std::int64_t value = 0;
  state_->check(H5Aread(attribute.get(), H5T_NATIVE_INT64, &value), "read attribute " + name);
  return value;
}

double Hdf5File::real_attribute(const std::string& name) const {
  const Handle attribute = state_->open_attribute(name, H5T_FLOAT, "a real number");
  double value = 0;
  state_->check(H5Aread(attribute.get(), H5T_NATIVE_DOUBLE, &value), "read attribute " + name);
  return value;
}

bool Hdf5File::has_attribute(const std::string& name) const {
  return state_->check(H5Aexists(state_->open_file(), name.c_str()), "look for " + name) > 0;
}

#define HALOREC_INSTANTIATE(T)                                                                     \
  template void Hdf5File::write<T>(const std::string&, std::span<const T>,                         \
                                   const std::vector<std::uint64_t>&);                             \
  template void Hdf5File::reserve<T>(const std::string&, std::uint64_t);                           \
  template void Hdf5File::write_rows<T>(const std::string&, std::uint64_t, std::span<const T>);    \
  template void Hdf5File::write_constant<T>(const std::string&, std::uint64_t, T);                 \
  template std::vector<T> Hdf5File::read<T>(const std::string&) const;                             \
  template std::vector<T> Hdf5File::read_rows<T>(const std::string&, std::uint64_t, std::uint64_t) \
      const;
HALOREC_INSTANTIATE(std::int8_t)
HALOREC_INSTANTIATE(std::uint8_t)
HALOREC_INSTANTIATE(std::int16_t)
HALOREC_INSTANTIATE(std::uint16_t)
HALOREC_INSTANTIATE(std::int32_t)
HALOREC_INSTANTIATE(std::uint32_t)
HALOREC_INSTANTIATE(std::int64_t)
HALOREC_INSTANTIATE(std::uint64_t)
HALOREC_INSTANTIATE(float)
HALOREC_INSTANTIATE(double)
#undef HALOREC_INSTANTIATE

}  // namespace halorec
