#include "engine/kernels/bf16_product.hpp"

#include <omp.h>

#include <compare>
#include <cstddef>
#include <dnnl.hpp>
#include <map>
#include <vector>

#include "comm/wire_format.hpp"
#include "engine/kernels/dense.hpp"

namespace halorec::kernels {
namespace {

struct Shape {
  bool a_transposed, b_transposed, adds;
  std::int64_t rows, cols, inner;
  auto operator<=>(const Shape&) const = default;
};

using Description = dnnl::memory::desc;

// Of op(X) [rows x cols], whose X is stored dense.
Description described(std::int64_t rows, std::int64_t cols, bool transposed,
                      dnnl::memory::data_type type) {
  const dnnl::memory::dims strides =
      transposed ? dnnl::memory::dims{1, rows} : dnnl::memory::dims{cols, 1};
  return {{rows, cols}, type, strides};
}

// While it lives, oneDNN plans for one thread, as it will run. In a team it asks OpenMP for the
// size of the next team, and code generated for several but run by one meets tiles of another shape
// than it set up: an illegal instruction with AMX (oneDNN 2.6.3; 70 x 63 by 63 x 16 in a team of
// two).
class OneThread {
 public:
  OneThread() { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  const int before_ = omp_get_max_threads();
};

// A product that oneDNN has generated code for. It may keep working memory of the thread that made
// it, so each thread makes its own; generated code is shared within oneDNN.
class UnitsProduct {
 public:
  explicit UnitsProduct(const Shape& s) {
    constexpr auto kBf16 = dnnl::memory::data_type::bf16;
    const Description a = described(s.rows, s.inner, s.a_transposed, kBf16);
    const Description b = described(s.inner, s.cols, s.b_transposed, kBf16);
    const Description c = described(s.rows, s.cols, false, dnnl::memory::data_type::f32);
    dnnl::primitive_attr attributes;
    if (s.adds) {
      dnnl::post_ops after;
      after.append_sum(1.0F);
      attributes.set_post_ops(after);
    }
#if DNNL_VERSION_MAJOR >= 3
    const dnnl::matmul::primitive_desc chosen(engine_, a, b, c, attributes);
#else
    const dnnl::matmul::primitive_desc chosen(dnnl::matmul::desc(a, b, c), attributes, engine_);
#endif
    product_ = dnnl::matmul(chosen);
    a_ = dnnl::memory(a, engine_, nullptr);
    b_ = dnnl::memory(b, engine_, nullptr);
    c_ = dnnl::memory(c, engine_, nullptr);
  }

  void run(const Bf16* a, const Bf16* b, float* c) {
    a_.set_data_handle(const_cast<Bf16*>(a));  // read alone
    b_.set_data_handle(const_cast<Bf16*>(b));
    c_.set_data_handle(c);
    product_.execute(stream_, {{DNNL_ARG_SRC, a_}, {DNNL_ARG_WEIGHTS, b_}, {DNNL_ARG_DST, c_}});
    stream_.wait();
  }

 private:
  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  dnnl::matmul product_;
  dnnl::memory a_, b_, c_;
};

const float* as_floats(const Bf16* from, std::int64_t size, std::vector<float>& to) {
  to.resize(static_cast<std::size_t>(size));
  unpack_row(WireFormat::bf16, reinterpret_cast<const std::byte*>(from), size, to.data());
  return to.data();
}

}  // namespace

bool has_bf16_units() {
  static const bool has = [] {
    const auto wanted = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_bf16);  // AMX has these
    return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & wanted) == wanted;
  }();
  return has;
}

void bf16_product(bool a_transposed, bool b_transposed, bool adds, std::int64_t rows,
                  std::int64_t cols, std::int64_t inner, const Bf16* a, const Bf16* b, float* c) {
  if (has_bf16_units()) {
    const OneThread one_thread;
    const Shape shape{a_transposed, b_transposed, adds, rows, cols, inner};
    thread_local std::map<Shape, UnitsProduct> products;
    products.try_emplace(shape, shape).first->second.run(a, b, c);
    return;
  }
  thread_local std::vector<float> wide_a, wide_b;
  matrix_product<float>(a_transposed, b_transposed, rows, cols, inner, 1.0F,
                        as_floats(a, rows * inner, wide_a), a_transposed ? rows : inner,
                        as_floats(b, inner * cols, wide_b), b_transposed ? inner : cols,
                        adds ? 1.0F : 0.0F, c, cols);
}

}  // namespace halorec::kernels
