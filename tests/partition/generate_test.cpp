// One file, however it is made: on any number of ranks and threads, in one round or in many, it is
// what the general path (all events in memory, split_events, save_dataset) makes of the same edges.
#include "partition/synthetic/generate.hpp"

#include <omp.h>

#include "comm/communicator.hpp"
#include "partition/split.hpp"
#include "partition/synthetic/edge_source.hpp"
#include "tests/partition/raw_data.hpp"

namespace halorec {
namespace {

template <typename T>
std::vector<T> pick(const std::vector<T>& values, const std::vector<std::uint32_t>& origin) {
  std::vector<T> picked;
  for (const std::uint32_t index : origin) picked.push_back(values.empty() ? T{} : values[index]);
  return values.empty() ? std::vector<T>{} : picked;
}

// All edges at once, through the path of imported data.
Dataset in_memory(const SyntheticOptions& options, SplitCounts& counts) {
  const auto source = make_edge_source(options);
  EventTable events;
  UserEdges edges;
  std::string name;
  for (std::uint32_t u = 0; u < source->num_users(); ++u) {
    source->draw(u, edges);
    events.user.insert(events.user.end(), edges.item.size(), u);
    events.item.insert(events.item.end(), edges.item.begin(), edges.item.end());
    events.time.insert(events.time.end(), edges.time.begin(), edges.time.end());
    source->name_user(u, name);
    events.users.push_back(name);
  }
  for (std::uint32_t i = 0; i < source->num_items(); ++i) {
    source->name_item(i, name);
    events.items.push_back(name);
  }
  SplitOptions split;
  split.protocol = options.protocol;
  split.seed = options.seed;
  SplitTrace trace;
  Dataset dataset = split_events(std::move(events), split, counts, &trace);
  dataset.truth = source->truth();
  if (dataset.truth) {
    dataset.truth->user_community = pick(dataset.truth->user_community, trace.user_origin);
    dataset.truth->item_community = pick(dataset.truth->item_community, trace.item_origin);
    dataset.truth->item_weight = pick(dataset.truth->item_weight, trace.item_origin);
  }
  dataset.user_attribute = pick(source->user_attributes(), trace.user_origin);
  dataset.item_attribute = pick(source->item_attributes(), trace.item_origin);
  return dataset;
}

class Generate : public testing::Test {
 protected:
  Generate() {
    if (world_.is_root()) folder_.emplace();
    std::string path;
    if (world_.is_root()) path = folder_->path().string();
    world_.broadcast(path);
    path_ = path;
  }
  ~Generate() override { world_.barrier(); }

  // Generates over all ranks and compares, on the root.
  void check(const SyntheticOptions& options) {
    generate_dataset(options, path_ / "world.h5", world_, 700);
    world_.on_root([&] {
      SplitCounts counts;
      const Dataset expected = in_memory(options, counts);
      const DatasetFile file(path_ / "world.h5");
      EXPECT_EQ(file.content_hash(), content_hash(expected));
      const Dataset read = file.read_all();
      EXPECT_EQ(content_hash(read), content_hash(expected));
      const nlohmann::json report = report_of(read);
      EXPECT_EQ(report["edges_placed"], total(expected));
      for (const Split split : {Split::validation, Split::test}) {
        const std::string name(split_name(split));
        const auto s = static_cast<std::size_t>(split);
        EXPECT_EQ(report["cold_users"][name], counts.cold_users[s]) << name;
        EXPECT_EQ(report["cold_items"][name], counts.cold_items[s]) << name;
        EXPECT_EQ(report["cold_interactions"][name], counts.cold_interactions[s]) << name;
      }
      Communicator alone(MPI_COMM_SELF);
      const int threads = omp_get_max_threads();
      omp_set_num_threads(3);
      generate_dataset(options, path_ / "alone.h5", alone);
      omp_set_num_threads(threads);
      EXPECT_EQ(read_text(path_ / "alone.h5"), read_text(path_ / "world.h5"));
    });
  }

  Communicator world_;
  std::optional<TemporaryFolder> folder_;
  std::filesystem::path path_;
};

// Sparse, so that some nodes are cold and some nowhere, under every protocol.
SyntheticOptions sparse(const std::string& kind) {
  SyntheticOptions options;
  options.kind = kind;
  options.num_users = 1100;
  options.num_items = 2300;
  options.num_edges = 5200;
  options.item_exponent = 1.2;
  options.user_shape = 1.3;
  options.seed = 21;
  return options;
}

TEST_F(Generate, PlantedUnderEveryProtocol) {
  for (const char* protocol : {"random", "leave-last", "time"}) {
    SCOPED_TRACE(protocol);
    SyntheticOptions options = sparse("planted");
    options.protocol = protocol;
    check(options);
    options.drift = 2.5;
    options.attribute_noise = 0.2;
    check(options);
  }
}

TEST_F(Generate, OtherKinds) {
  for (const char* kind : {"chung-lu", "rmat"}) {
    SCOPED_TRACE(kind);
    SyntheticOptions options = sparse(kind);
    check(options);
    options.protocol = "time";
    check(options);
    options.protocol = "random";
    options.times = "none";
    check(options);
  }
}

TEST_F(Generate, ExpansionOfADataset) {
  generate_dataset(sparse("planted"), path_ / "base.h5", world_);
  SyntheticOptions options;
  options.kind = "expand";
  options.expand = path_ / "base.h5";
  options.factor = {2, 3};
  options.seed = 5;
  for (const char* protocol : {"random", "leave-last", "time"}) {
    SCOPED_TRACE(protocol);
    options.protocol = protocol;
    check(options);
  }
}

TEST_F(Generate, FewerUsersThanRanks) {
  SyntheticOptions options = sparse("planted");
  options.num_users = 2;
  options.num_communities = 2;
  options.num_items = 40;
  options.num_edges = 30;
  check(options);
}

TEST_F(Generate, FailsEverywhereAndLeavesNothing) {
  const auto message = [&](const SyntheticOptions& options, const std::filesystem::path& path) {
    try {
      generate_dataset(options, path, world_);
    } catch (const Error& error) {
      EXPECT_TRUE(error.everywhere());
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_TRUE(contains(message(sparse("planted"), path_ / "none" / "d.h5"), "there is no folder"));
  SyntheticOptions options;
  options.kind = "expand";
  options.expand = path_ / "missing.h5";
  EXPECT_TRUE(contains(message(options, path_ / "d.h5"), "missing.h5"));
  // Two times in all: nothing lies before the cut.
  options = sparse("planted");
  options.protocol = "time";
  options.num_users = options.num_edges = 1;
  options.num_communities = 1;
  EXPECT_TRUE(contains(message(options, path_ / "d.h5"), "--protocol random"));
  world_.on_root([&] { EXPECT_EQ(folder_->num_entries(), 0U); });
}

}  // namespace
}  // namespace halorec
