// The file wrapper: what goes in comes out, nothing appears before commit, and no damage anywhere
// in a file gets past the seal.
#include "comm/hdf5_file.hpp"

#include <gtest/gtest.h>
#include <hdf5.h>

#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <type_traits>
#include <vector>

#include "comm/check.hpp"
#include "tests/comm/temporary_folder.hpp"

namespace halorec {
namespace {

using Path = std::filesystem::path;

// The message of the Error that opening `path` throws; fails the test when it opens.
std::string open_error(const Path& path, bool verify_digest = true) {
  try {
    Hdf5File::open(path, "dataset", verify_digest);
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_status(), kExitFailure);
    return error.what();
  }
  ADD_FAILURE() << path << " opened";
  return "";
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

Path write_sample(const Path& path) {
  Hdf5File file = Hdf5File::create(path);
  std::vector<std::uint32_t> values(300);
  std::iota(values.begin(), values.end(), 7U);
  file.write("group/values", values);
  file.set_attribute("name", std::string("sample"));
  file.commit();
  return path;
}

template <typename T>
std::vector<T> extremes() {
  return {std::numeric_limits<T>::lowest(), T{0}, T{1}, std::numeric_limits<T>::max()};
}

template <typename T>
std::string name_of() {
  return std::string("t/") + (std::is_signed_v<T> ? "s" : "u") + std::to_string(sizeof(T)) +
         (std::is_floating_point_v<T> ? "f" : "i");
}

template <typename... T>
void write_types(Hdf5File& file) {
  (file.write(name_of<T>(), extremes<T>()), ...);
}

template <typename T>
void expect_type(const Hdf5File& file) {
  EXPECT_EQ(file.read<T>(name_of<T>()), extremes<T>());
}

template <typename... T>
void expect_types(const Hdf5File& file) {
  (expect_type<T>(file), ...);
}

TEST(Hdf5File, RowsWrittenPieceByPiece) {
  const TemporaryFolder folder;
  {
    Hdf5File file = Hdf5File::create(folder / "a.h5");
    file.reserve<std::uint32_t>("part/rows", 5);
    file.reserve<float>("part/none", 0);
    file.write_constant("part/ones", 4, 1.5F);
    file.write_rows("part/rows", 3,
                    std::span<const std::uint32_t>(std::vector<std::uint32_t>{7, 8}));
    file.write_rows("part/rows", 0,
                    std::span<const std::uint32_t>(std::vector<std::uint32_t>{4, 5, 6}));
    // Readable before the file is in place, so that what was written can be hashed.
    EXPECT_EQ(file.read_rows<std::uint32_t>("part/rows", 1, 3),
              (std::vector<std::uint32_t>{5, 6, 7}));
    const std::vector<std::uint32_t> outside{1, 2};
    EXPECT_THROW(file.write_rows("part/rows", 4, std::span<const std::uint32_t>(outside)), Error);
    EXPECT_THROW(file.write_rows("part/ones", 0, std::span<const std::uint32_t>(outside)), Error);
    file.commit();
  }
  const Hdf5File file = Hdf5File::open(folder / "a.h5", "test");
  EXPECT_EQ(file.read<std::uint32_t>("part/rows"), (std::vector<std::uint32_t>{4, 5, 6, 7, 8}));
  EXPECT_TRUE(file.read<float>("part/none").empty());
  EXPECT_EQ(file.read<float>("part/ones"), (std::vector<float>{1.5F, 1.5F, 1.5F, 1.5F}));
}

TEST(Hdf5File, EveryElementTypeComesBack) {
  const TemporaryFolder folder;
  const Path path = folder / "types.h5";
  {
    Hdf5File file = Hdf5File::create(path);
    write_types<std::int8_t, std::uint8_t, std::int16_t, std::uint16_t, std::int32_t, std::uint32_t,
                std::int64_t, std::uint64_t, float, double>(file);
    file.commit();
  }
  expect_types<std::int8_t, std::uint8_t, std::int16_t, std::uint16_t, std::int32_t, std::uint32_t,
               std::int64_t, std::uint64_t, float, double>(Hdf5File::open(path, "dataset"));
}

TEST(Hdf5File, ShapesSlicesAndEmptyDatasets) {
  const TemporaryFolder folder;
  const Path path = folder / "shapes.h5";
  {
    Hdf5File file = Hdf5File::create(path);
    file.write("matrix", std::vector<float>{0, 1, 2, 3, 4, 5}, {3, 2});
    file.write("none", std::vector<double>{});
    file.write("no_rows", std::vector<double>{}, {0, 4});
    EXPECT_TRUE(file.has("matrix"));  // also while it is being written
    file.commit();
    EXPECT_EQ(file.digest().size(), 32U);
    EXPECT_EQ(file.size_bytes(), std::filesystem::file_size(path));
  }
  const Hdf5File file = Hdf5File::open(path, "dataset");
  EXPECT_EQ(file.shape("matrix"), (std::vector<std::uint64_t>{3, 2}));
  EXPECT_EQ(file.read_rows<float>("matrix", 1, 2), (std::vector<float>{2, 3, 4, 5}));
  EXPECT_EQ(file.read_rows<float>("matrix", 3, 0), std::vector<float>{});
  EXPECT_THROW(file.read_rows<float>("matrix", 2, 2), Error);
  EXPECT_THROW(file.read_rows<float>("matrix", std::uint64_t(-1), 2), Error);
  EXPECT_EQ(file.read<double>("none"), std::vector<double>{});
  EXPECT_EQ(file.shape("no_rows"), (std::vector<std::uint64_t>{0, 4}));
  EXPECT_EQ(file.read_rows<double>("no_rows", 0, 0), std::vector<double>{});
}

TEST(Hdf5File, WrongNamesAndTypesAreErrors) {
  const TemporaryFolder folder;
  const Hdf5File file = Hdf5File::open(write_sample(folder / "a.h5"), "dataset");
  EXPECT_TRUE(file.has("group/values"));
  EXPECT_TRUE(file.has("group"));
  EXPECT_FALSE(file.has("group/other"));
  EXPECT_FALSE(file.has("nowhere/at/all"));
  EXPECT_THROW(file.read<std::uint32_t>("group/other"), Error);
  EXPECT_THROW(file.read<std::int32_t>("group/values"), Error);
  EXPECT_THROW(file.read<float>("group/values"), Error);
  EXPECT_THROW(file.shape("group"), Error);
}

TEST(Hdf5File, Attributes) {
  const TemporaryFolder folder;
  const Path path = folder / "attributes.h5";
  const std::string long_text(200'000, 'x');
  {
    Hdf5File file = Hdf5File::create(path);
    file.set_attribute("text", std::string("żółw 🐢"));
    file.set_attribute("empty", std::string());
    file.set_attribute("long", long_text);
    file.set_attribute("int", std::int64_t{-5});
    file.set_attribute("int", std::int64_t{std::numeric_limits<std::int64_t>::min()});
    file.set_attribute("real", 0.1);
    file.commit();
  }
  const Hdf5File file = Hdf5File::open(path, "dataset");
  EXPECT_EQ(file.text_attribute("text"), "żółw 🐢");
  EXPECT_EQ(file.text_attribute("empty"), "");
  EXPECT_EQ(file.text_attribute("long"), long_text);
  EXPECT_EQ(file.int_attribute("int"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(file.real_attribute("real"), 0.1);
  EXPECT_TRUE(file.has_attribute("int"));
  EXPECT_FALSE(file.has_attribute("nothing"));
  EXPECT_THROW(file.text_attribute("nothing"), Error);
  EXPECT_THROW(file.text_attribute("int"), Error);
  EXPECT_THROW(file.int_attribute("real"), Error);
}

TEST(Hdf5File, NothingExistsBeforeCommitAndNothingIsLeftWithout) {
  const TemporaryFolder folder;
  {
    Hdf5File file = Hdf5File::create(folder / "a.h5");
    file.write("v", std::vector<float>{1});
    EXPECT_FALSE(std::filesystem::exists(folder / "a.h5"));
  }
  EXPECT_EQ(folder.num_entries(), 0U);
  write_sample(folder / "a.h5");
  EXPECT_EQ(folder.num_entries(), 1U);
  {
    Hdf5File file = Hdf5File::create(folder / "a.h5");  // gives up: the old file stands
    file.write("v", std::vector<float>{1});
  }
  EXPECT_EQ(Hdf5File::open(folder / "a.h5", "dataset").text_attribute("name"), "sample");
}

TEST(Hdf5File, SameContentSameBytes) {
  const TemporaryFolder folder;
  const std::string first = read_text(write_sample(folder / "a.h5"));
  EXPECT_EQ(first, read_text(write_sample(folder / "b.h5")));
}

TEST(Hdf5File, TruncationAtAnyLengthIsFound) {
  const TemporaryFolder folder;
  const std::string whole = read_text(write_sample(folder / "whole.h5"));
  for (std::size_t length = 0; length < whole.size(); length += length < 600 ? 7 : 61) {
    const Path cut = folder.write("cut.h5", std::string_view(whole).substr(0, length));
    const std::string message = open_error(cut, false);
    EXPECT_TRUE(contains(message, "cut.h5")) << message;
    if (length >= 10) {
      EXPECT_TRUE(contains(message, "truncated")) << length << ": " << message;
    }
  }
  EXPECT_TRUE(contains(open_error(folder.write("more.h5", whole + "x"), false), "damaged"));
}

TEST(Hdf5File, AFlippedBitAnywhereIsFoundBeforeHdf5Reads) {
  const TemporaryFolder folder;
  std::string bytes = read_text(write_sample(folder / "whole.h5"));
  int flips = 0;
  for (std::size_t i = 0; i < bytes.size(); i += i < 600 ? 1 : 13) {
    bytes[i] = static_cast<char>(bytes[i] ^ (1 << (i % 8)));
    const std::string message = open_error(folder.write("flip.h5", bytes));
    EXPECT_FALSE(contains(message, "HDF5 cannot")) << i << ": " << message;
    bytes[i] = static_cast<char>(bytes[i] ^ (1 << (i % 8)));
    ++flips;
  }
  EXPECT_GT(flips, 700);
  EXPECT_EQ(Hdf5File::open(folder.write("flip.h5", bytes), "dataset").text_attribute("name"),
            "sample");
}

TEST(Hdf5File, WhatIsNotOursIsNamed) {
  const TemporaryFolder folder;
  EXPECT_TRUE(contains(open_error(folder / "missing.h5"), "no such dataset file"));
  EXPECT_TRUE(contains(open_error(folder.write("empty.h5", "")), "empty"));
  EXPECT_TRUE(contains(open_error(folder.write("text.h5", "user,item\n1,2\n")), "not a dataset"));
  EXPECT_TRUE(contains(open_error(folder.path()), "is a folder"));
  EXPECT_TRUE(contains(open_error("/dev/null"), "not a regular file"));
  const Path plain = folder / "plain.h5";
  H5Fclose(H5Fcreate(plain.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
  EXPECT_TRUE(contains(open_error(plain), "HDF5 file, but not"));
}

TEST(Hdf5File, UnwritablePlacesAreErrors) {
  const TemporaryFolder folder;
  const Path file = folder.write("file", "x");
  EXPECT_THROW(Hdf5File::create(file / "a.h5"), Error);
  EXPECT_THROW(Hdf5File::create(folder / "none/a.h5"), Error);
  EXPECT_THROW(Hdf5File::create(folder.path()), Error);
  EXPECT_THROW(Hdf5File::create("/proc/a.h5"), Error);
}

TEST(DurableText, ReplacesWholeOrNotAtAll) {
  const TemporaryFolder folder;
  write_text_durably(folder / "a.json", "one");
  write_text_durably(folder / "a.json", "two");
  EXPECT_EQ(read_text(folder / "a.json"), "two");
  EXPECT_EQ(folder.num_entries(), 1U);
  EXPECT_THROW(write_text_durably(folder / "none/a.json", "x"), Error);
  std::filesystem::create_directories(folder / "b/c");
  EXPECT_THROW(write_text_durably(folder / "b", "x"), Error);  // a folder that is not empty
  EXPECT_FALSE(std::filesystem::exists(folder / "b.tmp"));
}

TEST(DurableText, DigestAndSync) {
  const TemporaryFolder folder;
  // XXH3-128 of the empty input, from the xxHash test vectors.
  EXPECT_EQ(file_digest(folder.write("empty", "")), "99aa06d3014798d86001c324468d497f");
  EXPECT_NE(file_digest(folder.write("a", "a")), file_digest(folder.write("b", "b")));
  EXPECT_THROW(file_digest(folder / "missing"), Error);
  sync_path(folder.path());
  EXPECT_THROW(sync_path(folder / "missing"), Error);
}

}  // namespace
}  // namespace halorec
