// A file that appears whole or not at all: written piece by piece to "<path>.tmp", then synced
// and renamed.
#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string_view>

namespace halorec {

// Error (status 2) when the folder that `out`, the value of `option`, is to stand in is not there:
// told before there is anything to lose.
void check_folder_of(const std::filesystem::path& out, std::string_view option);

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
  bool committed_ = false;
};

}  // namespace halorec
