// One line that moves, for a person who watches a terminal; never a byte into a file or a pipe.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace halorec {

// What the line shows. Unknown numbers are left out.
struct ProgressState {
  std::int64_t epoch = 0;  // from 1
  std::int64_t num_epochs = 0;
  double fraction = 0;  // of the whole run, 0 .. 1
  double loss = 0;
  double edges_per_second = 0;
  double seconds = 0;  // since the start, for the time left
};

// The line's text, at most `columns` characters wide.
std::string progress_text(const ProgressState& state, std::size_t columns);

// True when a person sees what this process writes to stderr. Under mpirun stderr is a pipe of
// mpirun's, so the answer is that of the launcher's own stderr (ranks on its host alone).
bool watched_by_person();

class Progress {
 public:
  // Silent unless `enabled` (the root, not --json to a terminal, watched_by_person()).
  explicit Progress(bool enabled);
  // Ends the line.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Draws at most ten times a second.
  void update(const ProgressState& state);
  // Wipes the line, so that other text can be printed; the next update draws it again.
  void clear();

 private:
  bool enabled_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point last_{};
};

}  // namespace halorec
