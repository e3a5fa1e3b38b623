// Standard output, written so that a failure is heard and a reader that has left is not.
#pragma once

#include <exception>
#include <string_view>

namespace halorec {

// The reader of stdout is gone (`halorec ... | head`). No fault: main ends without a message.
class OutputClosed : public std::exception {
 public:
  const char* what() const noexcept override { return "standard output is closed"; }
};

// Writes to stdout. OutputClosed when its reader is gone, Error when the disk is full.
void write_stdout(std::string_view text);
// Flushes, with the same errors. main calls it at the end.
void flush_stdout();

}  // namespace halorec
