// One line that moves, for a person who watches a terminal; never a byte into a file or a pipe.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "engine/trainer.hpp"

namespace halorec {

// The line's text, at most `columns` characters wide; unknown numbers (0) are left out.
std::string progress_text(const TrainingProgress& progress, double seconds_left,
                          std::size_t columns);

// An epoch's line of the table that stays: its loss, time, metrics, and if wanted the loss's terms.
std::string epoch_text(const EpochReport& report, bool with_terms);

// Seconds to the end of a run that went from `first_fraction` to `fraction` in `seconds`; 0 while
// it is too early to tell. A resumed run does not start at 0.
double time_left(double first_fraction, double fraction, double seconds);

// True when a person sees what this process writes to stderr. Under mpirun stderr is a pipe of
// mpirun's, so the answer is that of the launcher's own stderr (ranks on its host alone).
bool watched_by_person();

class ProgressLine {
 public:
  // Silent unless `enabled` (the root, not --json to a terminal, watched_by_person()).
  explicit ProgressLine(bool enabled);
  // Ends the line.
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // Draws at most ten times a second.
  void update(const TrainingProgress& progress);
  // Wipes the line, so that other text can be printed; the next update draws it again.
  void clear();
  // Writes a line on stdout in the place of the moving one. mpirun forwards the two streams in any
  // order, so where stdout shows on a terminal too, the wiping travels with the text.
  void print(std::string_view text);

 private:
  bool enabled_;
  bool drawn_ = false;
  std::optional<double> first_fraction_;
  std::chrono::steady_clock::time_point first_{}, last_{};
};

}  // namespace halorec
