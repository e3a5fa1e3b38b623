// The HTML page around a report: one file, nothing fetched.
#include <fmt/format.h>

#include "comm/run_log.hpp"
#include "launch/bench/plot.hpp"
#include "launch/bench/report.hpp"

namespace halorec {
namespace {

// Series colours after Okabe and Ito (2008), which people with colour blindness tell apart; darker
// on white, lighter on black, for contrast.
constexpr const char* kStyle = R"css(
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1b1f24; --faint: #57606a; --line: #d8dee4;
  --c0: #0072b2; --c1: #d55e00; --c2: #008060; --c3: #aa3377; --c4: #b07800; --c5: #3f8fc8; --c6: #5b5fb0; --c7: #666666; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171b; --ink: #e6e9ec; --faint: #9aa4ad;
  --line: #333a41; --c0: #4db1ec; --c1: #ff8f4a; --c2: #35c99b; --c3: #ee82bf; --c4: #e8b53c; --c5: #9fd3f6; --c6: #a9adf5; --c7: #a8a8a8; } }
body { background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif;
  max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th { color: var(--faint); font-weight: 600; }
th:first-child, td:first-child { text-align: left; }
figure { margin: 2rem 0; } figcaption { color: var(--faint); font-size: .9rem; max-width: 46rem; }
svg { width: 100%; height: auto; max-width: 46rem; display: block; }
svg text { fill: var(--ink); font-family: system-ui, "DejaVu Sans", sans-serif; }
svg .title { font-size: 16px; font-weight: 600; } svg .label { font-size: 13px; } svg .tick { font-size: 12px; fill: var(--faint); }
svg .grid { stroke: var(--line); stroke-width: 1; } svg .axis { stroke: var(--faint); stroke-width: 1.2; }
svg .dashed { stroke-dasharray: 7 5; } svg .edge { stroke: var(--paper); stroke-width: 1; }
details { margin: 2rem 0; } pre { overflow-x: auto; font-size: .8rem; }
)css";

}  // namespace

std::string html_page(const std::string& title, const std::string& body,
                      const std::vector<nlohmann::ordered_json>& records) {
  std::string style = kStyle;
  for (int k = 0; k < 8; ++k) {
    style += fmt::format(
        "svg .fill{0} {{ fill: var(--c{0}); }} svg .stroke{0} {{ stroke: var(--c{0}); fill: none; "
        "stroke-width: 2.2; }}\n",
        k);
  }
  std::string lines;
  for (const auto& record : records) lines += xml_text(json_line(record));
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n<meta "
         "name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>" +
         xml_text(title) + "</title>\n<style>" + style + "</style>\n</head>\n<body>\n<h1>" +
         xml_text(title) + "</h1>\n" + body +
         "<details><summary>All figures, one JSON object a line</summary><pre>" + lines +
         "</pre></details>\n</body>\n</html>\n";
}

}  // namespace halorec
