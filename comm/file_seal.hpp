// The seal of our HDF5 files: the 512-byte user block that states a file's size and digest, and the
// durable rename that makes a finished file appear whole or not at all. Knows nothing of HDF5.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace halorec {

inline constexpr std::uint64_t kUserBlockBytes = 512;

struct FileSeal {
  std::uint64_t size_bytes = 0;  // of the whole file, user block included
  std::string digest;            // XXH3-128 of the bytes after the user block, 32 hex digits
};

// Computes the seal of a finished file, writes it into the user block and fsyncs the file.
FileSeal seal_file(const std::filesystem::path& path);

// Reads the seal and compares it with the file. Error when the file is missing, a folder, empty,
// not sealed by Halorec, of another size, or (with `verify_digest`) of another content. `what`
// names the file's role in the message.
FileSeal check_seal(const std::filesystem::path& path, std::string_view what, bool verify_digest);

// Renames `from` over `to` and fsyncs the parent folder.
void rename_durably(const std::filesystem::path& from, const std::filesystem::path& to);

// The folder that holds `path` ("." for a bare name).
std::filesystem::path parent_folder(const std::filesystem::path& path);

}  // namespace halorec
