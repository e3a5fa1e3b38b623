// Where a benchmark's findings go: tables on stdout as they come, JSON lines with --json, and at
// the end one HTML page that needs no network. Only the root's report says anything.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "launch/commands/commands.hpp"

namespace halorec {

// Cells as text; every row as long as the header. The first column stands left, the others right.
struct ReportTable {
  std::string title;
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
};
std::string table_text(const ReportTable& table);

class Report {
 public:
  // `title`: the command, for the page. `html`: where the page goes, if anywhere.
  Report(const CommandContext& context, std::string title,
         std::optional<std::filesystem::path> html);

  // One JSON object, whose first member is "event".
  void record(const nlohmann::ordered_json& object);
  void table(const ReportTable& table);
  // A line for people: on stdout and on the page.
  void say(const std::string& text);
  // The same with "warning: "; on the terminal on stderr, also with --json.
  void warn(const std::string& text);
  // An <svg> element with a sentence below it; on the page alone.
  void plot(const std::string& svg, const std::string& caption);
  // Writes the page. Error when it cannot be written.
  void finish();

 private:
  bool speaks_, json_;
  std::string title_;
  std::optional<std::filesystem::path> html_;
  std::vector<nlohmann::ordered_json> records_;
  std::string body_;  // of the page
};

// The page around `body`, with styles for light and dark.
std::string html_page(const std::string& title, const std::string& body,
                      const std::vector<nlohmann::ordered_json>& records);

// The machine and where the ranks stand on it: processor, caches, memory, SIMD targets, bindings.
nlohmann::ordered_json machine_record(const CommandContext& context);
// The same in a sentence.
std::string machine_text(const CommandContext& context);

}  // namespace halorec
