// What ranking knows of a model: the score of a person for an item, a dense block at a time. The
// same ranking serves embeddings and every baseline.
//
// People are the user rows of the shard; guests, known by a history alone, follow them: guest g is
// row num_owned_users + g. Items travel: their owner packs item_width() floats for each item of a
// block, the block goes to every rank, and each rank scores its own people against it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/matrix.hpp"
#include "partition/shard.hpp"

namespace halorec {

class Catalogue;

struct RankedItem {
  std::uint32_t item = 0;  // global index
  float score = 0;
};

// Items of one owner, as they arrive on every rank.
struct ItemBlock {
  std::span<const std::uint32_t> items;  // global indices, ascending
  MatrixView<const float> rows;          // [items x item_width]
};

class Scorer {
 public:
  explicit Scorer(const Shard& shard) : shard_(&shard) {}
  virtual ~Scorer() = default;
  Scorer(const Scorer&) = delete;
  Scorer& operator=(const Scorer&) = delete;

  const Shard& shard() const { return *shard_; }

  // Floats of an item that its owner has to send; 0 when every rank knows all it needs.
  virtual std::int64_t item_width() const { return 0; }
  // Writes rows of items that this rank owns: `owned` numbers them as in Shard::owned_items.
  // out: [owned.size() x item_width], dense.
  virtual void pack_items(std::span<const std::int32_t> owned, float* out) const;
  // The block that score() works on from now on; what it points to lives until the next one.
  virtual void take_items(const ItemBlock& block) { block_ = block; }
  // Floats that score() may use as working space, for up to this many people.
  virtual std::int64_t scratch_size(std::int64_t num_people) const;
  // scores [people x count] = of these people for items [first, first + count) of the block. Called
  // from many threads at once; must not throw, communicate or allocate.
  virtual void score(std::span<const std::int32_t> people, std::int64_t first, std::int64_t count,
                     float* scratch, float* scores) const = 0;

  // Whether a person without history is scored too. Otherwise popularity serves them.
  virtual bool serves_cold(std::int64_t /*person*/) const { return false; }
  // Whether a score says something of items without a training interaction. Only then do they
  // stand in lists, unless the caller asks for them.
  virtual bool serves_cold_items() const { return false; }

  // Items without a training interaction of which a scorer that serves such items knows nothing:
  // they stand in no list. The same on every rank, ascending. Collective.
  virtual std::vector<std::uint32_t> unknown_items() const { return {}; }

  // Invites guests; replaces earlier ones. The same histories (global item indices) on every rank.
  // Error when the model knows no one without a row. Collective.
  void set_guests(std::vector<std::vector<std::uint32_t>> histories);
  std::int64_t num_guests() const { return static_cast<std::int64_t>(guests_.size()); }

  // The training items of a user, or the history of a guest: ascending and distinct.
  std::span<const std::uint32_t> history_of(std::int64_t person) const {
    const std::int64_t guest = person - shard_->num_owned_users();
    if (guest < 0) return shard_->items_of(person);
    return guests_[static_cast<std::size_t>(guest)];
  }
  // Nothing is known of the person: no item of the history was ever trained on.
  bool is_cold(std::int64_t person) const {
    const auto history = history_of(person);
    return std::none_of(history.begin(), history.end(),
                        [&](std::uint32_t item) { return shard_->item_degree(item) > 0; });
  }

  // Nothing is known of the person and the scorer has no answer to that: lists go by popularity.
  bool is_served_by_popularity(std::int64_t person) const {
    return is_cold(person) && !serves_cold(person);
  }

  // By which: how many train on the item, or what set_popularity was given, a number for each item
  // of the whole graph.
  float popularity_of(std::uint32_t item) const {
    return popularity_ == nullptr ? static_cast<float>(shard_->item_degree(item))
                                  : (*popularity_)[item];
  }
  virtual void set_popularity(std::shared_ptr<const std::vector<float>> popularity) {
    popularity_ = std::move(popularity);
  }

  // Up to k items nearest to `item`, best first, the same on every rank; nothing when the model
  // knows no nearness of items. Collective.
  virtual std::optional<std::vector<RankedItem>> similar_items(const Catalogue& catalogue,
                                                               std::uint32_t item,
                                                               std::int64_t k) const;

 protected:
  // guests() has been replaced. Collective.
  virtual void fold_in_guests() = 0;
  const std::vector<std::vector<std::uint32_t>>& guests() const { return guests_; }

  const ItemBlock& block() const { return block_; }

 private:
  const Shard* shard_;
  ItemBlock block_;
  std::shared_ptr<const std::vector<float>> popularity_;  // null: degrees
  std::vector<std::vector<std::uint32_t>> guests_;
};

}  // namespace halorec
