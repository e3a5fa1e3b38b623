#include "launch/bench/report.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "comm/communicator.hpp"
#include "comm/run_log.hpp"
#include "launch/bench/machine_kernels.hpp"
#include "launch/bench/plot.hpp"
#include "launch/output.hpp"
#include "launch/output_file.hpp"
#include "launch/threads.hpp"

namespace halorec {
namespace {

std::string table_html(const ReportTable& table) {
  std::string html = "<h2>" + xml_text(table.title) + "</h2>\n<div class=\"wide\"><table><tr>";
  for (const auto& cell : table.header) html += "<th>" + xml_text(cell) + "</th>";
  html += "</tr>\n";
  for (const auto& row : table.rows) {
    html += "<tr>";
    for (const auto& cell : row) html += "<td>" + xml_text(cell) + "</td>";
    html += "</tr>\n";
  }
  return html + "</table></div>\n";
}

std::string processor_name() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown processor";
}

std::string joined(const std::vector<std::int32_t>& numbers) {
  std::string text;
  for (const auto n : numbers) text += (text.empty() ? "" : ",") + std::to_string(n);
  return text;
}

std::int64_t cache_bytes(int name) {
  return std::max<std::int64_t>(0, ::sysconf(name));
}

// Programs that wanted to run in the last minute, this one included.
double load_average() {
  double load = 0;
  return ::getloadavg(&load, 1) == 1 ? load : 0;
}

}  // namespace

std::string table_text(const ReportTable& table) {
  std::vector<std::size_t> width;
  for (const auto& cell : table.header) width.push_back(cell.size());
  for (const auto& row : table.rows) {
    for (std::size_t c = 0; c < row.size(); ++c) width[c] = std::max(width[c], row[c].size());
  }
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string text;
    for (std::size_t c = 0; c < cells.size(); ++c) {
      text += c == 0 ? fmt::format("  {:<{}}", cells[c], width[c])
                     : fmt::format("  {:>{}}", cells[c], width[c]);
    }
    text.resize(text.find_last_not_of(' ') + 1);
    return text + "\n";
  };
  std::string text = table.title + "\n" + line(table.header);
  for (const auto& row : table.rows) text += line(row);
  return text;
}

Report::Report(const CommandContext& context, std::string title,
               std::optional<std::filesystem::path> html)
    : speaks_(context.communicator.is_root()),
      json_(context.json()),
      title_(std::move(title)),
      html_(std::move(html)) {
  if (!speaks_) return;
  record(machine_record(context));
  say(machine_text(context));
}

void Report::record(const nlohmann::ordered_json& object) {
  if (!speaks_) return;
  records_.push_back(object);
  if (json_) write_stdout(json_line(object));
}

void Report::table(const ReportTable& table) {
  if (!speaks_) return;
  if (!json_) write_stdout("\n" + table_text(table));
  body_ += table_html(table);
}

void Report::say(const std::string& text) {
  if (!speaks_) return;
  if (!json_) write_stdout(text + "\n");
  body_ += "<p>" + xml_text(text) + "</p>\n";
}

void Report::warn(const std::string& text) {
  if (!speaks_) return;
  halorec::warn(text);
  body_ += "<p>warning: " + xml_text(text) + "</p>\n";
}

void Report::plot(const std::string& svg, const std::string& caption) {
  if (!speaks_) return;
  body_ += "<figure>" + svg + "<figcaption>" + xml_text(caption) + "</figcaption></figure>\n";
}

void Report::finish() {
  if (!speaks_) return;
  flush_stdout();
  if (!html_) return;
  OutputFile file(*html_);
  file.write(html_page(title_, body_, records_));
  file.commit();
}

nlohmann::ordered_json machine_record(const CommandContext& context) {
  nlohmann::ordered_json ranks = nlohmann::ordered_json::array();
  const ThreadPlan& plan = context.threads;
  for (std::size_t r = 0; r < plan.places.size(); ++r) {
    ranks.push_back({{"host", plan.places[r].host},
                     {"cores", plan.places[r].cores},
                     {"threads", plan.by_rank[r]}});
  }
  return {{"event", "machine"},
          {"version", HALOREC_VERSION},
          {"processor", processor_name()},
          {"simd_targets", simd_targets()},
          {"l2_bytes", cache_bytes(_SC_LEVEL2_CACHE_SIZE)},
          {"l3_bytes", cache_bytes(_SC_LEVEL3_CACHE_SIZE)},
          {"load_average", load_average()},
          {"memory_bytes", host_memory_bytes()},
          {"ranks", ranks}};
}

std::string machine_text(const CommandContext& context) {
  const ThreadPlan& plan = context.threads;
  std::string text = fmt::format(
      "{}, L2 {} KiB, L3 {} MiB, {:.0f} GiB, SIMD {}", processor_name(),
      cache_bytes(_SC_LEVEL2_CACHE_SIZE) >> 10, cache_bytes(_SC_LEVEL3_CACHE_SIZE) >> 20,
      static_cast<double>(host_memory_bytes()) / (1 << 30), simd_targets().front());
  for (std::size_t r = 0; r < plan.places.size(); ++r) {
    text += fmt::format("{}rank {} on {} cores {} threads {}", r == 0 ? "; " : ", ", r,
                        plan.places[r].host, joined(plan.places[r].cores), plan.by_rank[r]);
  }
  text += fmt::format("; load average {:.1f} at the start", load_average());
  return text;
}

}  // namespace halorec
