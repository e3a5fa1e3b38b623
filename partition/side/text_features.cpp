#include "partition/side/text_features.hpp"

#include <algorithm>
#include <string>

#include "comm/random.hpp"

namespace halorec {
namespace {

constexpr std::uint64_t kWordSeed = 1, kCharacterSeed = 2;
constexpr std::size_t kShortest = 3, kLongest = 5;  // characters

bool in_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  bool inside = false;
  for (const char raw : text) {
    const char c = raw >= 'A' && raw <= 'Z' ? static_cast<char>(raw - 'A' + 'a') : raw;
    if (in_word(c)) {
      if (!inside) words.emplace_back();
      words.back() += c;
    }
    inside = in_word(c);
  }
  return words;
}

// Where the characters of UTF-8 text begin, and its end.
std::vector<std::size_t> character_starts(std::string_view text) {
  std::vector<std::size_t> starts;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) starts.push_back(i);
  }
  starts.push_back(text.size());
  return starts;
}

}  // namespace

std::vector<std::pair<std::uint32_t, std::uint32_t>> count_ngrams(std::string_view text,
                                                                  std::uint32_t buckets) {
  std::vector<std::uint32_t> features;
  const auto add = [&](std::string_view gram, std::uint64_t seed) {
    const auto bucket = static_cast<std::uint32_t>(hash_bytes(gram, seed) % buckets);
    features.push_back(seed == kWordSeed ? bucket : buckets + bucket);
  };
  const std::vector<std::string> words = words_of(text);
  for (std::size_t w = 0; w < words.size(); ++w) {
    add(words[w], kWordSeed);
    if (w > 0) add(words[w - 1] + " " + words[w], kWordSeed);
    const std::string padded = " " + words[w] + " ";
    const std::vector<std::size_t> starts = character_starts(padded);
    for (std::size_t n = kShortest; n <= kLongest; ++n) {
      for (std::size_t i = 0; i + n < starts.size(); ++i) {
        add(std::string_view(padded).substr(starts[i], starts[i + n] - starts[i]), kCharacterSeed);
      }
    }
  }
  std::sort(features.begin(), features.end());
  std::vector<std::pair<std::uint32_t, std::uint32_t>> counts;
  for (const std::uint32_t feature : features) {
    if (counts.empty() || counts.back().first != feature) counts.emplace_back(feature, 0);
    ++counts.back().second;
  }
  return counts;
}

}  // namespace halorec
