// How rows of numbers travel between ranks: as they are, or rounded. A row is rounded while it is
// packed and expanded where it is used, so that no buffer of full numbers stands between.
#pragma once

#include <cstddef>
#include <cstdint>

namespace halorec {

// full: the numbers themselves. bf16: rounded to bfloat16, half the bytes of a float (8 bits of
// mantissa, to nearest, ties to even; infinities stay, a NaN stays a NaN).
enum class WireFormat : std::uint8_t { full, bf16 };

// What a row of `width` numbers of type T takes on the wire.
template <typename T>
std::int64_t wire_row_bytes(WireFormat format, std::int64_t width);

// Writes factor * from[0 .. width) to the row at `to`. The row's address is aligned as its elements
// are.
template <typename T>
void pack_row(WireFormat format, const T* from, T factor, std::int64_t width, std::byte* to);

// to[c] = the number at c.
template <typename T>
void unpack_row(WireFormat format, const std::byte* from, std::int64_t width, T* to);

// to[c] += factor * the number at c.
template <typename T>
void add_row(WireFormat format, const std::byte* from, T factor, std::int64_t width, T* to);

}  // namespace halorec
