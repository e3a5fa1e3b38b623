// Plots as SVG text, for pages that open without a network. Colours, marks and text are CSS classes
// that the page defines for light and dark (launch/bench/page.cpp); series differ by mark and dash
// too, so that colour alone carries nothing.
#pragma once

#include <string>
#include <vector>

namespace halorec {

struct PlotPoint {
  double x = 0;
  double y = 0;
  double low = 0;  // ends of a vertical bar that shows the spread; none when low == high
  double high = 0;
};

struct PlotSeries {
  enum class Look : unsigned char { line_and_marks, line, dashed, marks };
  std::string name;
  std::vector<PlotPoint> points;
  Look look = Look::line_and_marks;
};

struct LinePlot {
  std::string title, x_label, y_label;
  bool log_x = false, log_y = false;  // all points must then be above zero
  std::vector<PlotSeries> series;
  std::vector<double> x_ticks{};  // where ticks stand; empty: chosen
};

// Horizontal bars, each a stack of `parts`.
struct StackedBars {
  struct Bar {
    std::string name;
    std::vector<double> values;  // one for each part, none negative
  };
  std::string title, x_label;
  std::vector<std::string> parts;
  std::vector<Bar> bars;
};

// An <svg> element. Points that are not finite are left out.
std::string draw(const LinePlot& plot);
std::string draw(const StackedBars& plot);

// Round positions for ticks from `low` to `high`: about `wanted` multiples of 1, 2 or 5 times a
// power of ten; on a logarithmic axis powers of two or of ten.
std::vector<double> linear_ticks(double low, double high, int wanted);
std::vector<double> log_ticks(double low, double high);

// A number as an axis shows it: 0.05, 12, 3.5k, 2M, 1e-6.
std::string short_number(double value);

// Text with &, <, > and quotes escaped for XML.
std::string xml_text(const std::string& text);

}  // namespace halorec
