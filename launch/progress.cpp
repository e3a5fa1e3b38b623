#include "launch/progress.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "launch/command_line.hpp"
#include "launch/output.hpp"

namespace halorec {
namespace {

std::string duration_text(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{}:{:02} min", whole / 60, whole % 60);
  return fmt::format("{}:{:02} h", whole / 3600, whole / 60 % 60);
}

std::string rate_text(double rate) {
  if (rate >= 1e9) return fmt::format("{:.2f} G", rate / 1e9);
  if (rate >= 1e6) return fmt::format("{:.2f} M", rate / 1e6);
  if (rate >= 1e3) return fmt::format("{:.1f} k", rate / 1e3);
  return fmt::format("{:.0f} ", rate);
}

std::size_t terminal_columns() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;  // behind mpirun's pipe
}

// Whether a person sees what is written to this descriptor of ours.
bool shows_on_terminal(int descriptor) {
  if (!find_launcher().present) return isatty(descriptor) == 1;
  const auto path = fmt::format("/proc/{}/fd/{}", getppid(), descriptor);
  const int of_launcher = open(path.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  if (of_launcher < 0) return false;
  const bool terminal = isatty(of_launcher) == 1;
  close(of_launcher);
  return terminal;
}

constexpr std::string_view kWipe = "\r\x1b[K";  // to the first column, and to the line's end

}  // namespace

double time_left(double first_fraction, double fraction, double seconds) {
  const double done = fraction - first_fraction;
  return done > 0 && seconds >= 1 ? seconds * std::max(1 - fraction, 0.0) / done : 0;
}

std::string progress_text(const TrainingProgress& progress, double seconds_left,
                          std::size_t columns) {
  auto text = fmt::format("epoch {}/{}", progress.epoch, progress.num_epochs);
  if (std::isfinite(progress.loss) && progress.loss != 0) {
    text += fmt::format("  loss {:.5f}", progress.loss);
  }
  if (progress.edges_per_second > 0) {
    text += fmt::format("  {}edges/s", rate_text(progress.edges_per_second));
  }
  text += fmt::format("  {:.0f} %", 100 * progress.fraction);
  if (seconds_left > 0) text += fmt::format("  {} left", duration_text(seconds_left));
  if (text.size() > columns) text.resize(columns);
  return text;
}

std::string epoch_text(const EpochReport& report, bool with_terms) {
  auto text =
      fmt::format("epoch {:3}  loss {:.5f}  {:.2f} s", report.epoch, report.loss, report.seconds);
  for (const auto& [name, value] : report.metrics) text += fmt::format("  {} {:.4f}", name, value);
  if (!with_terms) return text;
  for (const auto& [name, value] : report.terms) text += fmt::format("  {} {:.5f}", name, value);
  return text;
}

bool watched_by_person() {
  return shows_on_terminal(STDERR_FILENO);
}

ProgressLine::ProgressLine(bool enabled) : enabled_(enabled) {}

ProgressLine::~ProgressLine() {
  clear();
}

void ProgressLine::update(const TrainingProgress& progress) {
  if (!enabled_) return;
  const auto now = std::chrono::steady_clock::now();
  if (!first_fraction_) {
    first_fraction_ = progress.fraction;
    first_ = now;
  }
  if (drawn_ && now - last_ < std::chrono::milliseconds(100)) return;
  last_ = now;
  drawn_ = true;
  const std::chrono::duration<double> elapsed = now - first_;
  const double left = time_left(*first_fraction_, progress.fraction, elapsed.count());
  // Back to the first column, the text, then wipe to the end of the line.
  fmt::print(stderr, "\r{}\x1b[K", progress_text(progress, left, terminal_columns() - 1));
  std::fflush(stderr);
}

void ProgressLine::clear() {
  if (!drawn_) return;
  drawn_ = false;
  fmt::print(stderr, "{}", kWipe);
  std::fflush(stderr);
}

void ProgressLine::print(std::string_view text) {
  const bool wipes_itself = drawn_ && shows_on_terminal(STDOUT_FILENO);
  if (wipes_itself) {
    drawn_ = false;
  } else {
    clear();
  }
  write_stdout(fmt::format("{}{}\n", wipes_itself ? kWipe : "", text));
  flush_stdout();
}

}  // namespace halorec
