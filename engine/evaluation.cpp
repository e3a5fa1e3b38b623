#include "engine/evaluation.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <numeric>

namespace halorec {
namespace {

constexpr std::int64_t kWindowBytes = std::int64_t{1} << 26;

// Figures of users, packed as doubles for the root: user, held-out items, cold ones among them,
// cold; then each metric at each k, of all held-out items, of warm and of cold ones. All integers
// among them are below 2^32 and so exact.
class FigureMail {
 public:
  explicit FigureMail(std::size_t num_ks) : num_ks_(num_ks) {}

  void add(const UserFigures& figures) {
    packed_.insert(packed_.end(),
                   {static_cast<double>(figures.user), static_cast<double>(figures.num_held_out),
                    static_cast<double>(figures.num_cold_held_out), figures.cold ? 1.0 : 0.0});
    for (const auto& some : {figures.at.all, figures.at.warm, figures.at.cold}) {
      for (const MetricValues& values : some) {
        packed_.insert(packed_.end(), values.values.begin(), values.values.end());
      }
      packed_.resize(packed_.size() + (num_ks_ - some.size()) * kNumMetrics, 0.0);
    }
  }

  // Hands what all ranks added to the root's `sink`, by ascending user. Collective.
  void deliver(Communicator& communicator, const std::function<void(const UserFigures&)>& sink) {
    const auto texts = communicator.gather_text(
        {reinterpret_cast<const char*>(packed_.data()), packed_.size() * sizeof(double)});
    packed_.clear();
    communicator.on_root([&] {
      const std::size_t length = kHead + 3 * num_ks_ * kNumMetrics;
      std::vector<std::vector<double>> records;
      for (const std::string& text : texts) {
        for (std::size_t r = 0; r < text.size() / sizeof(double) / length; ++r) {
          records.emplace_back(length);
          std::memcpy(records.back().data(), text.data() + r * length * sizeof(double),
                      length * sizeof(double));
        }
      }
      std::sort(records.begin(), records.end());
      std::vector<MetricValues> values(3 * num_ks_);
      for (const auto& record : records) {
        for (std::size_t j = 0; j < values.size(); ++j) {
          std::copy_n(record.begin() + static_cast<std::ptrdiff_t>(kHead + j * kNumMetrics),
                      kNumMetrics, values[j].values.begin());
        }
        UserFigures figures{static_cast<std::uint32_t>(record[0]),
                            static_cast<std::uint32_t>(record[1]),
                            static_cast<std::uint32_t>(record[2]),
                            record[3] != 0,
                            {}};
        const auto part = [&](std::size_t which) {
          return std::span<const MetricValues>(values).subspan(which * num_ks_, num_ks_);
        };
        figures.at.all = part(0);
        if (figures.num_cold_held_out < figures.num_held_out) figures.at.warm = part(1);
        if (figures.num_cold_held_out > 0) figures.at.cold = part(2);
        sink(figures);
      }
    });
  }

 private:
  static constexpr std::size_t kHead = 4;
  std::size_t num_ks_;
  std::vector<double> packed_;
};

}  // namespace

Evaluation evaluate_ranking(Scorer& scorer, const Catalogue& catalogue,
                            const EvaluationQuery& query) {
  HALOREC_ASSERT_LIGHT(query.held_out != nullptr);
  const auto start = std::chrono::steady_clock::now();
  const Shard& shard = scorer.shard();
  MetricSums sums(query.ks, shard.num_items());
  FigureMail mail(sums.ks().size());

  RankingQuery ranking;
  ranking.k = sums.largest_k();
  ranking.exclude_history = query.exclude_history;
  ranking.also_exclude = query.also_exclude;
  // No list is longer than the catalogue, whatever was asked for.
  const std::int64_t list_length = std::clamp<std::int64_t>(
      ranking.k, 1, std::max<std::int64_t>(1, static_cast<std::int64_t>(catalogue.num_items())));
  const auto window = static_cast<std::uint64_t>(std::max<std::int64_t>(
      1024, kWindowBytes / (list_length * static_cast<std::int64_t>(sizeof(RankedItem)))));

  // Owned users by index, whatever the order of their rows: all ranks see a window at a time.
  const auto users = shard.owned_users();
  std::vector<std::int32_t> by_index(users.size());
  std::iota(by_index.begin(), by_index.end(), 0);
  std::sort(by_index.begin(), by_index.end(), [&](std::int32_t a, std::int32_t b) {
    return users[static_cast<std::size_t>(a)] < users[static_cast<std::size_t>(b)];
  });
  const auto is_asked_for = [&](std::uint32_t item) {
    return is_among(query.held_out_items, shard.item_degree(item) > 0);
  };
  std::vector<std::int32_t> people;
  std::vector<std::uint32_t> list, relevant, warm;
  std::size_t next = 0;
  for (std::uint64_t first = 0; first < shard.num_users(); first += window) {
    people.clear();
    for (; next < by_index.size(); ++next) {
      const std::int32_t row = by_index[next];
      if (users[static_cast<std::size_t>(row)] >= first + window) break;
      const auto held_out = query.held_out->of(row);
      const std::uint32_t user = users[static_cast<std::size_t>(row)];
      if ((query.only_users == nullptr || (*query.only_users)[user]) &&
          std::any_of(held_out.begin(), held_out.end(), is_asked_for)) {
        people.push_back(row);
      }
    }
    ranking.people = people;
    const RankedLists lists = rank_items(scorer, catalogue, ranking);
    for (std::size_t p = 0; p < people.size(); ++p) {
      relevant.clear();
      for (const std::uint32_t item : query.held_out->of(people[p])) {
        if (is_asked_for(item)) relevant.push_back(item);
      }
      list.clear();
      for (const RankedItem& entry : lists.of(static_cast<std::int64_t>(p))) {
        list.push_back(entry.item);
      }
      warm.clear();
      for (const std::uint32_t item : relevant) {
        if (shard.item_degree(item) > 0) warm.push_back(item);
      }
      const bool cold = scorer.is_cold(people[p]);
      const UserMetrics metrics = sums.add(list, relevant, warm, cold);
      if (query.per_user) {
        mail.add({users[static_cast<std::size_t>(people[p])],
                  static_cast<std::uint32_t>(relevant.size()),
                  static_cast<std::uint32_t>(relevant.size() - warm.size()), cold, metrics});
      }
    }
    if (query.per_user) mail.deliver(shard.communicator(), query.per_user);
  }
  Evaluation result = sums.reduce(shard.communicator(), catalogue.num_items());
  result.seconds = shard.communicator().max(
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  return result;
}

}  // namespace halorec
