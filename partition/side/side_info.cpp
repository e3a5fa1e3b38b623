#include "partition/side/side_info.hpp"

#include <limits>

namespace halorec {
namespace {

void extend_lists(std::vector<std::uint64_t>& begin, std::uint64_t num_nodes) {
  begin.resize(num_nodes + 1, begin.back());
}

void extend(AttributeColumn& column, std::uint64_t n) {
  extend_lists(column.begin, n);
}
void extend(TextColumn& column, std::uint64_t n) {
  extend_lists(column.begin, n);
}
void extend(LinkTable& column, std::uint64_t n) {
  extend_lists(column.begin, n);
}
void extend(NumberColumn& column, std::uint64_t n) {
  column.value.resize(n, std::numeric_limits<float>::quiet_NaN());
}
void extend(VectorColumn& column, std::uint64_t n) {
  column.known.resize(n, 0);
  column.value.resize(n * column.dim, 0.0F);
}

}  // namespace

std::string_view kind_name(NodeKind kind) {
  return kind == NodeKind::user ? "user" : "item";
}

void extend_side_info(SideInfo& side, NodeKind kind, std::uint64_t num_nodes) {
  for_each_column(side, [&](auto& column) {
    if (column.kind == kind) extend(column, num_nodes);
  });
}

}  // namespace halorec
