#include "models/recommender.hpp"

#include <algorithm>
#include <cstring>

namespace halorec {
namespace {

constexpr std::int64_t kWindowBytes = std::int64_t{1} << 26;

// A list on its way to the root: this head, then its items.
struct ListHead {
  std::uint64_t person;
  std::uint32_t length;
  std::uint32_t cold;
};
static_assert(sizeof(ListHead) == 16 && sizeof(RankedItem) == 8);

void append_bytes(std::string& text, const void* bytes, std::size_t size) {
  text.append(static_cast<const char*>(bytes), size);
}

// Sorts what all ranks sent by person and hands it on. Root alone.
void deliver(const std::vector<std::string>& texts, const RecommendationSink& sink) {
  std::vector<std::pair<ListHead, const char*>> lists;
  for (const std::string& text : texts) {
    for (std::size_t at = 0; at < text.size();) {
      ListHead head{};
      std::memcpy(&head, text.data() + at, sizeof head);
      at += sizeof head;
      lists.emplace_back(head, text.data() + at);
      at += head.length * sizeof(RankedItem);
    }
  }
  std::sort(lists.begin(), lists.end(),
            [](const auto& a, const auto& b) { return a.first.person < b.first.person; });
  std::vector<RankedItem> items;
  for (const auto& [head, bytes] : lists) {
    items.resize(head.length);
    if (head.length > 0) std::memcpy(items.data(), bytes, head.length * sizeof(RankedItem));
    sink({head.person, head.cold != 0, items});
  }
}

}  // namespace

Recommender::Recommender(Scorer& scorer, const Catalogue& catalogue, const DatasetFile& dataset,
                         TrainingPart part, bool include_seen, std::optional<UserItems> left_out)
    : scorer_(scorer),
      catalogue_(catalogue),
      exclude_seen_(!include_seen && !dataset.protocol().keep_repeats),
      left_out_(std::move(left_out)) {
  if (exclude_seen_ && part == TrainingPart::train) {
    const UserItems validation = read_held_out(scorer.shard(), dataset, Split::validation);
    left_out_ = left_out_ ? either(*left_out_, validation) : validation;
  }
}

// person_at(p): the row of person p if this rank ranks it, else -1.
template <typename PersonAt>
void Recommender::for_people(std::uint64_t num_people, const PersonAt& person_at, std::int64_t k,
                             const RecommendationSink& sink) {
  Communicator& communicator = scorer_.shard().communicator();
  const auto longest = std::min<std::int64_t>(
      k, std::max<std::int64_t>(1, static_cast<std::int64_t>(catalogue_.num_items())));
  const auto window = static_cast<std::uint64_t>(
      std::max<std::int64_t>(64, kWindowBytes / (longest * std::int64_t{sizeof(RankedItem)})));
  RankingQuery query;
  query.k = k;
  query.exclude_history = exclude_seen_;
  query.also_exclude = left_out_ ? &*left_out_ : nullptr;
  std::vector<std::int32_t> rows;
  std::vector<std::uint64_t> places;
  std::string text;
  for (std::uint64_t first = 0; first < num_people; first += window) {
    rows.clear();
    places.clear();
    for (std::uint64_t p = first; p < std::min(num_people, first + window); ++p) {
      const std::int32_t row = person_at(p);
      if (row < 0) continue;
      rows.push_back(row);
      places.push_back(p);
    }
    query.people = rows;
    const RankedLists lists = rank_items(scorer_, catalogue_, query);
    text.clear();
    for (std::size_t p = 0; p < rows.size(); ++p) {
      const auto list = lists.of(static_cast<std::int64_t>(p));
      const bool cold = scorer_.is_cold(rows[p]);
      const ListHead head{places[p], static_cast<std::uint32_t>(list.size()), cold ? 1u : 0u};
      append_bytes(text, &head, sizeof head);
      append_bytes(text, list.data(), list.size_bytes());
    }
    const auto texts = communicator.gather_text(text);
    communicator.on_root([&] { deliver(texts, sink); });
  }
}

void Recommender::for_users(std::span<const std::uint32_t> users, std::int64_t k,
                            const RecommendationSink& sink) {
  const Shard& shard = scorer_.shard();
  for_people(
      users.size(),
      [&](std::uint64_t p) {
        const RowAddress address = shard.address_of_user(users[p]);
        return address.owner == shard.communicator().rank() ? address.row : -1;
      },
      k, sink);
}

void Recommender::for_all_users(std::int64_t k, const RecommendationSink& sink) {
  const Shard& shard = scorer_.shard();
  for_people(
      shard.num_users(),
      [&](std::uint64_t p) {
        const RowAddress address = shard.address_of_user(static_cast<std::uint32_t>(p));
        return address.owner == shard.communicator().rank() ? address.row : -1;
      },
      k, sink);
}

void Recommender::for_history(std::vector<std::uint32_t> history, std::int64_t k,
                              const RecommendationSink& sink) {
  const Shard& shard = scorer_.shard();
  scorer_.set_guests({std::move(history)});
  for_people(
      1,
      [&](std::uint64_t) {
        return shard.communicator().is_root() ? static_cast<std::int32_t>(shard.num_owned_users())
                                              : -1;
      },
      k, sink);
  scorer_.set_guests({});
}

std::vector<RankedItem> similar_items(const Scorer& scorer, std::string_view model,
                                      const Catalogue& catalogue, std::uint32_t item,
                                      std::int64_t k) {
  auto similar = scorer.similar_items(catalogue, item, k);
  if (!similar) {
    throw Error(
        fmt::format("model {} knows no similar items; trained models and itemknn do", model),
        kExitUsage, true);
  }
  return std::move(*similar);
}

}  // namespace halorec
