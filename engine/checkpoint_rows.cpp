#include "engine/checkpoint_rows.hpp"

#include <algorithm>
#include <numeric>
#include <span>

#include "comm/communicator.hpp"

namespace halorec {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kRoundRows = 1 << 16;

std::vector<RowAddress> places_of(const Shard& shard, const std::vector<std::uint64_t>& ids,
                                  const fs::path& path) {
  std::vector<RowAddress> places;
  places.reserve(ids.size());
  for (const std::uint64_t bits : ids) {
    const GlobalId id = GlobalId::from_bits(bits);
    const bool is_user = id.kind() == NodeKind::user;
    if (static_cast<int>(id.kind()) >= kNumNodeKinds ||
        id.index() >= (is_user ? shard.num_users() : shard.num_items())) {
      fail("{} holds a node that the dataset does not have", path.string());
    }
    places.push_back(is_user ? shard.address_of_user(id.index())
                             : shard.address_of_item(id.index()));
  }
  return places;
}

void check_shape(const Hdf5File& file, const std::string& name,
                 const std::vector<std::uint64_t>& wanted) {
  if (!file.has(name)) {
    fail("{} has no {}: it was made with another model, optimizer or precision",
         file.path().string(), name);
  }
  if (file.shape(name) != wanted) {
    fail("{}: {} has another shape than this run's", file.path().string(), name);
  }
}

// Rows of an array on their way to their owners, those for rank 0 first.
template <typename T>
struct RowParcels {
  std::vector<std::int64_t> row_counts, value_counts;  // by owner
  std::vector<std::int32_t> rows;                      // at the owner
  std::vector<T> values;
};

template <typename T>
RowParcels<T> read_parcels(const RankFile& from, const std::string& name, std::uint64_t first,
                           std::uint64_t count, std::int64_t width, int num_ranks) {
  RowParcels<T> parcels;
  parcels.row_counts.assign(static_cast<std::size_t>(num_ranks), 0);
  const std::span places = std::span(from.places).subspan(first, count);
  for (const RowAddress& place : places) {
    ++parcels.row_counts[static_cast<std::size_t>(place.owner)];
  }
  std::vector<std::int64_t> next(static_cast<std::size_t>(num_ranks), 0);
  std::exclusive_scan(parcels.row_counts.begin(), parcels.row_counts.end(), next.begin(),
                      std::int64_t{0});
  for (const std::int64_t rows : parcels.row_counts) parcels.value_counts.push_back(rows * width);
  const std::vector<T> block = from.file.template read_rows<T>(name, first, count);
  parcels.rows.resize(count);
  parcels.values.resize(block.size());
  for (std::size_t k = 0; k < count; ++k) {
    const std::int64_t to = next[static_cast<std::size_t>(places[k].owner)]++;
    parcels.rows[static_cast<std::size_t>(to)] = places[k].row;
    std::copy_n(block.data() + static_cast<std::int64_t>(k) * width, width,
                parcels.values.data() + to * width);
  }
  return parcels;
}

}  // namespace

std::string checkpoint_advice(const fs::path& folder) {
  // Steps are padded with zeros: names of one length compare like numbers.
  const auto before = [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  };
  const std::string own = folder.filename().string();
  bool has_earlier = false, has_later = false;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder.parent_path(), ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("step-") || name.find('.') != std::string::npos) continue;
    has_earlier |= before(name, own);
    has_later |= before(own, name);
  }
  if (has_later) {
    return fmt::format(
        "it is kept for the parameters of the best epoch, which nothing else holds: put {} back "
        "from a copy, or train again with --overwrite",
        folder.string());
  }
  if (!has_earlier) return "no checkpoint stands before it; start again with --overwrite";
  return fmt::format(
      "remove {} to go on from the checkpoint before it, or start again with "
      "--overwrite",
      folder.string());
}

RankFile open_rank_file(const Shard& shard, const fs::path& folder, const std::string& name,
                        const std::string& digest) {
  const fs::path path = folder / name;
  Hdf5File file = [&] {
    try {
      return Hdf5File::open(path, "checkpoint");
    } catch (const Error& error) {
      fail("{}; {}", error.what(), checkpoint_advice(folder));
    }
  }();
  if (file.digest() != digest) {
    fail("checkpoint file {} is not the one that its manifest names; {}", path.string(),
         checkpoint_advice(folder));
  }
  auto places = places_of(shard, file.read<std::uint64_t>("ids"), path);
  return {std::move(file), std::move(places)};
}

template <typename T>
std::int64_t load_rows(Communicator& communicator, const std::vector<RankFile>& files,
                       const std::string& name, Matrix<T>& matrix) {
  const std::int64_t width = matrix.cols();
  // All blocks of a round may be bound for one rank.
  const std::uint64_t block_rows =
      std::max<std::uint64_t>(1, kRoundRows / static_cast<std::uint64_t>(communicator.size()));
  std::int64_t num_received = 0;
  std::size_t f = 0;
  std::uint64_t first = 0;
  for (;;) {
    while (f < files.size() && first == files[f].places.size()) {
      ++f;
      first = 0;
    }
    const std::uint64_t count =
        f < files.size() ? std::min(block_rows, files[f].places.size() - first) : 0;
    if (communicator.max(count) == 0) return num_received;
    RowParcels<T> parcels;
    communicator.together([&] {
      parcels.row_counts.assign(static_cast<std::size_t>(communicator.size()), 0);
      parcels.value_counts = parcels.row_counts;
      if (count == 0) return;
      check_shape(files[f].file, name, {files[f].places.size(), static_cast<std::uint64_t>(width)});
      parcels = read_parcels<T>(files[f], name, first, count, width, communicator.size());
    });
    first += count;
    const auto rows = communicator.all_to_all<std::int32_t>(parcels.rows, parcels.row_counts);
    const auto values = communicator.all_to_all<T>(parcels.values, parcels.value_counts);
    for (std::size_t k = 0; k < rows.size(); ++k) {
      std::copy_n(values.data() + static_cast<std::int64_t>(k) * width, width, matrix.row(rows[k]));
    }
    num_received += std::ssize(rows);
  }
}

template <typename T>
void load_replicated(Communicator& communicator, const std::vector<RankFile>& files,
                     const std::string& name, Matrix<T>& matrix) {
  communicator.on_root_briefly([&] {
    const Hdf5File& file = files.front().file;
    check_shape(
        file, name,
        {static_cast<std::uint64_t>(matrix.rows()), static_cast<std::uint64_t>(matrix.cols())});
    const std::vector<T> values = file.template read<T>(name);
    std::copy(values.begin(), values.end(), matrix.data());
  });
  communicator.broadcast(matrix.values());
}

#define HALOREC_INSTANTIATE(T)                                                    \
  template std::int64_t load_rows<T>(Communicator&, const std::vector<RankFile>&, \
                                     const std::string&, Matrix<T>&);             \
  template void load_replicated<T>(Communicator&, const std::vector<RankFile>&,   \
                                   const std::string&, Matrix<T>&);
HALOREC_INSTANTIATE(float)
HALOREC_INSTANTIATE(double)

}  // namespace halorec
