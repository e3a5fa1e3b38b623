// Standard output, written so that a failure is heard and a reader that has left is not; and the
// form of warnings.
#pragma once

#include <csignal>
#include <string_view>

#include "comm/check.hpp"

namespace halorec {

inline constexpr int kExitPipe = 128 + SIGPIPE;  // as the shell would say it

// The reader of stdout is gone (`halorec ... | head`). No fault: an Error without words, which ends
// every rank without a message.
class OutputClosed : public Error {
 public:
  OutputClosed() : Error("", kExitPipe) {}
};

// Writes to stdout. OutputClosed when its reader is gone, Error when the disk is full.
void write_stdout(std::string_view text);
// Flushes, with the same errors. main calls it at the end.
void flush_stdout();
// "halorec: warning: TEXT" on stderr, in one line.
void warn(std::string_view text);

}  // namespace halorec
