// Sealing and checking of files. The user block is compared with what Halorec would have written,
// byte for byte, so that a flipped bit anywhere in it is found as surely as one in the content.
#include "comm/file_seal.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <vector>

#include "comm/check.hpp"
#include "comm/hdf5_file.hpp"

namespace halorec {
namespace {

constexpr std::string_view kMagic = "halorec 1 ";
constexpr std::string_view kHdf5Magic("\x89HDF\r\n\x1a\n", 8);
constexpr std::size_t kReadBlockBytes = std::size_t{1} << 22;

class FileDescriptor {
 public:
  FileDescriptor(const std::filesystem::path& path, int flags, mode_t mode = 0)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {}
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  bool is_open() const { return fd_ >= 0; }
  int get() const { return fd_; }
  // Closes and says whether the last writes reached the file (NFS reports them here).
  bool close() {
    const int fd = fd_;
    fd_ = -1;
    return ::close(fd) == 0;
  }

 private:
  int fd_;
};

std::string reason() {
  return std::generic_category().message(errno);
}

// Reads up to `bytes` bytes (less only at the end of the file).
std::size_t read_some(int fd, char* into, std::size_t bytes, const std::filesystem::path& path) {
  std::size_t done = 0;
  while (done < bytes) {
    const ssize_t got = ::read(fd, into + done, bytes - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("{}: cannot be read: {}", path.string(), reason());
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

void write_all(int fd, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      fail("{}: cannot be written: {}; free space or choose another folder", path.string(),
           reason());
    }
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
}

std::string hex(XXH128_hash_t hash) {
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

// XXH3-128 from the descriptor's position to the end; adds the bytes read to *size.
std::string digest_to_end(int fd, const std::filesystem::path& path, std::uint64_t* size) {
  const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state(XXH3_createState(),
                                                                              XXH3_freeState);
  if (!state) fail("out of memory while reading {}", path.string());
  XXH3_128bits_reset(state.get());
  std::vector<char> block(kReadBlockBytes);
  while (true) {
    const std::size_t got = read_some(fd, block.data(), block.size(), path);
    XXH3_128bits_update(state.get(), block.data(), got);
    *size += got;
    if (got < block.size()) break;
  }
  return hex(XXH3_128bits_digest(state.get()));
}

std::string render_user_block(const FileSeal& seal) {
  std::string block = fmt::format("{}{} {}\n", kMagic, seal.size_bytes, seal.digest);
  block.resize(kUserBlockBytes, '\0');
  return block;
}

// False when `block` is not exactly what render_user_block writes.
bool parse_user_block(const std::string& block, FileSeal* seal) {
  const char* const begin = block.data() + kMagic.size();
  const char* const end = block.data() + block.size();
  const auto [after, code] = std::from_chars(begin, end, seal->size_bytes);
  if (code != std::errc() || end - after < 34) return false;
  seal->digest.assign(after + 1, 32);
  return block == render_user_block(*seal);
}

}  // namespace

std::filesystem::path parent_folder(const std::filesystem::path& path) {
  const std::filesystem::path parent = path.parent_path();
  return parent.empty() ? std::filesystem::path(".") : parent;
}

FileSeal seal_file(const std::filesystem::path& path) {
  const FileDescriptor file(path, O_RDWR);
  if (!file.is_open()) fail("{}: cannot be reopened: {}", path.string(), reason());
  if (::lseek(file.get(), kUserBlockBytes, SEEK_SET) < 0) {
    fail("{}: cannot be read: {}", path.string(), reason());
  }
  FileSeal seal;
  seal.size_bytes = kUserBlockBytes;
  seal.digest = digest_to_end(file.get(), path, &seal.size_bytes);
  if (::lseek(file.get(), 0, SEEK_SET) < 0) fail("{}: cannot seek: {}", path.string(), reason());
  write_all(file.get(), render_user_block(seal), path);
  if (::fsync(file.get()) != 0) {
    fail("{}: cannot be made durable (fsync): {}", path.string(), reason());
  }
  return seal;
}

FileSeal check_seal(const std::filesystem::path& path, std::string_view what, bool verify_digest) {
  const FileDescriptor file(path, O_RDONLY);
  if (!file.is_open()) {
    if (errno == ENOENT || errno == ENOTDIR) {
      fail("{}: there is no such {} file; check the path", path.string(), what);
    }
    fail("{}: the {} file cannot be opened: {}", path.string(), what, reason());
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) fail("{}: cannot stat: {}", path.string(), reason());
  if (S_ISDIR(status.st_mode)) {
    fail("{}: is a folder, not a {} file of Halorec", path.string(), what);
  }
  if (!S_ISREG(status.st_mode)) {
    fail("{}: is not a regular file; a {} file of Halorec is expected", path.string(), what);
  }
  std::string block(kUserBlockBytes, '\0');
  block.resize(read_some(file.get(), block.data(), block.size(), path));
  if (block.empty()) {
    fail("{}: the {} file is empty; make it again or restore a copy", path.string(), what);
  }
  FileSeal seal;
  const bool ours = block.starts_with(kMagic);
  if (!ours && block.starts_with(kHdf5Magic)) {
    fail("{}: is an HDF5 file, but not a {} file written by Halorec (no seal in front of it)",
         path.string(), what);
  }
  if (!ours) fail("{}: is not a {} file written by Halorec", path.string(), what);
  if (block.size() < kUserBlockBytes) {
    fail("{}: the {} file is truncated: {} bytes are left of it; make it again or restore a copy",
         path.string(), what, block.size());
  }
  if (!parse_user_block(block, &seal)) {
    fail(
        "{}: the {} file is damaged: its first {} bytes are not as written; make it again or "
        "restore a copy",
        path.string(), what, kUserBlockBytes);
  }
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size != seal.size_bytes) {
    fail("{}: the {} file is {}: {} bytes where {} were written; make it again or restore a copy",
         path.string(), what, size < seal.size_bytes ? "truncated" : "damaged", size,
         seal.size_bytes);
  }
  if (verify_digest) {
    std::uint64_t read = kUserBlockBytes;
    const std::string digest = digest_to_end(file.get(), path, &read);
    if (digest != seal.digest) {
      fail(
          "{}: the {} file is damaged: its content has digest {} where {} was written; make it "
          "again or restore a copy",
          path.string(), what, digest, seal.digest);
    }
  }
  return seal;
}

void sync_path(const std::filesystem::path& path) {
  const FileDescriptor file(path, O_RDONLY);
  if (!file.is_open() || ::fsync(file.get()) != 0) {
    fail("{}: cannot be made durable (fsync): {}", path.string(), reason());
  }
}

void rename_durably(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) {
    fail("{}: cannot be put in place: {}; choose another path", to.string(), reason());
  }
  sync_path(parent_folder(to));
}

void write_text_durably(const std::filesystem::path& path, std::string_view text) {
  const std::string temporary = path.string() + ".tmp";
  FileDescriptor file(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  if (!file.is_open()) {
    fail("{}: cannot be created: {}; choose a folder that exists and can be written to",
         path.string(), reason());
  }
  try {
    write_all(file.get(), text, temporary);
    if (::fsync(file.get()) != 0 || !file.close()) {
      fail("{}: cannot be made durable (fsync): {}", path.string(), reason());
    }
    rename_durably(temporary, path);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
}

std::string file_digest(const std::filesystem::path& path) {
  const FileDescriptor file(path, O_RDONLY);
  if (!file.is_open()) fail("{}: cannot be opened: {}", path.string(), reason());
  std::uint64_t size = 0;
  return digest_to_end(file.get(), path, &size);
}

}  // namespace halorec
