#include "partition/readers/line_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>

#include "comm/check.hpp"

namespace halorec {
namespace {

constexpr std::uint64_t kBlockBytes = std::uint64_t{1} << 22;
constexpr std::uint64_t kNowhere = std::numeric_limits<std::uint64_t>::max();

}  // namespace

LineReader::LineReader(const std::filesystem::path& path, std::uint64_t max_record_bytes)
    : path_(path), max_record_bytes_(max_record_bytes), nul_at_(kNowhere) {
  fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd_ < 0) {
    if (errno == ENOENT || errno == ENOTDIR) {
      fail("{}: there is no such file; check the path", path.string());
    }
    fail("{}: cannot be opened: {}", path.string(), std::generic_category().message(errno));
  }
  try {
    struct stat status {};
    if (::fstat(fd_, &status) == 0 && S_ISDIR(status.st_mode)) {
      fail("{}: is a folder where a file is expected", path.string());
    }
    buffer_.resize(kBlockBytes);
    fill();
    check_start();
  } catch (...) {
    ::close(fd_);
    throw;
  }
}

LineReader::~LineReader() {
  ::close(fd_);
}

std::string LineReader::where() const {
  return fmt::format("{}:{}", path_.string(), std::max<std::uint64_t>(record_line_, 1));
}

// Reads one more block behind what is buffered; the current record and what follows it are kept.
bool LineReader::fill() {
  if (ended_) return false;
  if (filled_ == buffer_.size() && begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, filled_ - begin_);
    filled_ -= begin_;
    next_ -= begin_;
    if (nul_at_ != kNowhere) nul_at_ -= std::min(nul_at_, begin_);
    begin_ = 0;
    discarded_ = true;
  }
  if (filled_ == buffer_.size()) buffer_.resize(buffer_.size() * 2);
  ssize_t got = 0;
  do {
    got = ::read(fd_, buffer_.data() + filled_, buffer_.size() - filled_);
  } while (got < 0 && errno == EINTR);
  if (got < 0)
    fail("{}: cannot be read: {}", path_.string(), std::generic_category().message(errno));
  if (got == 0) {
    ended_ = true;
    return false;
  }
  const auto bytes = static_cast<std::uint64_t>(got);
  if (nul_at_ == kNowhere) {
    const void* const nul = std::memchr(buffer_.data() + filled_, '\0', bytes);
    if (nul != nullptr) {
      nul_at_ = static_cast<std::uint64_t>(static_cast<const char*>(nul) - buffer_.data());
    }
  }
  filled_ += bytes;
  return true;
}

void LineReader::check_start() {
  const std::string_view start(buffer_.data(), filled_);
  if (start.empty()) fail("{}: the file is empty", path_.string());
  struct Signature {
    std::string_view bytes, what;
  };
  constexpr std::array<Signature, 7> kSignatures = {{
      {std::string_view("\x1f\x8b", 2), "is compressed with gzip; unpack it first"},
      {std::string_view("PK\x03\x04", 4), "is a zip archive; unpack it first"},
      {std::string_view("\xff\xfe", 2), "is UTF-16 text; convert it to UTF-8 first (iconv)"},
      {std::string_view("\xfe\xff", 2), "is UTF-16 text; convert it to UTF-8 first (iconv)"},
      {std::string_view("\x89HDF\r\n\x1a\n", 8), "is an HDF5 file, not a text file"},
      {std::string_view("halorec 1 ", 10), "is a file of Halorec already, not raw data"},
      {std::string_view("\x28\xb5\x2f\xfd", 4), "is compressed with zstd; unpack it first"},
  }};
  for (const Signature& signature : kSignatures) {
    if (start.starts_with(signature.bytes)) fail("{}: {}", path_.string(), signature.what);
  }
  if (start.starts_with("\xef\xbb\xbf")) next_ = begin_ = 3;
  if (filled_ == begin_) fail("{}: the file is empty", path_.string());
  const std::size_t cr = start.find('\r');
  if (cr != std::string_view::npos && cr + 1 < start.size() &&
      start.find('\n') == std::string_view::npos) {
    fail(
        "{}: its lines end in CR alone, as on old Macintoshes; convert it first: tr '\\r' '\\n' < "
        "OLD > NEW",
        path_.string());
  }
}

void LineReader::check_record(std::uint64_t end) const {
  if (nul_at_ < end) {
    fail("{}: holds a NUL byte, so this is not a text file; check that the right file is given",
         where());
  }
  if (end - begin_ > max_record_bytes_) {
    fail("{}: a line longer than {} bytes; check that this is a text file, a row on each line",
         where(), max_record_bytes_);
  }
}

// Finds the line end at or after `from` (an offset behind begin_); *end is relative to begin_.
bool LineReader::find_end(std::uint64_t from, std::uint64_t* end) {
  while (true) {
    const char* const start = buffer_.data() + begin_ + from;
    const std::uint64_t left = filled_ - begin_ - from;
    if (left > 0) {
      const void* const found = std::memchr(start, '\n', left);
      if (found != nullptr) {
        *end =
            static_cast<std::uint64_t>(static_cast<const char*>(found) - buffer_.data()) - begin_;
        return true;
      }
    }
    from += left;
    check_record(filled_);
    if (!fill()) {
      *end = from;
      return false;
    }
  }
}

bool LineReader::next(std::string_view& line) {
  begin_ = next_;
  record_line_ = last_line_ + 1;
  if (begin_ == filled_ && !fill()) return false;
  begin_ = next_;
  std::uint64_t end = 0;
  const bool terminated = find_end(0, &end);
  check_record(begin_ + end);
  next_ = begin_ + end + (terminated ? 1 : 0);
  last_line_ = record_line_;
  if (end > 0 && buffer_[begin_ + end - 1] == '\r') --end;
  line = {buffer_.data() + begin_, end};
  return true;
}

bool LineReader::extend(std::string_view& line) {
  const std::uint64_t from = next_ - begin_;
  if (next_ == filled_ && !fill()) return false;
  std::uint64_t end = 0;
  const bool terminated = find_end(from, &end);
  check_record(begin_ + end);
  next_ = begin_ + end + (terminated ? 1 : 0);
  ++last_line_;
  if (end > from && buffer_[begin_ + end - 1] == '\r') --end;
  line = {buffer_.data() + begin_, end};
  return true;
}

void LineReader::rewind() {
  HALOREC_ASSERT_LIGHT(!discarded_);
  const bool mark = std::string_view(buffer_.data(), filled_).starts_with("\xef\xbb\xbf");
  begin_ = next_ = mark ? 3 : 0;
  record_line_ = last_line_ = 0;
}

}  // namespace halorec
