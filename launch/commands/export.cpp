// halorec export: the final rows of a run under the caller's own ids, with what is needed to rank
// by them elsewhere.
#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "comm/communicator.hpp"
#include "comm/file_seal.hpp"
#include "comm/hdf5_file.hpp"
#include "comm/run_log.hpp"
#include "launch/commands/commands.hpp"
#include "launch/named_ids.hpp"
#include "launch/output.hpp"
#include "launch/output_file.hpp"
#include "launch/trained_run.hpp"

namespace halorec {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  fs::path run, out;
  std::optional<std::string> format;
};

constexpr std::uint64_t kWindowBytes = std::uint64_t{1} << 26;

// Hands rows [first, first + rows.rows) of all users, or of all items, to `sink` on the root, in
// the order of their global indices, at most 64 MiB at a time. Collective.
void for_each_window(const TrainedRun& run, NodeKind kind,
                     const std::function<void(std::uint32_t, MatrixView<const float>)>& sink) {
  const Shard& shard = *run.shard;
  Communicator& communicator = shard.communicator();
  const bool users = kind == NodeKind::user;
  const std::uint64_t num_nodes = users ? shard.num_users() : shard.num_items();
  const auto own = users ? shard.owned_users() : shard.owned_items();
  HALOREC_ASSERT_HEAVY(std::is_sorted(own.begin(), own.end()));  // a trained run has no row order
  const std::int64_t first_row = users ? 0 : shard.num_owned_users();
  const std::int64_t dim = run.embeddings.cols();
  const auto row_bytes = static_cast<std::uint64_t>(dim) * sizeof(float);
  const std::uint64_t window = std::max<std::uint64_t>(1, kWindowBytes / row_bytes);
  std::size_t next = 0;
  for (std::uint64_t first = 0; first < num_nodes; first += window) {
    const std::uint64_t last = std::min(num_nodes, first + window);
    const std::size_t begin = next;
    while (next < own.size() && own[next] < last) ++next;
    const auto texts = communicator.gather_text(
        {reinterpret_cast<const char*>(run.embeddings.data() +
                                       (first_row + static_cast<std::int64_t>(begin)) * dim),
         (next - begin) * row_bytes});
    communicator.on_root([&] {
      Matrix<float> rows(static_cast<std::int64_t>(last - first), dim);
      std::vector<std::size_t> taken(texts.size(), 0);
      for (std::uint64_t n = first; n < last; ++n) {
        const auto index = static_cast<std::uint32_t>(n);
        const auto owner = static_cast<std::size_t>(
            (users ? shard.address_of_user(index) : shard.address_of_item(index)).owner);
        std::memcpy(rows.row(static_cast<std::int64_t>(n - first)),
                    texts[owner].data() + taken[owner], row_bytes);
        taken[owner] += row_bytes;
      }
      sink(static_cast<std::uint32_t>(first), rows.view());
    });
  }
}

// The (user, item) pairs that a list leaves out, user after user; none where the protocol lets
// repeats count as hits. Root alone; 8 bytes a pair.
std::vector<std::uint32_t> read_seen(const DatasetFile& dataset) {
  std::vector<std::uint32_t> pairs;
  if (dataset.protocol().keep_repeats) return pairs;
  constexpr std::uint64_t kChunk = std::uint64_t{1} << 22;
  for (const Split split : {Split::train, Split::validation}) {
    const std::uint64_t total = dataset.num_interactions(split);
    for (std::uint64_t first = 0; first < total; first += kChunk) {
      const auto chunk = dataset.read(split, first, std::min(kChunk, total - first));
      for (std::uint64_t e = 0; e < chunk.size(); ++e) {
        const std::size_t n = pairs.size();
        if (n > 0 && pairs[n - 2] == chunk.user[e] && pairs[n - 1] == chunk.item[e]) continue;
        pairs.insert(pairs.end(), {chunk.user[e], chunk.item[e]});
      }
    }
  }
  return pairs;
}

std::vector<std::uint32_t> item_degrees(const Shard& shard) {
  std::vector<std::uint32_t> degrees(shard.num_items());
  for (std::uint32_t i = 0; i < shard.num_items(); ++i) degrees[i] = shard.item_degree(i);
  return degrees;
}

// What a reader has to know besides the arrays.
std::string description(const TrainedRun& run) {
  return nlohmann::ordered_json{
      {"tool", "halorec " HALOREC_VERSION},
      {"model", run.model},
      {"epoch", run.epoch},
      {"dim", run.embeddings.cols()},
      {"dataset_hash", run.dataset->content_hash()},
      {"score", "inner product of a user's and an item's row"},
      {"cold_items", run.cold.items},
      {"candidates", run.cold.items ? "all items" : "items whose degree is above 0"},
      {"cold_users", run.cold.users
                         ? "users whose row is zero are served by item degree"
                         : "users without a training interaction are served by item degree"}}
      .dump(1);
}

// numpy's file format, version 1.0.
template <typename T>
std::string npy_header(std::uint64_t rows, std::uint64_t cols) {
  static_assert(sizeof(T) == 4);
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({},{}), }}",
                                   std::is_same_v<T, float> ? "<f4" : "<u4", rows,
                                   cols == 0 ? std::string() : fmt::format(" {}", cols));
  constexpr std::size_t kPreamble = 10;  // magic, version, length of the header
  header.append(63 - (kPreamble + header.size()) % 64, ' ');
  header += '\n';
  std::string text("\x93NUMPY\x01\x00", 8);
  text += static_cast<char>(header.size() & 0xff);
  text += static_cast<char>(header.size() >> 8);
  return text + header;
}

template <typename T>
std::string_view bytes_of(std::span<const T> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

// A folder under construction: files are written to "<path>.tmp", which is then renamed.
class FolderUnderConstruction {
 public:
  explicit FolderUnderConstruction(const fs::path& path)
      : path_(path), working_(path.string() + ".tmp") {
    std::error_code error;
    if (fs::exists(path, error) && !(fs::is_directory(path, error) && fs::is_empty(path, error))) {
      fail_usage("--out {}: is there already; remove it or choose another name", path.string());
    }
    fs::remove_all(working_, error);
    fs::create_directory(working_, error);
    if (error) fail("cannot make folder {}: {}", working_.string(), error.message());
  }
  ~FolderUnderConstruction() {
    std::error_code ignored;
    fs::remove_all(working_, ignored);
  }
  FolderUnderConstruction(const FolderUnderConstruction&) = delete;
  FolderUnderConstruction& operator=(const FolderUnderConstruction&) = delete;

  fs::path operator/(const char* name) const { return working_ / name; }
  void commit() const {
    sync_path(working_);
    rename_durably(working_, path_);
  }

 private:
  fs::path path_, working_;
};

void write_file(const fs::path& path, std::string_view head, std::string_view body) {
  OutputFile file(path);
  file.write(head);
  file.write(body);
  file.commit();
}

std::string lines_of(const StringTable& table) {
  std::string text;
  for (std::uint64_t i = 0; i < table.size(); ++i) {
    text += table[i];
    text += '\n';
  }
  return text;
}

void export_npy(const TrainedRun& run, const fs::path& out) {
  Communicator& communicator = run.shard->communicator();
  std::unique_ptr<FolderUnderConstruction> folder;
  communicator.on_root([&] { folder = std::make_unique<FolderUnderConstruction>(out); });
  for (const NodeKind kind : {NodeKind::user, NodeKind::item}) {
    const bool users = kind == NodeKind::user;
    std::unique_ptr<OutputFile> file;
    communicator.on_root([&] {
      file = std::make_unique<OutputFile>(*folder / (users ? "users.npy" : "items.npy"));
      file->write(npy_header<float>(users ? run.shard->num_users() : run.shard->num_items(),
                                    static_cast<std::uint64_t>(run.embeddings.cols())));
    });
    for_each_window(run, kind, [&](std::uint32_t, MatrixView<const float> rows) {
      file->write(bytes_of(
          std::span<const float>(rows.data, static_cast<std::size_t>(rows.rows * rows.cols))));
    });
    communicator.on_root([&] { file->commit(); });
  }
  communicator.on_root([&] {
    write_file(*folder / "user_ids.txt", lines_of(run.dataset->read_user_ids()), "");
    write_file(*folder / "item_ids.txt", lines_of(run.dataset->read_item_ids()), "");
    const auto seen = read_seen(*run.dataset);
    write_file(*folder / "seen.npy", npy_header<std::uint32_t>(seen.size() / 2, 2),
               bytes_of(std::span<const std::uint32_t>(seen)));
    const auto degrees = item_degrees(*run.shard);
    write_file(*folder / "item_degrees.npy", npy_header<std::uint32_t>(degrees.size(), 0),
               bytes_of(std::span<const std::uint32_t>(degrees)));
    write_file(*folder / "about.json", description(run), "\n");
    folder->commit();
  });
}

void export_csv(const TrainedRun& run, const fs::path& out) {
  Communicator& communicator = run.shard->communicator();
  std::unique_ptr<FolderUnderConstruction> folder;
  communicator.on_root([&] { folder = std::make_unique<FolderUnderConstruction>(out); });
  for (const NodeKind kind : {NodeKind::user, NodeKind::item}) {
    const bool users = kind == NodeKind::user;
    std::unique_ptr<OutputFile> file;
    StringTable ids;
    communicator.on_root([&] {
      file = std::make_unique<OutputFile>(*folder / (users ? "users.csv" : "items.csv"));
      ids = users ? run.dataset->read_user_ids() : run.dataset->read_item_ids();
      std::string header = users ? "user" : "item,degree";
      for (std::int64_t c = 0; c < run.embeddings.cols(); ++c) header += fmt::format(",x{}", c);
      file->write(header + "\n");
    });
    for_each_window(run, kind, [&](std::uint32_t first, MatrixView<const float> rows) {
      for (std::int64_t r = 0; r < rows.rows; ++r) {
        const auto index = first + static_cast<std::uint32_t>(r);
        std::string line = csv_field(ids[index]);
        if (!users) line += fmt::format(",{}", run.shard->item_degree(index));
        for (const float value : rows.row_span(r)) line += fmt::format(",{}", value);
        file->write(line + "\n");
      }
    });
    communicator.on_root([&] { file->commit(); });
  }
  communicator.on_root([&] {
    OutputFile file(*folder / "seen.csv");
    file.write("user,item\n");
    const StringTable users = run.dataset->read_user_ids(), items = run.dataset->read_item_ids();
    const auto seen = read_seen(*run.dataset);
    for (std::size_t k = 0; k < seen.size(); k += 2) {
      file.write(csv_field(users[seen[k]]) + "," + csv_field(items[seen[k + 1]]) + "\n");
    }
    file.commit();
    write_file(*folder / "about.json", description(run), "\n");
    folder->commit();
  });
}

// One file; the root holds all rows of one kind at a time.
void export_hdf5(const TrainedRun& run, const fs::path& out) {
  Communicator& communicator = run.shard->communicator();
  std::optional<Hdf5File> file;
  communicator.on_root([&] {
    file.emplace(Hdf5File::create(out));
    file->set_attribute("format", std::string("halorec-rows"));
    file->set_attribute("about", description(run));
    const auto write_ids = [&](const std::string& group, const StringTable& ids) {
      file->write(group + "/id_bytes",
                  std::span<const std::uint8_t>(
                      reinterpret_cast<const std::uint8_t*>(ids.bytes.data()), ids.bytes.size()));
      file->write(group + "/id_offsets", ids.offsets);
    };
    write_ids("users", run.dataset->read_user_ids());
    write_ids("items", run.dataset->read_item_ids());
    file->write("items/degree", item_degrees(*run.shard));
    const auto seen = read_seen(*run.dataset);
    file->write("seen", seen, {seen.size() / 2, 2});
  });
  for (const NodeKind kind : {NodeKind::user, NodeKind::item}) {
    std::vector<float> all;
    for_each_window(run, kind, [&](std::uint32_t, MatrixView<const float> rows) {
      all.insert(all.end(), rows.data, rows.data + rows.rows * rows.cols);
    });
    communicator.on_root([&] {
      const auto dim = static_cast<std::uint64_t>(run.embeddings.cols());
      file->write(kind == NodeKind::user ? "users/rows" : "items/rows", all,
                  {all.size() / dim, dim});
    });
  }
  communicator.on_root([&] { file->commit(); });
}

int run(const CommandContext& context, const Arguments& arguments) {
  Communicator& communicator = context.communicator;
  communicator.on_root([&] { check_folder_of(arguments.out, "out"); });
  TrainedRun run = load_trained_run(communicator, arguments.run);
  if (run.embeddings.cols() == 0) {
    throw Error(fmt::format("run {} is of model {}, which has no rows to export; trained "
                            "models have",
                            arguments.run.string(), run.model),
                kExitUsage, true);
  }
  if (run.adds_to_rows) {
    communicator.on_root([&] {
      warn(fmt::format(
          "the run adds to scores what rows cannot hold (--cold-content, --warm-content, "
          "--own-repeats): lists made of rows differ{}",
          run.scorer->serves_cold_items() && !run.cold.items
              ? ", and items without interactions are missing"
              : ""));
    });
  }
  if (run.log_popularity != 0) {
    Matrix<float> rows =
        rows_with_popularity(*run.scorer, run.embeddings.view(), run.log_popularity);
    run.scorer.reset();  // reads the rows
    run.embeddings = std::move(rows);
  }
  const std::string format =
      arguments.format.value_or(arguments.out.extension() == ".h5" ? "hdf5" : "npy");
  if (format == "hdf5") {
    communicator.on_root(
        [&] { check_replaceable(arguments.out, "out", "halorec-rows", "an export"); });
    export_hdf5(run, arguments.out);
  } else if (format == "npy") {
    export_npy(run, arguments.out);
  } else {
    export_csv(run, arguments.out);
  }
  communicator.on_root([&] {
    if (context.json()) {
      write_stdout(json_line({{"event", "result"},
                              {"out", arguments.out.string()},
                              {"format", format},
                              {"users", run.shard->num_users()},
                              {"items", run.shard->num_items()},
                              {"dim", run.embeddings.cols()}}));
    } else {
      write_stdout(fmt::format("{} users and {} items with {} numbers each, as {}: {}\n",
                               run.shard->num_users(), run.shard->num_items(),
                               run.embeddings.cols(), format, arguments.out.string()));
    }
  });
  return 0;
}

}  // namespace

Command export_command() {
  auto arguments = std::make_shared<Arguments>();
  Command command;
  command.usage = "RUN --out FILE.h5|DIR [--format hdf5|npy|csv]";
  command.notes =
      "Row n of users.npy is user n of user_ids.txt, and so for items; seen.npy has the (user, "
      "item) numbers that lists leave out, item_degrees.npy what is cold (0) and what serves cold "
      "users. docs/EXPORT.md ranks by them in ten lines of numpy. The output appears whole or not "
      "at all.";
  OptionTable& options = command.options;
  options.group("Export");
  options.add("run", arguments->run, "folder of a training run")
      .value_name("RUN")
      .positional()
      .required();
  options.add("out", arguments->out, "file (hdf5) or folder (npy, csv) to write")
      .value_name("FILE.h5|DIR")
      .required();
  options
      .add("format", arguments->format,
           "hdf5 when --out ends in .h5, else npy, unless it is said here")
      .choices({"hdf5", "npy", "csv"});
  command.run = [arguments](const CommandContext& context) { return run(context, *arguments); };
  return command;
}

}  // namespace halorec
