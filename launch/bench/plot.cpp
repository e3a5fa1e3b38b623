#include "launch/bench/plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace halorec {
namespace {

constexpr double kWidth = 720, kHeight = 400;
constexpr double kLeft = 78, kRight = 24, kTop = 46, kBottom = 56;
constexpr double kLegendRow = 20;
constexpr int kNumLooks = 8;  // of colours that the page defines

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void take(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

// From a value to a position on the paper.
struct Axis {
  double low, high, from, to;
  bool is_log;
  double operator()(double value) const {
    const double a = is_log ? std::log(low) : low, b = is_log ? std::log(high) : high;
    const double v = is_log ? std::log(value) : value;
    return from + (v - a) / (b - a) * (to - from);
  }
};

Axis make_axis(Range range, bool is_log, double from, double to) {
  if (!(range.low <= range.high)) range = {1, 2};
  if (is_log) {
    if (range.low == range.high) range = {range.low / 2, range.high * 2};
    const double pad = std::pow(range.high / range.low, 0.04);
    return {range.low / pad, range.high * pad, from, to, true};
  }
  range.low = std::min(range.low, 0.0);
  if (range.low == range.high) range.high = range.low + 1;
  return {range.low, range.high + 0.06 * (range.high - range.low), from, to, false};
}

std::string text_at(double x, double y, const char* anchor, const char* look,
                    const std::string& text) {
  return fmt::format(R"(<text x="{:.1f}" y="{:.1f}" text-anchor="{}" class="{}">{}</text>)", x, y,
                     anchor, look, xml_text(text)) +
         "\n";
}

std::string line_from(double x1, double y1, double x2, double y2, const std::string& look) {
  return fmt::format(R"(<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" class="{}"/>)", x1,
                     y1, x2, y2, look) +
         "\n";
}

std::string mark_at(std::size_t series, double x, double y) {
  const auto look = fmt::format("fill{}", series % kNumLooks);
  switch (series % 4) {
    case 0:
      return fmt::format(R"(<circle cx="{:.1f}" cy="{:.1f}" r="4.5" class="{}"/>)", x, y, look);
    case 1:
      return fmt::format(R"(<rect x="{:.1f}" y="{:.1f}" width="8" height="8" class="{}"/>)", x - 4,
                         y - 4, look);
    case 2:
      return fmt::format(R"(<path d="M{:.1f} {:.1f}l5.5 9.5h-11z" class="{}"/>)", x, y - 6, look);
    default:
      return fmt::format(R"(<path d="M{:.1f} {:.1f}l5.5 5.5l-5.5 5.5l-5.5 -5.5z" class="{}"/>)", x,
                         y - 5.5, look);
  }
}

std::string opening(double height, const std::string& title) {
  return fmt::format(
             R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="{}">)",
             kWidth, height, xml_text(title)) +
         "\n" + text_at(kLeft, 22, "start", "title", title);
}

// Rough width of text in the legend's 13 px.
double text_width(const std::string& text) {
  return 7.2 * static_cast<double>(text.size());
}

// Entries in rows; `swatch(index, x, y)` draws what stands before a name. Returns the height.
template <typename Swatch>
double legend(std::string& svg, const std::vector<std::string>& names, double top,
              const Swatch& swatch) {
  double x = kLeft, y = top;
  for (std::size_t k = 0; k < names.size(); ++k) {
    const double width = 34 + text_width(names[k]) + 14;
    if (x > kLeft && x + width > kWidth - 8) {
      x = kLeft;
      y += kLegendRow;
    }
    svg += swatch(k, x, y) + "\n" + text_at(x + 32, y + 4, "start", "label", names[k]);
    x += width;
  }
  return y + kLegendRow - top;
}

}  // namespace

std::string xml_text(const std::string& text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        result += static_cast<unsigned char>(c) < 0x20 && c != '\n' ? ' ' : c;
    }
  }
  return result;
}

std::string short_number(double value) {
  const double size = std::abs(value);
  if (size == 0) return "0";
  if (size >= 1e15 || size < 1e-4) return fmt::format("{:.0e}", value);
  if (size >= 1e12) return fmt::format("{:g}T", value / 1e12);
  if (size >= 1e9) return fmt::format("{:g}G", value / 1e9);
  if (size >= 1e6) return fmt::format("{:g}M", value / 1e6);
  if (size >= 1e3) return fmt::format("{:g}k", value / 1e3);
  return fmt::format("{:g}", value);
}

std::vector<double> linear_ticks(double low, double high, int wanted) {
  const double raw = (high - low) / std::max(wanted, 1);
  const double power = std::pow(10, std::floor(std::log10(raw)));
  const double unit = raw / power;
  const double step = power * (unit <= 1 ? 1 : unit <= 2 ? 2 : unit <= 5 ? 5 : 10);
  std::vector<double> ticks;
  for (auto k = static_cast<std::int64_t>(std::ceil(low / step));
       static_cast<double>(k) * step <= high; ++k) {
    ticks.push_back(static_cast<double>(k) * step);
  }
  return ticks;
}

std::vector<double> log_ticks(double low, double high) {
  std::vector<double> ticks;
  // Calls `use` with the powers of a base from the last one not above `low` to `high`.
  const auto powers = [&](double base, const auto& use) {
    const double scale = std::log(base);
    const auto first = static_cast<int>(std::floor(std::log(low) / scale));
    const auto last = static_cast<int>(std::floor(std::log(high) / scale + 1e-9));
    for (int power = first; power <= last; ++power) use(std::pow(base, power));
  };
  if (high / low > 1500) {
    powers(10, [&](double t) {
      if (t >= low) ticks.push_back(t);
    });
    return ticks;
  }
  if (high / low > 12 && high / low <= 1500) {
    powers(2, [&](double t) {
      if (t >= low) ticks.push_back(t);
    });
    return ticks;
  }
  powers(10, [&](double t) {
    for (const double unit : {1.0, 1.5, 2.0, 3.0, 5.0, 7.0}) {
      if (unit * t >= low && unit * t <= high) ticks.push_back(unit * t);
    }
  });
  return ticks;
}

std::string draw(const LinePlot& plot) {
  Range xs, ys;
  for (const PlotSeries& series : plot.series) {
    for (const PlotPoint& p : series.points) {
      if (!std::isfinite(p.x) || !std::isfinite(p.y)) continue;
      xs.take(p.x);
      ys.take(p.y);
      if (p.low < p.high) {
        ys.take(p.low);
        ys.take(p.high);
      }
    }
  }
  std::vector<std::string> names;
  for (const PlotSeries& series : plot.series) names.push_back(series.name);
  const Axis x = make_axis(xs, plot.log_x, kLeft, kWidth - kRight);
  const Axis y = make_axis(ys, plot.log_y, kHeight - kBottom, kTop);

  std::string body;
  for (const double t : plot.log_y ? log_ticks(y.low, y.high) : linear_ticks(y.low, y.high, 6)) {
    body += line_from(kLeft, y(t), kWidth - kRight, y(t), "grid");
    body += text_at(kLeft - 8, y(t) + 4, "end", "tick", short_number(t));
  }
  const auto x_ticks = !plot.x_ticks.empty() ? plot.x_ticks
                       : plot.log_x          ? log_ticks(x.low, x.high)
                                             : linear_ticks(x.low, x.high, 8);
  for (const double t : x_ticks) {
    body += line_from(x(t), kTop, x(t), kHeight - kBottom, "grid");
    body += text_at(x(t), kHeight - kBottom + 18, "middle", "tick", short_number(t));
  }
  body += line_from(kLeft, kHeight - kBottom, kWidth - kRight, kHeight - kBottom, "axis");
  body += line_from(kLeft, kTop, kLeft, kHeight - kBottom, "axis");
  body += text_at((kLeft + kWidth - kRight) / 2, kHeight - 14, "middle", "label", plot.x_label);
  const double middle = (kTop + kHeight - kBottom) / 2;
  body += fmt::format(
      R"svg(<text x="18" y="{0:.1f}" transform="rotate(-90 18 {0:.1f})" text-anchor="middle" class="label">{1}</text>)svg",
      middle, xml_text(plot.y_label));
  body += "\n";
  using Look = PlotSeries::Look;
  const auto stroke = [](std::size_t k, Look look) {
    return fmt::format("stroke{}{}", k % kNumLooks, look == Look::dashed ? " dashed" : "");
  };
  for (std::size_t k = 0; k < plot.series.size(); ++k) {
    const PlotSeries& series = plot.series[k];
    std::string path;
    for (const PlotPoint& p : series.points) {
      if (!std::isfinite(p.x) || !std::isfinite(p.y)) continue;
      path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", x(p.x), y(p.y));
    }
    if (series.look != Look::marks && !path.empty()) {
      body += fmt::format(R"(<path d="{}" class="{}"/>)", path, stroke(k, series.look)) + "\n";
    }
    for (const PlotPoint& p : series.points) {
      if (!std::isfinite(p.x) || !std::isfinite(p.y)) continue;
      if (p.low < p.high)
        body += line_from(x(p.x), y(p.low), x(p.x), y(p.high), stroke(k, Look::line));
      if (series.look == Look::line_and_marks || series.look == Look::marks) {
        body += fmt::format("<g><title>{}: {}, {}</title>{}</g>\n", xml_text(series.name),
                            short_number(p.x), short_number(p.y), mark_at(k, x(p.x), y(p.y)));
      }
    }
  }
  const double rows = legend(body, names, kHeight + 8, [&](std::size_t k, double lx, double ly) {
    const Look look = plot.series[k].look;
    std::string swatch;
    if (look != Look::marks) swatch += line_from(lx, ly, lx + 26, ly, stroke(k, look));
    if (look == Look::line_and_marks || look == Look::marks) swatch += mark_at(k, lx + 13, ly);
    return swatch;
  });
  return opening(kHeight + 8 + rows, plot.title) + body + "</svg>\n";
}

std::string draw(const StackedBars& plot) {
  constexpr double kBar = 30, kGap = 14, kNames = 150;
  Range xs;
  xs.take(0);
  for (const auto& bar : plot.bars) {
    double total = 0;
    for (const double value : bar.values) total += value;
    xs.take(total);
  }
  const double bottom = kTop + static_cast<double>(plot.bars.size()) * (kBar + kGap);
  const Axis x = make_axis(xs, false, kNames, kWidth - 70);
  std::string body;
  for (const double t : linear_ticks(x.low, x.high, 7)) {
    body += line_from(x(t), kTop - 6, x(t), bottom, "grid");
    body += text_at(x(t), bottom + 18, "middle", "tick", short_number(t));
  }
  for (std::size_t b = 0; b < plot.bars.size(); ++b) {
    const auto& bar = plot.bars[b];
    const double top = kTop + static_cast<double>(b) * (kBar + kGap);
    body += text_at(kNames - 10, top + kBar / 2 + 4, "end", "label", bar.name);
    double before = 0;
    for (std::size_t k = 0; k < bar.values.size(); ++k) {
      const double from = x(before), to = x(before + bar.values[k]);
      before += bar.values[k];
      if (to - from <= 0) continue;
      body += fmt::format(
          R"(<g><title>{}, {}: {:.3g}</title><rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.0f}" class="fill{} edge"/></g>)",
          xml_text(bar.name), xml_text(plot.parts[k]), bar.values[k], from, top, to - from, kBar,
          k % kNumLooks);
      body += "\n";
    }
    body +=
        text_at(x(before) + 8, top + kBar / 2 + 4, "start", "label", fmt::format("{:.3g}", before));
  }
  body += line_from(kNames, kTop - 6, kNames, bottom, "axis");
  body += text_at((kNames + kWidth - 70) / 2, bottom + 40, "middle", "label", plot.x_label);
  const double rows =
      legend(body, plot.parts, bottom + 64, [&](std::size_t k, double lx, double ly) {
        return fmt::format(
            R"(<rect x="{:.1f}" y="{:.1f}" width="22" height="12" class="fill{} edge"/>)", lx + 2,
            ly - 6, k % kNumLooks);
      });
  return opening(bottom + 64 + rows, plot.title) + body + "</svg>\n";
}

}  // namespace halorec
