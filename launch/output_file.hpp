// A file that appears whole or not at all: written piece by piece to "<path>.tmp", then synced
// and renamed. What is no regular file (a device, a pipe, a link like /dev/stdout) is written
// to as it goes, and stays what it is.
#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string_view>

namespace halorec {

// Error (status 2) when the folder that `out`, the value of `option`, is to stand in is not there:
// told before there is anything to lose.
void check_folder_of(const std::filesystem::path& out, std::string_view option);

// Error (status 2) when `out` exists and is no HDF5 file of this format (its attribute `format`),
// so that a name in the wrong place costs no dataset. `what`: "a partition", for the message.
void check_replaceable(const std::filesystem::path& out, std::string_view option,
                       std::string_view format, std::string_view what);

class OutputFile {
 public:
  // Error when the folder cannot be written.
  explicit OutputFile(std::filesystem::path path);
  // Removes what was not committed.
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::string_view bytes);
  void commit();
  const std::filesystem::path& path() const { return path_; }

 private:
  [[noreturn]] void fail_with_reason(const char* what) const;

  std::filesystem::path path_, working_;
  std::FILE* file_ = nullptr;
  bool is_device_ = false, committed_ = false;
};

}  // namespace halorec
