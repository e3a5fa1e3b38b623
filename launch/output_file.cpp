#include "launch/output_file.hpp"

#include <cerrno>
#include <system_error>

#include "comm/check.hpp"
#include "comm/file_seal.hpp"
#include "comm/hdf5_file.hpp"

namespace halorec {

void check_folder_of(const std::filesystem::path& out, std::string_view option) {
  std::filesystem::path place = out.lexically_normal();
  if (!place.has_filename()) place = place.parent_path();  // "lists/"
  const std::filesystem::path folder = place.has_parent_path() ? place.parent_path() : ".";
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored)) {
    fail_usage("--{} {}: there is no folder {}; make it first", option, out.string(),
               folder.string());
  }
}

void check_replaceable(const std::filesystem::path& out, std::string_view option,
                       std::string_view format, std::string_view what) {
  std::error_code ignored;
  if (!std::filesystem::exists(out, ignored)) return;
  try {
    const Hdf5File file = Hdf5File::open(out, "output");
    if (file.has_attribute("format") && file.text_attribute("format") == format) return;
  } catch (const Error&) {
    // Not ours, or broken: not to be overwritten either.
  }
  fail_usage("--{} {} exists and is not {} made by Halorec; remove it or name another file", option,
             out.string(), what);
}

OutputFile::OutputFile(std::filesystem::path path)
    : path_(std::move(path)), working_(path_.string() + ".tmp") {
  std::error_code ignored;
  if (std::filesystem::is_directory(path_, ignored)) {
    fail("cannot write {}: it is a folder", path_.string());
  }
  is_device_ = std::filesystem::exists(path_, ignored) &&
               (!std::filesystem::is_regular_file(path_, ignored) ||
                std::filesystem::is_symlink(path_, ignored));
  if (is_device_) working_ = path_;
  file_ = std::fopen(working_.c_str(), "wb");
  if (file_ == nullptr) fail_with_reason("open");
}

OutputFile::~OutputFile() {
  if (file_ != nullptr) std::fclose(file_);
  if (committed_ || is_device_) return;
  std::error_code ignored;
  std::filesystem::remove(working_, ignored);
}

void OutputFile::write(std::string_view bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size()) fail_with_reason("write");
}

void OutputFile::commit() {
  if (std::fflush(file_) != 0) fail_with_reason("write");
  if (!is_device_) sync_path(working_);
  std::fclose(file_);
  file_ = nullptr;
  if (!is_device_) rename_durably(working_, path_);
  committed_ = true;
}

void OutputFile::fail_with_reason(const char* what) const {
  fail("cannot {} {}: {}; choose another place, or make room", what, working_.string(),
       std::generic_category().message(errno));
}

}  // namespace halorec
