#include "comm/check.hpp"

#include <mpi.h>

#include <cstdio>
#include <cstdlib>

namespace halorec {

void assertion_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "halorec: bug: assertion failed at %s:%d: %s\n", file, line, condition);
  std::fflush(stderr);
  std::abort();
}

void check_mpi(int code, const char* what) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(code, text, &length);
  fail("{} failed: {}; another rank or its host may have died: look for the first message above",
       what, std::string_view(text, static_cast<std::size_t>(length)));
}

}  // namespace halorec
