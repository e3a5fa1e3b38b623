// How rows of numbers travel between ranks: as they are, or rounded. A row is rounded while it is
// packed and expanded where it is used, so that no buffer of full numbers stands between.
//
// int8 loses much: a row's largest magnitude is cut into 127 steps, the step travels as a float
// before the row's numbers of 8 bits, and each number is rounded to one of the two multiples beside
// it, at random, so that its expectation is the number itself (Alistarh et al., QSGD, NeurIPS
// 2017). Products and their gradients are sums over many rows: there such errors cancel, while
// rounding to nearest would drop, at every step again, whatever lies below half a step of its row.
// The draws are keyed by the seed and by the row's own numbers, not by step or place: the same row
// travels as the same bits to every rank, on any number of ranks, and in a run that was resumed; a
// row that has changed draws anew.
#pragma once

#include <cstddef>
#include <cstdint>

namespace halorec {

// full: the numbers themselves. bf16: rounded to bfloat16, half the bytes of a float (8 bits of
// mantissa, to nearest, ties to even; infinities stay, a NaN stays a NaN). int8: see above; off by
// less than a step, zeros stay; a row with an infinity or a NaN arrives as NaNs, one whose step
// would be no normal float (numbers below 1.5e-36) as zeros.
enum class WireFormat : std::uint8_t { full, bf16, int8 };

// What a row of `width` numbers of type T takes on the wire.
template <typename T>
std::int64_t wire_row_bytes(WireFormat format, std::int64_t width);

// Writes factor * from[0 .. width) to the row at `to`, whose address is aligned as its elements
// are. `seed`: of int8's draws.
template <typename T>
void pack_row(WireFormat format, std::uint64_t seed, const T* from, T factor, std::int64_t width,
              std::byte* to);

// to[c] = the number at c.
template <typename T>
void unpack_row(WireFormat format, const std::byte* from, std::int64_t width, T* to);

// to[c] += factor * the number at c.
template <typename T>
void add_row(WireFormat format, const std::byte* from, T factor, std::int64_t width, T* to);

}  // namespace halorec
