// What benchmarks say of numbers: quartiles, turns, fitted lines, plots that are well-formed, and
// when two jobs may be compared.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "comm/check.hpp"
#include "launch/bench/bindings.hpp"
#include "launch/bench/child_job.hpp"
#include "launch/bench/network.hpp"
#include "launch/bench/plot.hpp"
#include "launch/bench/report.hpp"
#include "launch/bench/statistics.hpp"
#include "launch/threads.hpp"

namespace halorec {
namespace {

TEST(Statistics, QuartilesByHand) {
  const Summary odd = summarise({5, 1, 4, 2, 3});
  EXPECT_EQ(odd.count, 5);
  EXPECT_DOUBLE_EQ(odd.median, 3);
  EXPECT_DOUBLE_EQ(odd.lower, 2);
  EXPECT_DOUBLE_EQ(odd.upper, 4);
  EXPECT_DOUBLE_EQ(odd.smallest, 1);
  EXPECT_DOUBLE_EQ(odd.largest, 5);
  EXPECT_DOUBLE_EQ(odd.spread(), 2.0 / 3.0);
  const Summary even = summarise({4, 1, 3, 2});
  EXPECT_DOUBLE_EQ(even.median, 2.5);
  EXPECT_DOUBLE_EQ(even.lower, 1.75);
  EXPECT_DOUBLE_EQ(even.upper, 3.25);
  EXPECT_DOUBLE_EQ(summarise({7}).upper, 7);
  EXPECT_THROW(summarise({}), Error);
}

TEST(Statistics, ASummaryIsReadBackFromJson) {
  const Summary summary = summarise({3, 1, 2, 5});
  const Summary again = summary_of(summary_json(summary));
  EXPECT_EQ(again.count, 4);
  EXPECT_EQ(again.median, summary.median);
  EXPECT_EQ(again.lower, summary.lower);
  EXPECT_EQ(again.upper, summary.upper);
  EXPECT_EQ(again.smallest, 1);
  EXPECT_EQ(again.largest, 5);
}

TEST(Statistics, AnOutlierDoesNotMoveTheMedian) {
  EXPECT_DOUBLE_EQ(summarise({1, 1, 1, 1, 1000}).median, 1);
  EXPECT_DOUBLE_EQ(summarise({1, 1, 1, 1, 1000}).spread(), 0);
}

TEST(Statistics, MeasurementsTakeTurnsAndStartAnew) {
  std::vector<int> order;
  const auto note = [&](int k) {
    return [&order, k] {
      order.push_back(k);
      return static_cast<double>(10 * k + std::ssize(order));
    };
  };
  const auto values = interleave({note(0), note(1), note(2)}, 2, 1);
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 1, 2, 0, 2, 0, 1}));
  // The warm-up round's values are gone; each measurement keeps its own.
  EXPECT_EQ(values[0], (std::vector<double>{6, 8}));
  EXPECT_EQ(values[1], (std::vector<double>{14, 19}));
  EXPECT_EQ(values[2], (std::vector<double>{25, 27}));
  EXPECT_EQ(ratios({6, 8}, {3, 2}), (std::vector<double>{2, 4}));
}

TEST(Network, FitFindsTheLine) {
  std::vector<double> x, y;
  for (double bytes = 8; bytes < 1e8; bytes *= 8) {
    x.push_back(bytes);
    y.push_back(3e-6 + bytes / 5e9);
  }
  const LineFit line = fit_line(x, y);
  EXPECT_NEAR(line.start, 3e-6, 1e-12);
  EXPECT_NEAR(1 / line.slope, 5e9, 1e3);
  EXPECT_THROW(fit_line({8, 8}, {1, 2}), Error);
}

TEST(Network, CostsOfMessages) {
  const Network network{2e-6, 1e9, 1e-6, "given"};
  EXPECT_DOUBLE_EQ(network.exchange_seconds(0, 0), 0);
  EXPECT_DOUBLE_EQ(network.exchange_seconds(1, 1000), 2e-6 + 1e-6);
  EXPECT_DOUBLE_EQ(network.exchange_seconds(3, 0), 4e-6);
  EXPECT_DOUBLE_EQ(network.reduction_seconds(1), 0);
  EXPECT_DOUBLE_EQ(network.reduction_seconds(5), 2 * 3 * 2e-6);
}

TEST(Plot, TicksAreRound) {
  EXPECT_EQ(linear_ticks(0, 10, 5), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(linear_ticks(0, 0.9, 4), (std::vector<double>{0, 0.5}));
  EXPECT_EQ(log_ticks(1, 64), (std::vector<double>{1, 2, 4, 8, 16, 32, 64}));
  EXPECT_EQ(log_ticks(1, 1e5).size(), 6U);
  EXPECT_EQ(short_number(2500), "2.5k");
  EXPECT_EQ(short_number(0.25), "0.25");
  EXPECT_EQ(short_number(0), "0");
  EXPECT_EQ(short_number(3e9), "3G");
}

// Tags close in the order in which they were opened, and every quote ends.
void expect_well_formed(const std::string& text) {
  std::vector<std::string> open;
  for (std::size_t at = text.find('<'); at != std::string::npos; at = text.find('<', at + 1)) {
    const std::size_t end = text.find('>', at);
    ASSERT_NE(end, std::string::npos);
    const std::string tag = text.substr(at + 1, end - at - 1);
    ASSERT_EQ(tag.find('<'), std::string::npos) << tag;
    ASSERT_EQ(std::count(tag.begin(), tag.end(), '"') % 2, 0) << tag;
    if (tag.front() == '!' || tag.back() == '/') continue;
    if (tag.front() == '/') {
      ASSERT_FALSE(open.empty()) << tag;
      EXPECT_EQ(open.back(), tag.substr(1));
      open.pop_back();
    } else {
      open.push_back(tag.substr(0, tag.find_first_of(" \n")));
    }
  }
  EXPECT_TRUE(open.empty());
}

TEST(Plot, LinesAreWellFormedWhateverTheyShow) {
  LinePlot plot{"Fast & <small>", "x \"quoted\"", "y's", true, true, {}};
  expect_well_formed(draw(plot));  // nothing to show
  plot.series = {{"one", {{1, 2}}, PlotSeries::Look::marks},
                 {"a & b", {{1, 1, 0.5, 2}, {8, 64, 60, 70}}, PlotSeries::Look::line_and_marks},
                 {"holes", {{2, std::nan("")}, {4, 8}}, PlotSeries::Look::dashed}};
  const std::string svg = draw(plot);
  expect_well_formed(svg);
  EXPECT_NE(svg.find("a &amp; b"), std::string::npos);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
  plot.log_x = plot.log_y = false;
  expect_well_formed(draw(plot));
}

TEST(Plot, BarsAddUpToTheirLength) {
  StackedBars plot{"t", "ms", {"a", "b"}, {{"first", {1, 3}}, {"second", {2, 0}}}};
  const std::string svg = draw(plot);
  expect_well_formed(svg);
  // Widths of the bars' parts, in order: 1 and 3 of one scale, then 2 (0 is left out).
  std::vector<double> widths;
  for (std::size_t at = svg.find("<rect"); at != std::string::npos;
       at = svg.find("<rect", at + 1)) {
    widths.push_back(std::stod(svg.substr(svg.find("width=\"", at) + 7)));
  }
  ASSERT_GE(widths.size(), 3U);
  EXPECT_NEAR(widths[1], 3 * widths[0], 0.3);
  EXPECT_NEAR(widths[2], 2 * widths[0], 0.3);
}

TEST(Page, IsOneWellFormedFile) {
  const std::string page = html_page("a < b", "<p>body</p>\n", {{{"event", "x"}, {"text", "<&>"}}});
  expect_well_formed(page);
  EXPECT_EQ(page.find("http"), std::string::npos);  // nothing is fetched
  EXPECT_NE(page.find("prefers-color-scheme: dark"), std::string::npos);
}

TEST(Table, ColumnsStandUnderTheirHeads) {
  EXPECT_EQ(table_text({"T", {"name", "n"}, {{"a", "10"}, {"long", "2"}}}),
            "T\n  name   n\n  a     10\n  long   2\n");
}

JobBindings on_one_host(std::vector<std::int64_t> threads,
                        std::vector<std::vector<std::int64_t>> cores) {
  return {std::move(threads), std::move(cores), {}};
}

TEST(Bindings, ComparableWhenEachHasItsCores) {
  const JobBindings one = on_one_host({2}, {{0, 1}});
  EXPECT_EQ(binding_fault({one, on_one_host({1, 1}, {{0}, {1}})}), "");
  // Unbound ranks that share a mask, but have a core each.
  EXPECT_EQ(binding_fault({one, on_one_host({1, 1}, {{0, 1}, {0, 1}})}), "");
}

TEST(Bindings, SkewedOnesAreRefused) {
  const JobBindings one = on_one_host({2}, {{0, 1}});
  EXPECT_NE(binding_fault({on_one_host({2}, {{0}})}).find("2 threads on 1 cores"),
            std::string::npos);
  EXPECT_NE(binding_fault({on_one_host({1, 1}, {{0}, {0}})}).find("share 1 cores"),
            std::string::npos);
  EXPECT_NE(binding_fault({on_one_host({1, 1}, {{0, 1}, {2}})}).find("2 and 1 cores"),
            std::string::npos);
  EXPECT_NE(binding_fault({one, on_one_host({1, 1}, {{0}, {2}})}).find("others"),
            std::string::npos);
  EXPECT_NE(binding_fault({on_one_host({1}, {{0}}), on_one_host({1, 1}, {{0}, {1}})})
                .find("used 1 cores"),
            std::string::npos);
}

TEST(Bindings, CoresOfTwoHostsAreNotTheSame) {
  ThreadPlan plan;
  plan.by_rank = {1, 1};
  plan.places = {{"a", {0}, 1, 1}, {"b", {0}, 1, 1}};
  const JobBindings two = bindings_of(plan);
  EXPECT_EQ(binding_fault({two}), "");
  // One rank with as many cores, all of the first host.
  EXPECT_NE(
      binding_fault({two, {{2}, {{0, 1}}, {0}}}).find("used 2 cores, that of 1 ranks 2 others"),
      std::string::npos);
}

TEST(Launcher, BindsWhereCoresSuffice) {
  const auto bound = default_launcher(2, 4, 8);
  EXPECT_NE(std::find(bound.begin(), bound.end(), "slot:PE=4"), bound.end());
  const auto crowded = default_launcher(3, 4, 8);
  EXPECT_NE(std::find(crowded.begin(), crowded.end(), "none"), crowded.end());
}

}  // namespace
}  // namespace halorec
