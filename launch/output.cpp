#include "launch/output.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "comm/check.hpp"

namespace halorec {
namespace {

[[noreturn]] void report(int code) {
  std::clearerr(stdout);
  if (code == EPIPE) throw OutputClosed();
  fail("cannot write to standard output: {}", std::generic_category().message(code));
}

}  // namespace

void write_stdout(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) report(errno);
}

void flush_stdout() {
  if (std::fflush(stdout) != 0) report(errno);
}

void warn(std::string_view text) {
  fmt::print(stderr, "halorec: warning: {}\n", text);
}

}  // namespace halorec
