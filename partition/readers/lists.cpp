// LightGCN's text: a line holds a user and then all of the user's items.
#include "comm/check.hpp"
#include "partition/readers/line_reader.hpp"
#include "partition/readers/readers.hpp"

namespace halorec {
namespace {

constexpr std::uint64_t kMaxListLineBytes = std::uint64_t{1} << 30;

// The next run of non-blanks, removed from the front of `line`; empty at its end.
std::string_view take_word(std::string_view& line) {
  std::size_t begin = 0;
  while (begin < line.size() && (line[begin] == ' ' || line[begin] == '\t')) ++begin;
  std::size_t end = begin;
  while (end < line.size() && line[end] != ' ' && line[end] != '\t') ++end;
  const std::string_view word = line.substr(begin, end - begin);
  line.remove_prefix(end);
  return word;
}

}  // namespace

void read_list_file(const SourceFile& file, EventBuilder& builder) {
  LineReader reader(file.path, kMaxListLineBytes);
  const std::uint64_t before = builder.counts.rows;
  std::string_view line;
  while (reader.next(line)) {
    const std::string_view user_id = take_word(line);
    if (user_id.empty()) continue;
    std::string_view item_id = take_word(line);
    if (item_id.empty()) continue;  // a user without items is no interaction
    const std::uint32_t user = builder.users.intern(user_id, reader);
    for (; !item_id.empty(); item_id = take_word(line)) {
      builder.add_pair(user, builder.items.intern(item_id, reader), file.part, reader);
      ++builder.counts.rows;
    }
  }
  builder.counts.columns = "a user and its items on each line";
  builder.counts.files.emplace_back(file.path.string(), builder.counts.rows - before);
}

}  // namespace halorec
