// From what the caller names (files, or folders as they are published) to the files to read and
// how each is laid out; then the reading itself.
#include <algorithm>
#include <limits>

#include "comm/check.hpp"
#include "partition/readers/line_reader.hpp"
#include "partition/readers/readers.hpp"

namespace halorec {
namespace {

using Path = std::filesystem::path;

constexpr std::string_view kKnownFolders =
    "train.txt and test.txt (LightGCN); data1.txt and test1.txt (Last.FM); ratings.csv, "
    "ratings.dat or u.data (MovieLens); NAME.inter or NAME.train.inter with NAME.test.inter "
    "(RecBole); train.csv and test.csv; events.tsv or .csv; interactions.csv or .tsv; or a single "
    ".csv or .tsv";

bool is_file(const Path& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored);
}

std::vector<Path> files_ending(const Path& folder, std::string_view ending) {
  std::vector<Path> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.path().filename().string().ends_with(ending)) {
      found.push_back(entry.path());
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

DelimitedLayout columns_by_number(std::string delimiter, Role third, bool fourth_is_time) {
  DelimitedLayout layout;
  layout.delimiter = std::move(delimiter);
  layout.header = false;
  layout.columns[static_cast<std::size_t>(Role::user)] = "1";
  layout.columns[static_cast<std::size_t>(Role::item)] = "2";
  layout.columns[static_cast<std::size_t>(third)] = "3";
  if (fourth_is_time) layout.columns[static_cast<std::size_t>(Role::time)] = "4";
  return layout;
}

// The layout that MovieLens' file names stand for; csv has a header and tells by itself.
DelimitedLayout movielens_layout(const Path& file) {
  if (file.filename() == "u.data") return columns_by_number("\t", Role::rating, true);
  if (file.extension() == ".dat") return columns_by_number("::", Role::rating, true);
  return {};
}

bool is_movielens(const Path& file) {
  const Path name = file.filename();
  return name == "u.data" || name == "ratings.dat" || name == "ratings.csv";
}

void use_titles(SourcePlan& plan, const Path& candidate) {
  if (plan.titles.empty() && is_file(candidate)) plan.titles = candidate;
}

void plan_movielens(const Path& file, SourcePlan& plan) {
  plan.format = "movielens";
  plan.files.push_back({file, false, movielens_layout(file), std::nullopt});
  for (const char* name : {"movies.csv", "movies.dat", "u.item"}) {
    use_titles(plan, file.parent_path() / name);
  }
}

void plan_recbole(const Path& file, std::optional<Split> part, SourcePlan& plan) {
  plan.format = "recbole";
  DelimitedLayout layout;
  layout.delimiter = "\t";
  layout.header = true;
  plan.files.push_back({file, false, layout, part});
  // NAME.inter and NAME.train.inter both go with NAME.item.
  const std::string stem = file.filename().string();
  use_titles(plan, file.parent_path() / (stem.substr(0, stem.find('.')) + ".item"));
}

bool plan_recbole_folder(const Path& folder, SourcePlan& plan) {
  const std::vector<Path> files = files_ending(folder, ".inter");
  std::vector<Path> train = files_ending(folder, ".train.inter");
  if (train.size() == 1) {
    const std::string stem = train[0].string();
    const std::string name = stem.substr(0, stem.size() - std::string(".train.inter").size());
    plan_recbole(train[0], Split::train, plan);
    if (is_file(name + ".valid.inter")) {
      plan_recbole(name + ".valid.inter", Split::validation, plan);
    }
    if (is_file(name + ".test.inter")) plan_recbole(name + ".test.inter", Split::test, plan);
    return true;
  }
  if (files.size() != 1) return false;
  plan_recbole(files[0], std::nullopt, plan);
  return true;
}

bool plan_delimited_folder(const Path& folder, SourcePlan& plan) {
  for (const char* extension : {".csv", ".tsv"}) {
    const auto named = [&](std::string_view name) {
      return folder / (std::string(name) + extension);
    };
    if (is_file(named("train")) && is_file(named("test"))) {
      plan.files.push_back({named("train"), false, {}, Split::train});
      if (is_file(named("validation"))) {
        plan.files.push_back({named("validation"), false, {}, Split::validation});
      }
      plan.files.push_back({named("test"), false, {}, Split::test});
    } else if (is_file(named("events"))) {
      plan.files.push_back({named("events"), false, {}, std::nullopt});
    } else if (is_file(named("interactions"))) {
      plan.files.push_back({named("interactions"), false, {}, std::nullopt});
    } else {
      continue;
    }
    use_titles(plan, named("items"));
    plan.format = "csv";
    return true;
  }
  std::vector<Path> files = files_ending(folder, ".csv");
  for (const Path& file : files_ending(folder, ".tsv")) files.push_back(file);
  if (files.size() != 1) return false;
  plan.files.push_back({files[0], false, {}, std::nullopt});
  plan.format = "csv";
  return true;
}

bool plan_folder(const Path& folder, const std::string& format, SourcePlan& plan) {
  const bool automatic = format == "auto";
  if (automatic || format == "lightgcn") {
    if (is_file(folder / "train.txt") && is_file(folder / "test.txt")) {
      plan.format = "lightgcn";
      plan.files.push_back({folder / "train.txt", true, {}, Split::train});
      plan.files.push_back({folder / "test.txt", true, {}, Split::test});
      return true;
    }
  }
  if (automatic && is_file(folder / "data1.txt") && is_file(folder / "test1.txt")) {
    plan.format = "lastfm";
    const DelimitedLayout layout = columns_by_number("\t", Role::weight, false);
    plan.files.push_back({folder / "data1.txt", false, layout, Split::train});
    plan.files.push_back({folder / "test1.txt", false, layout, Split::test});
    return true;
  }
  if (automatic || format == "movielens") {
    for (const char* name : {"ratings.csv", "ratings.dat", "u.data"}) {
      if (!is_file(folder / name)) continue;
      plan_movielens(folder / name, plan);
      return true;
    }
  }
  if ((automatic || format == "recbole") && plan_recbole_folder(folder, plan)) return true;
  return (automatic || format == "csv") && plan_delimited_folder(folder, plan);
}

void plan_file(const Path& file, const std::string& format, SourcePlan& plan) {
  if (format == "lightgcn") {
    plan.format = "lightgcn";
    plan.files.push_back({file, true, {}, std::nullopt});
  } else if (format == "recbole" || (format == "auto" && file.extension() == ".inter")) {
    plan_recbole(file, std::nullopt, plan);
  } else if (format == "movielens" || (format == "auto" && is_movielens(file))) {
    plan_movielens(file, plan);
  } else {
    plan.format = "csv";
    plan.files.push_back({file, false, {}, std::nullopt});
  }
}

}  // namespace

SourcePlan plan_sources(const std::vector<Path>& sources, const ReadOptions& options) {
  constexpr std::array<std::string_view, 5> kFormats = {"auto", "lightgcn", "csv", "movielens",
                                                        "recbole"};
  if (std::find(kFormats.begin(), kFormats.end(), options.format) == kFormats.end()) {
    fail_usage("--format: '{}' is not one of auto, lightgcn, csv, movielens, recbole",
               options.format);
  }
  if (sources.empty()) fail_usage("no source given; name a file or folder of raw data");
  SourcePlan plan;
  for (const Path& source : sources) {
    std::error_code ignored;
    const std::string format_before = plan.format;
    if (std::filesystem::is_directory(source, ignored)) {
      if (!plan_folder(source, options.format, plan)) {
        fail("{}: the folder holds no {}; known are {}", source.string(),
             options.format == "auto" ? "data of a known layout" : options.format + " data",
             kKnownFolders);
      }
    } else {
      plan_file(source, options.format, plan);
    }
    if (!format_before.empty() && plan.format != format_before) {
      fail("{}: is {} data and the sources before it are {}; import sources of one format together",
           source.string(), plan.format, format_before);
    }
  }
  const auto is_split = [](const SourceFile& file) { return file.part.has_value(); };
  const auto num_split = std::count_if(plan.files.begin(), plan.files.end(), is_split);
  if (num_split == 0 && plan.files.size() == 2 && options.in_order_train_test) {
    plan.files[0].part = Split::train;
    plan.files[1].part = Split::test;
  } else if (num_split != 0 && num_split != static_cast<std::ptrdiff_t>(plan.files.size())) {
    fail("some sources come with a split and some without; import them apart");
  }
  if (!options.items.empty()) plan.titles = options.items;
  return plan;
}

void EventBuilder::add_pair(std::uint32_t user, std::uint32_t item, std::optional<Split> part,
                            const LineReader& reader) {
  if (table.user.size() >= std::numeric_limits<std::uint32_t>::max() - 1) {
    fail("{}: more than 4,294,967,294 interactions; import a part of them (--subset)",
         reader.where());
  }
  table.user.push_back(user);
  table.item.push_back(item);
  if (part) table.part.push_back(*part);
}

ReadResult read_sources(const std::vector<Path>& sources, const ReadOptions& options) {
  const Columns columns = parse_columns(options.columns);
  RowRules rules;
  for (const std::string& rule : options.keep) {
    rules.keep.push_back(parse_condition(rule, "--keep"));
  }
  for (const std::string& text : options.relations) {
    rules.relations.push_back(parse_relation_rule(text));
  }
  const SourcePlan plan = plan_sources(sources, options);

  EventBuilder builder;
  builder.counts.format = plan.format;
  for (const SourceFile& file : plan.files) {
    if (file.lists) {
      if (!options.keep.empty() || !options.relations.empty() || !options.columns.empty()) {
        fail_usage(
            "{}: LightGCN text has no named columns; leave out --keep, --relation and --columns",
            file.path.string());
      }
      read_list_file(file, builder);
    } else {
      read_delimited_file(file, columns, rules, builder);
    }
  }
  ReadResult result;
  result.item_list = plan.titles;
  if (options.titles && !plan.titles.empty())
    result.titles = read_titles(plan.titles, builder.items);
  builder.table.users = builder.users.take_names();
  builder.table.items = builder.items.take_names();
  result.events = std::move(builder.table);
  result.counts = std::move(builder.counts);
  return result;
}

}  // namespace halorec
