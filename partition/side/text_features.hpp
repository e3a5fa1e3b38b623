// Text as hashed n-grams (Weinberger et al., Feature hashing for large scale multitask learning,
// ICML 2009), so that no vocabulary has to be kept or agreed on.
//
// ASCII letters are lowered; words are runs of letters, digits and bytes above 0x7F. With B
// buckets:
//   words       each word w, and each two neighbours "v w":  XXH3-64(text, seed 1) mod B
//   characters  runs of 3, 4 and 5 characters (UTF-8 code points) of " w ", the word between two
//               spaces, so that its ends are told from its middle (as fastText does: Bojanowski et
//               al., Enriching word vectors with subword information, TACL 2017):
//                                                              B + XXH3-64(text, seed 2) mod B
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace halorec {

inline constexpr std::uint32_t kDefaultTextBuckets = 65'536;

// (feature, count), features ascending; empty for a text without a word.
std::vector<std::pair<std::uint32_t, std::uint32_t>> count_ngrams(std::string_view text,
                                                                  std::uint32_t buckets);

}  // namespace halorec
