#include "comm/wire_format.hpp"

#include <bit>

namespace halorec {
namespace {

// Loops over a row have no branch: the compiler makes vectors of them on any machine, and more
// would not help, since rows come from memory and go there.

std::uint16_t round_to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16;
  // A NaN must not round to infinity.
  const std::uint32_t quiet = bits >> 16 | 0x40u;
  return static_cast<std::uint16_t>((bits & 0x7FFFFFFFu) > 0x7F800000u ? quiet : rounded);
}

float from_bf16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

template <typename Element>
const Element* elements(const std::byte* row) {
  return reinterpret_cast<const Element*>(row);
}
template <typename Element>
Element* elements(std::byte* row) {
  return reinterpret_cast<Element*>(row);
}

}  // namespace

template <typename T>
std::int64_t wire_row_bytes(WireFormat format, std::int64_t width) {
  return width *
         static_cast<std::int64_t>(format == WireFormat::full ? sizeof(T) : sizeof(std::uint16_t));
}

template <typename T>
void pack_row(WireFormat format, const T* __restrict from, T factor, std::int64_t width,
              std::byte* __restrict to) {
  if (format == WireFormat::full) {
    T* const out = elements<T>(to);
    for (std::int64_t c = 0; c < width; ++c) out[c] = factor * from[c];
  } else {
    auto* const out = elements<std::uint16_t>(to);
    for (std::int64_t c = 0; c < width; ++c) {
      out[c] = round_to_bf16(static_cast<float>(factor * from[c]));
    }
  }
}

template <typename T>
void unpack_row(WireFormat format, const std::byte* __restrict from, std::int64_t width,
                T* __restrict to) {
  if (format == WireFormat::full) {
    const T* const in = elements<T>(from);
    for (std::int64_t c = 0; c < width; ++c) to[c] = in[c];
  } else {
    const auto* const in = elements<std::uint16_t>(from);
    for (std::int64_t c = 0; c < width; ++c) to[c] = static_cast<T>(from_bf16(in[c]));
  }
}

template <typename T>
void add_row(WireFormat format, const std::byte* __restrict from, T factor, std::int64_t width,
             T* __restrict to) {
  if (format == WireFormat::full) {
    const T* const in = elements<T>(from);
    for (std::int64_t c = 0; c < width; ++c) to[c] += factor * in[c];
  } else {
    const auto* const in = elements<std::uint16_t>(from);
    for (std::int64_t c = 0; c < width; ++c) to[c] += factor * static_cast<T>(from_bf16(in[c]));
  }
}

template std::int64_t wire_row_bytes<float>(WireFormat, std::int64_t);
template void pack_row<float>(WireFormat, const float*, float, std::int64_t, std::byte*);
template void unpack_row<float>(WireFormat, const std::byte*, std::int64_t, float*);
template void add_row<float>(WireFormat, const std::byte*, float, std::int64_t, float*);
template std::int64_t wire_row_bytes<double>(WireFormat, std::int64_t);
template void pack_row<double>(WireFormat, const double*, double, std::int64_t, std::byte*);
template void unpack_row<double>(WireFormat, const std::byte*, std::int64_t, double*);
template void add_row<double>(WireFormat, const std::byte*, double, std::int64_t, double*);

}  // namespace halorec
