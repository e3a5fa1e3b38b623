// One HDF5 file of ours: written whole or not at all, and verified before HDF5 reads a byte of it.
//
// Layout: a 512-byte HDF5 user block holds one text line
//     halorec 1 <file bytes> <XXH3-128 of all bytes after the user block, 32 hex digits>\n
// padded with zeros; then the HDF5 file proper, which h5py and h5dump open as usual.
// create() writes to "<path>.tmp"; commit() closes HDF5, fills the user block, fsyncs, renames
// over <path> and fsyncs the parent. A file that is not committed is removed. The serial HDF5
// library is not entered from two threads at once: call from one thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace halorec {

// The element types that our files hold: int8/uint8 .. int64/uint64, float, double.
class Hdf5File {
 public:
  // Starts a new file; Error when the folder cannot be written.
  static Hdf5File create(const std::filesystem::path& path);
  // Opens for reading. `what` names the file's role in messages ("dataset", "checkpoint").
  // Error, before HDF5 sees the file, when it is missing, empty, not ours, truncated or altered.
  static Hdf5File open(const std::filesystem::path& path, std::string_view what,
                       bool verify_digest = true);

  Hdf5File(Hdf5File&&) noexcept;
  Hdf5File& operator=(Hdf5File&&) noexcept;
  ~Hdf5File();

  // Closes, seals and renames into place. Nothing exists under `path` before this returns.
  void commit();
  // The digest in the user block (32 hex digits), of an opened or committed file.
  const std::string& digest() const;
  std::uint64_t size_bytes() const;
  const std::filesystem::path& path() const;

  // Writes a dataset; intermediate groups ("train/user") are made. Row-major; `shape` defaults to
  // {values.size()}. Empty datasets are legal.
  template <typename T>
  void write(const std::string& name, std::span<const T> values,
             const std::vector<std::uint64_t>& shape = {});
  template <typename T>
  void write(const std::string& name, const std::vector<T>& values,
             const std::vector<std::uint64_t>& shape = {}) {
    write(name, std::span<const T>(values), shape);
  }
  // A dataset of `count` elements to be filled by write_rows, piece by piece, before commit().
  template <typename T>
  void reserve(const std::string& name, std::uint64_t count);
  // Elements [first, first + values.size()) of a reserved dataset.
  template <typename T>
  void write_rows(const std::string& name, std::uint64_t first, std::span<const T> values);
  // `count` times the same value, which takes no room in the file (HDF5's fill value).
  template <typename T>
  void write_constant(const std::string& name, std::uint64_t count, T value);
  template <typename T>
  std::vector<T> read(const std::string& name) const;
  // Rows [first, first + count) of the first dimension.
  template <typename T>
  std::vector<T> read_rows(const std::string& name, std::uint64_t first, std::uint64_t count) const;
  bool has(const std::string& name) const;
  std::vector<std::uint64_t> shape(const std::string& name) const;

  // Attributes of the root group. Reading one that is absent or of another type is an Error.
  void set_attribute(const std::string& name, const std::string& value);
  void set_attribute(const std::string& name, std::int64_t value);
  void set_attribute(const std::string& name, double value);
  std::string text_attribute(const std::string& name) const;
  std::int64_t int_attribute(const std::string& name) const;
  double real_attribute(const std::string& name) const;
  bool has_attribute(const std::string& name) const;

 private:
  struct State;
  explicit Hdf5File(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// fsyncs a file or a folder; Error with the path when it fails.
void sync_path(const std::filesystem::path& path);
// Writes text to "<path>.tmp", fsyncs, renames, fsyncs the parent.
void write_text_durably(const std::filesystem::path& path, std::string_view text);
// XXH3-128 of a whole file, 32 hex digits.
std::string file_digest(const std::filesystem::path& path);

}  // namespace halorec
