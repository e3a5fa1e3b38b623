#include "partition/synthetic/expand.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "comm/check.hpp"
#include "partition/parallel.hpp"

namespace halorec {
namespace {

// The dataset's matrix by user: items ascending and distinct, each with its first time.
struct Matrix {
  std::vector<std::uint64_t> begin;
  std::vector<std::uint32_t> item;
  std::vector<std::int64_t> time;  // empty when unknown
};

Matrix read_matrix(const DatasetFile& file) {
  struct Cell {
    std::uint32_t item;
    std::int64_t time;
  };
  Matrix matrix;
  std::vector<std::uint64_t> begin(file.num_users() + 1, 0);
  std::array<Interactions, kNumSplits> parts;
  for (int s = 0; s < kNumSplits; ++s) {
    const Split split = static_cast<Split>(s);
    Interactions& part = parts[static_cast<std::size_t>(s)];
    part = file.read(split, 0, file.num_interactions(split), true);
    for (const std::uint32_t user : part.user) ++begin[user + 1];
  }
  std::partial_sum(begin.begin(), begin.end(), begin.begin());
  std::vector<Cell> cells(begin.back());
  std::vector<std::uint64_t> next(begin.begin(), begin.end() - 1);
  for (const Interactions& part : parts) {
    for (std::uint64_t k = 0; k < part.size(); ++k) {
      cells[next[part.user[k]]++] = {part.item[k], part.time.empty() ? 0 : part.time[k]};
    }
  }
  matrix.begin.push_back(0);
  for (std::uint64_t u = 0; u + 1 < begin.size(); ++u) {
    const auto first = cells.begin() + static_cast<std::ptrdiff_t>(begin[u]);
    const auto last = cells.begin() + static_cast<std::ptrdiff_t>(begin[u + 1]);
    std::sort(first, last, [](const Cell& a, const Cell& b) {
      return a.item != b.item ? a.item < b.item : a.time < b.time;
    });
    for (auto cell = first; cell != last; ++cell) {
      if (cell != first && cell->item == (cell - 1)->item) continue;
      matrix.item.push_back(cell->item);
      if (file.has_times()) matrix.time.push_back(cell->time);
    }
    matrix.begin.push_back(matrix.item.size());
  }
  return matrix;
}

// Nodes by falling degree in `groups` groups of equal size.
std::vector<std::uint32_t> group_by_degree(const std::vector<std::uint64_t>& degree,
                                           std::uint32_t groups) {
  std::vector<std::uint32_t> order(degree.size()), group(degree.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return degree[a] > degree[b]; });
  for (std::uint64_t k = 0; k < order.size(); ++k) {
    group[order[k]] = static_cast<std::uint32_t>(k * groups / order.size());
  }
  return group;
}

class ExpandSource final : public EdgeSource {
 public:
  explicit ExpandSource(const SyntheticOptions& options)
      : options_(options), keep_(draw_of(options.seed, Draw::keep)), uniform_time_(options.seed) {
    if (std::error_code ignored; std::filesystem::is_directory(options.expand, ignored)) {
      fail_usage("--expand {} is a folder; make a dataset file of it first with `halorec import`",
                 options.expand.string());
    }
    const DatasetFile file(options.expand);
    const auto [user_copies, item_copies] = options.factor;
    if (file.num_users() * user_copies >= kMostNodes ||
        file.num_items() * item_copies >= kMostNodes) {
      fail_usage("--factor {}x{}: {} users and {} items become more than {} of a kind", user_copies,
                 item_copies, file.num_users(), file.num_items(), kMostNodes);
    }
    base_users_ = static_cast<std::uint32_t>(file.num_users());
    base_items_ = static_cast<std::uint32_t>(file.num_items());
    matrix_ = read_matrix(file);
    user_ids_ = file.read_user_ids();
    item_ids_ = file.read_item_ids();
    choose_times(file.has_times());
    choose_probabilities();
  }

  std::uint32_t num_users() const override { return base_users_ * options_.factor[0]; }
  std::uint32_t num_items() const override { return base_items_ * options_.factor[1]; }
  std::uint64_t num_edges() const override { return num_edges_; }
  bool counts_exactly() const override { return false; }
  bool has_times() const override { return times_ != Times::none; }
  double expected_edges(std::uint32_t user) const override {
    const std::uint32_t base = user % base_users_;
    return static_cast<double>(matrix_.begin[base + 1] - matrix_.begin[base]) *
           row_sum_[user / base_users_];
  }

  void draw(std::uint32_t user, UserEdges& edges) const override {
    edges.item.clear();
    edges.time.clear();
    const std::uint32_t base = user % base_users_, copy = user / base_users_;
    const std::uint64_t first = matrix_.begin[base], last = matrix_.begin[base + 1];
    std::uint32_t index = 0;
    for (std::uint32_t g = 0; g < options_.factor[1]; ++g) {
      const double p = probability_[copy * options_.factor[1] + g];
      if (p <= 0) continue;
      const double per_log = p < 1 ? 1 / std::log1p(-p) : 0;
      for (std::uint64_t k = first; k < last; ++k) {
        // Pairs passed over before the next that stays: geometric.
        const double pass = std::floor(std::log1p(-keep_.uniform(user, index++)) * per_log);
        if (pass >= static_cast<double>(last - k)) break;
        k += static_cast<std::uint64_t>(pass);
        const auto found = static_cast<std::uint32_t>(edges.item.size());
        if (times_ == Times::source) edges.time.push_back(matrix_.time[k]);
        if (times_ == Times::uniform) edges.time.push_back(uniform_time_(user, found));
        edges.item.push_back(g * base_items_ + matrix_.item[k]);
      }
    }
  }

  void name_user(std::uint32_t user, std::string& name) const override {
    name = fmt::format("{}/{}", user_ids_[user % base_users_], user / base_users_);
  }
  void name_item(std::uint32_t item, std::string& name) const override {
    name = fmt::format("{}/{}", item_ids_[item % base_items_], item / base_items_);
  }

 private:
  enum class Times { none, uniform, source };

  void choose_times(bool known) {
    const std::string wanted = options_.times.value_or(known ? "source" : "uniform");
    if (wanted == "source" && !known) {
      fail_usage("--times source: {} has no times; choose uniform or none",
                 options_.expand.string());
    }
    times_ = wanted == "none" ? Times::none : (wanted == "source" ? Times::source : Times::uniform);
  }

  void choose_probabilities() {
    const auto [user_groups, item_groups] = options_.factor;
    std::vector<std::uint64_t> user_degree(base_users_), item_degree(base_items_, 0);
    for (std::uint32_t u = 0; u < base_users_; ++u) {
      user_degree[u] = matrix_.begin[u + 1] - matrix_.begin[u];
    }
    for (const std::uint32_t item : matrix_.item) ++item_degree[item];
    const auto user_group = group_by_degree(user_degree, user_groups);
    const auto item_group = group_by_degree(item_degree, item_groups);
    probability_.assign(std::size_t{user_groups} * item_groups, 0);
    for (std::uint32_t u = 0; u < base_users_; ++u) {
      for (std::uint64_t k = matrix_.begin[u]; k < matrix_.begin[u + 1]; ++k) {
        ++probability_[user_group[u] * item_groups + item_group[matrix_.item[k]]];
      }
    }
    const std::uint64_t base_edges = matrix_.item.size();
    const auto blocks = static_cast<std::uint64_t>(
        std::count_if(probability_.begin(), probability_.end(), [](double s) { return s > 0; }));
    num_edges_ = options_.num_edges > 0 ? options_.num_edges
                                        : base_edges * std::min<std::uint64_t>(user_groups, blocks);
    if (num_edges_ > base_edges * blocks) {
      fail_usage("--edges: {} is more than the {} that {} expanded {}x{} can have", num_edges_,
                 base_edges * blocks, options_.expand.string(), user_groups, item_groups);
    }
    // sum over blocks of min(1, x S) = edges / base_edges
    const double wanted = static_cast<double>(num_edges_) / static_cast<double>(base_edges);
    const auto sum_at = [&](double x) {
      double sum = 0;
      for (const double s : probability_) sum += std::min(1.0, x * s);
      return sum;
    };
    double low = 0, high = 1;  // the least count is 1: at 1 every block is full
    for (int i = 0; i < 64; ++i) {
      const double middle = (low + high) / 2;
      (sum_at(middle) < wanted ? low : high) = middle;
    }
    row_sum_.assign(user_groups, 0);
    for (std::uint64_t block = 0; block < probability_.size(); ++block) {
      probability_[block] = std::min(1.0, high * probability_[block]);
      row_sum_[block / item_groups] += probability_[block];
    }
  }

  SyntheticOptions options_;
  std::uint32_t base_users_ = 0, base_items_ = 0;
  Matrix matrix_;
  StringTable user_ids_, item_ids_;
  Times times_ = Times::none;
  std::uint64_t num_edges_ = 0;
  std::vector<double> probability_;  // p_fg, row by row
  std::vector<double> row_sum_;      // over g
  Random keep_;
  UniformTimes uniform_time_;
};

}  // namespace

std::unique_ptr<EdgeSource> make_expansion(const SyntheticOptions& options) {
  return std::make_unique<ExpandSource>(options);
}

}  // namespace halorec
