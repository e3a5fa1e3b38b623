// The rooms stand in one strict order, and a file includes only from its own room or from rooms to
// the right. Reads the sources; says which line runs back. Also says how long the files are.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 5> kRooms{"launch", "models", "engine", "partition", "comm"};
constexpr int kTooLong = 400;  // lines: the file asks to be split

// Place of a room in the order, or -1.
int room_index(std::string_view name) {
  const auto* found = std::find(kRooms.begin(), kRooms.end(), name);
  return found == kRooms.end() ? -1 : static_cast<int>(found - kRooms.begin());
}

// The path of `#include "path"`, or "".
std::string included_path(const std::string& line) {
  const auto hash = line.find_first_not_of(" \t");
  if (hash == std::string::npos || line[hash] != '#') return "";
  const auto word = line.find("include", hash);
  const auto quote = line.find('"', hash);
  if (word == std::string::npos || quote == std::string::npos || quote < word) return "";
  return line.substr(quote + 1, line.find('"', quote + 1) - quote - 1);
}

// One line for each include of `text` that a file of `room` may not have.
std::vector<std::string> faults_of(std::istream& text, const std::string& path, int room) {
  std::vector<std::string> faults;
  std::string line;
  for (int number = 1; std::getline(text, line); ++number) {
    const auto included = included_path(line);
    if (included.empty()) continue;
    const int other = room_index(included.substr(0, included.find('/')));
    const auto where = path + ":" + std::to_string(number) + ": \"" + included + "\"";
    if (other < 0) {
      faults.push_back(where + " is not named by its room");
    } else if (other < room) {
      faults.push_back(where + ": " + std::string(kRooms[static_cast<std::size_t>(room)]) +
                       " must not know " + std::string(kRooms[static_cast<std::size_t>(other)]));
    }
  }
  return faults;
}

std::vector<std::string> faults_of(const std::string& text, int room) {
  std::istringstream stream(text);
  return faults_of(stream, "file", room);
}

TEST(IncludeOrder, ArrowsThatRunBackAreFound) {
  EXPECT_TRUE(faults_of("#include <vector>\n#include \"comm/check.hpp\"\n", 2).empty());
  EXPECT_TRUE(faults_of("#include \"engine/tape.hpp\"\n", 2).empty());
  EXPECT_EQ(
      faults_of("#include \"models/registry.hpp\"\n", 2),
      std::vector<std::string>{"file:1: \"models/registry.hpp\": engine must not know models"});
  EXPECT_EQ(faults_of("\n#  include \"launch/x.hpp\"\n", 4).size(), 1U);
  EXPECT_EQ(faults_of("#include \"check.hpp\"\n", 4).size(), 1U);
}

TEST(IncludeOrder, RoomsIncludeOnlyToTheRight) {
  const fs::path root = HALOREC_SOURCE_DIR;
  int num_files = 0, num_lines = 0;
  for (std::size_t room = 0; room < kRooms.size(); ++room) {
    if (!fs::exists(root / kRooms[room])) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / kRooms[room])) {
      const auto extension = entry.path().extension();
      if (extension != ".cpp" && extension != ".hpp") continue;
      const auto path = fs::relative(entry.path(), root).string();
      std::ifstream file(entry.path());
      for (const auto& fault : faults_of(file, path, static_cast<int>(room))) {
        ADD_FAILURE() << fault;
      }
      file.clear();
      file.seekg(0);
      const auto lines = static_cast<int>(
          std::count(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>(), '\n'));
      if (lines > kTooLong) {
        std::printf("note: %s has %d lines and asks to be split\n", path.c_str(), lines);
      }
      ++num_files;
      num_lines += lines;
    }
  }
  EXPECT_GT(num_files, 20);
  std::printf("%d files, %d lines\n", num_files, num_lines);
}

}  // namespace
