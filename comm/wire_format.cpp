#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "comm/wire_format.cpp"  // this file, once for each SIMD target
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "comm/random.hpp"
#include "comm/wire_format.hpp"

HWY_BEFORE_NAMESPACE();
namespace halorec::HWY_NAMESPACE {
namespace {

constexpr std::int32_t kInt8Steps = 127;  // from zero to a row's largest magnitude
constexpr std::int64_t kInt8StepBytes = sizeof(float);

// Loops over a row have no branch, and the compiler makes vectors of them; built for each SIMD
// target, since rounding with SSE2 alone takes longer than memory does. Multiply and add are not
// fused (CMakeLists.txt), so that all targets give the same bits.

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

// The step of a row of int8.
float int8_step(const std::byte* row) {
  float step = 0;
  std::memcpy(&step, row, sizeof step);
  return step;
}

template <typename T>
void pack_int8(std::uint64_t seed, const T* __restrict from, T factor, std::int64_t width,
               std::byte* __restrict to) {
  constexpr auto kInfinity = std::bit_cast<std::int32_t>(std::numeric_limits<float>::infinity());
  std::int32_t largest = 0;  // floats without signs are ordered as their bits, NaNs last
  std::uint32_t sum = 0;
  for (std::int64_t c = 0; c < width; ++c) {
    const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(factor * from[c]));
    largest = std::max(largest, static_cast<std::int32_t>(bits & 0x7FFFFFFFu));
    sum += bits;
  }
  float step = std::bit_cast<float>(largest) / kInt8Steps;
  if (largest >= kInfinity) step = std::numeric_limits<float>::quiet_NaN();
  if (step < std::numeric_limits<float>::min()) step = 0;
  std::memcpy(to, &step, sizeof step);
  auto* const out = elements<std::int8_t>(to + kInt8StepBytes);
  if (!(step > 0)) {
    std::memset(out, 0, static_cast<std::size_t>(width));
    return;
  }
  // floor(x / step + u), u uniform in [0, 1). One draw a row; its columns go on from there by the
  // golden ratio (Weyl's sequence), so that each u is uniform and a row's are spread evenly. 128 is
  // added before and taken off after, since a conversion to int cuts towards zero; beside it the 16
  // bits of u are exact.
  const auto key = static_cast<std::uint64_t>(largest) << 32 | sum;
  const auto first = static_cast<std::uint32_t>(Random(seed, Purpose::wire_rounding).bits(key));
  const float inverse = 1 / step;
  for (std::int64_t c = 0; c < width; ++c) {
    const std::uint32_t drawn = first + static_cast<std::uint32_t>(c) * 0x9E3779B9u;
    const float u = static_cast<float>(static_cast<std::int32_t>(drawn >> 16)) * 0x1.0p-16F;
    const float value = static_cast<float>(factor * from[c]) * inverse + (u + 128.0F);
    const std::int32_t steps = static_cast<std::int32_t>(value) - 128;
    out[c] = static_cast<std::int8_t>(std::clamp(steps, -kInt8Steps, kInt8Steps));
  }
}

// f(c, the number at c) for each column of a row.
template <typename T, typename Function>
void for_each_number(WireFormat format, const std::byte* __restrict from, std::int64_t width,
                     const Function& f) {
  if (format == WireFormat::full) {
    const T* const in = elements<T>(from);
    for (std::int64_t c = 0; c < width; ++c) f(c, in[c]);
  } else if (format == WireFormat::bf16) {
    const auto* const in = elements<std::uint16_t>(from);
    for (std::int64_t c = 0; c < width; ++c) f(c, static_cast<T>(from_bf16(in[c])));
  } else {
    const T step = int8_step(from);
    const auto* const in = elements<std::int8_t>(from + kInt8StepBytes);
    for (std::int64_t c = 0; c < width; ++c) f(c, static_cast<T>(in[c]) * step);
  }
}

template <typename T>
void pack(WireFormat format, std::uint64_t seed, const T* __restrict from, T factor,
          std::int64_t width, std::byte* __restrict to) {
  if (format == WireFormat::full) {
    T* const out = elements<T>(to);
    for (std::int64_t c = 0; c < width; ++c) out[c] = factor * from[c];
  } else if (format == WireFormat::bf16) {
    auto* const out = elements<std::uint16_t>(to);
    for (std::int64_t c = 0; c < width; ++c) {
      out[c] = round_to_bf16(static_cast<float>(factor * from[c]));
    }
  } else {
    pack_int8(seed, from, factor, width, to);
  }
}

template <typename T>
void unpack(WireFormat format, const std::byte* __restrict from, std::int64_t width,
            T* __restrict to) {
  for_each_number<T>(format, from, width, [to](std::int64_t c, T number) { to[c] = number; });
}

template <typename T>
void add(WireFormat format, const std::byte* __restrict from, T factor, std::int64_t width,
         T* __restrict to) {
  for_each_number<T>(format, from, width,
                     [to, factor](std::int64_t c, T number) { to[c] += factor * number; });
}

}  // namespace

void pack_float(WireFormat format, std::uint64_t seed, const float* from, float factor,
                std::int64_t width, std::byte* to) {
  pack(format, seed, from, factor, width, to);
}
void unpack_float(WireFormat format, const std::byte* from, std::int64_t width, float* to) {
  unpack(format, from, width, to);
}
void add_float(WireFormat format, const std::byte* from, float factor, std::int64_t width,
               float* to) {
  add(format, from, factor, width, to);
}
void pack_double(WireFormat format, std::uint64_t seed, const double* from, double factor,
                 std::int64_t width, std::byte* to) {
  pack(format, seed, from, factor, width, to);
}
void unpack_double(WireFormat format, const std::byte* from, std::int64_t width, double* to) {
  unpack(format, from, width, to);
}
void add_double(WireFormat format, const std::byte* from, double factor, std::int64_t width,
                double* to) {
  add(format, from, factor, width, to);
}

}  // namespace halorec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace halorec {

HWY_EXPORT(pack_float);
HWY_EXPORT(unpack_float);
HWY_EXPORT(add_float);
HWY_EXPORT(pack_double);
HWY_EXPORT(unpack_double);
HWY_EXPORT(add_double);

template <typename T>
std::int64_t wire_row_bytes(WireFormat format, std::int64_t width) {
  if (format == WireFormat::int8) return std::int64_t{sizeof(float)} + width;
  return width *
         static_cast<std::int64_t>(format == WireFormat::full ? sizeof(T) : sizeof(std::uint16_t));
}

template std::int64_t wire_row_bytes<float>(WireFormat, std::int64_t);
template std::int64_t wire_row_bytes<double>(WireFormat, std::int64_t);

template <>
void pack_row<float>(WireFormat format, std::uint64_t seed, const float* from, float factor,
                     std::int64_t width, std::byte* to) {
  HWY_DYNAMIC_DISPATCH(pack_float)(format, seed, from, factor, width, to);
}
template <>
void unpack_row<float>(WireFormat format, const std::byte* from, std::int64_t width, float* to) {
  HWY_DYNAMIC_DISPATCH(unpack_float)(format, from, width, to);
}
template <>
void add_row<float>(WireFormat format, const std::byte* from, float factor, std::int64_t width,
                    float* to) {
  HWY_DYNAMIC_DISPATCH(add_float)(format, from, factor, width, to);
}
template <>
void pack_row<double>(WireFormat format, std::uint64_t seed, const double* from, double factor,
                      std::int64_t width, std::byte* to) {
  HWY_DYNAMIC_DISPATCH(pack_double)(format, seed, from, factor, width, to);
}
template <>
void unpack_row<double>(WireFormat format, const std::byte* from, std::int64_t width, double* to) {
  HWY_DYNAMIC_DISPATCH(unpack_double)(format, from, width, to);
}
template <>
void add_row<double>(WireFormat format, const std::byte* from, double factor, std::int64_t width,
                     double* to) {
  HWY_DYNAMIC_DISPATCH(add_double)(format, from, factor, width, to);
}

}  // namespace halorec
#endif  // HWY_ONCE
