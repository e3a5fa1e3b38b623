#include "comm/hdf5_matrix.hpp"

#include <hdf5.h>

#include "comm/check.hpp"
#include "comm/hdf5_handle.hpp"

namespace halorec {

ForeignMatrix read_hdf5_matrix(const std::filesystem::path& path, const std::string& dataset) {
  check_hdf5(H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr), path, "silence messages");
  const Handle access(check_hdf5(H5Pcreate(H5P_FILE_ACCESS), path, "make properties"), H5Pclose);
  check_hdf5(H5Pset_file_locking(access.get(), false, true), path, "set properties");
  const Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get()), H5Fclose);
  if (!file) {
    fail("{}: cannot be opened as an HDF5 file: {}", path.string(), hdf5_reason());
  }
  const Handle matrix(H5Dopen2(file.get(), dataset.c_str(), H5P_DEFAULT), H5Dclose);
  if (!matrix) {
    hdf5_reason();
    fail("{}: there is no dataset '{}' in this file (h5ls -r lists them)", path.string(), dataset);
  }
  const Handle type(check_hdf5(H5Dget_type(matrix.get()), path, "read a type"), H5Tclose);
  const H5T_class_t kind = H5Tget_class(type.get());
  if (kind != H5T_FLOAT && kind != H5T_INTEGER) {
    fail("{}: the dataset '{}' does not hold numbers", path.string(), dataset);
  }
  const Handle space(check_hdf5(H5Dget_space(matrix.get()), path, "read a shape"), H5Sclose);
  const int rank = check_hdf5(H5Sget_simple_extent_ndims(space.get()), path, "read a shape");
  std::vector<hsize_t> shape(static_cast<std::size_t>(rank));
  check_hdf5(H5Sget_simple_extent_dims(space.get(), shape.data(), nullptr), path, "read a shape");
  ForeignMatrix read{{shape.begin(), shape.end()}, {}};
  if (rank != 2 || shape[0] * shape[1] == 0) return read;
  read.values.resize(shape[0] * shape[1]);
  check_hdf5(
      H5Dread(matrix.get(), H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, read.values.data()),
      path, "read dataset " + dataset);
  return read;
}

}  // namespace halorec
