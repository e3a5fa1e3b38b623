// Lines of a text file in big blocks, with their numbers for messages. Line ends are LF or CRLF; a
// UTF-8 byte-order mark is skipped; what is plainly no text (NUL bytes, gzip, zip, HDF5, UTF-16) is
// an Error at the place where it stands.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace halorec {

class LineReader {
 public:
  // Error when the file is missing, a folder, unreadable or empty.
  explicit LineReader(const std::filesystem::path& path,
                      std::uint64_t max_record_bytes = std::uint64_t{1} << 20);
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  // The next line without its end; false at the end of the file. `line` is valid until the next
  // call.
  bool next(std::string_view& line);
  // Makes the current record longer by one line (a quoted field that holds a line end), the line
  // end kept in between. False when the file has ended.
  bool extend(std::string_view& line);
  // Goes back to the first line (not past a pipe's first block).
  void rewind();

  const std::filesystem::path& path() const { return path_; }
  // The first line of the current record, from 1; and as "path:12".
  std::uint64_t line() const { return record_line_; }
  std::string where() const;

 private:
  bool fill();
  bool find_end(std::uint64_t from, std::uint64_t* end);
  void check_start();
  void check_record(std::uint64_t end) const;

  std::filesystem::path path_;
  std::uint64_t max_record_bytes_;
  int fd_ = -1;
  bool ended_ = false;
  std::vector<char> buffer_;
  std::uint64_t begin_ = 0;        // of the current record in buffer_
  std::uint64_t next_ = 0;         // of the record after it
  std::uint64_t filled_ = 0;       // bytes of buffer_ that are read
  std::uint64_t nul_at_;           // position in buffer_ of the first NUL byte
  std::uint64_t record_line_ = 0;  // line number of the current record
  std::uint64_t last_line_ = 0;    // line number of its last line
  bool discarded_ = false;         // the first block has left the buffer
};

}  // namespace halorec
