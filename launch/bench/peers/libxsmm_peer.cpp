// libxsmm multiplies sparse by dense through code that it generates for one fixed matrix, every
// nonzero unrolled (libxsmm_create_xcsr_soa, _scsr_reg), or through blocks cut from a dense A
// (libxsmm_spmdm_*; libxsmm_sfsspmdm_* is scsr_reg behind a dense A). Neither takes a graph whole:
// the code of all rows overflows the generator's buffer of 128 KiB, and A dense has rows * rows
// numbers, which the blocks address with int. Both are tried here, in a child since the first one
// crashes, and what came of it is reported.
//
// Chosen: xcsr_soa, which reads A's values and, with groups of 16 columns as its packed dimension,
// x and y row-major as they are; a kernel for as many consecutive rows as fit into the buffer, the
// kernels dealt to OpenMP threads. And scsr_reg, whose values are constants in its code, at most 31
// different ones: so the code is that of the 0/1 matrix, and the degrees scale x before and y after
// it.
#include <libxsmm.h>
#include <omp.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <numeric>

#include "launch/bench/peers/peer.hpp"

namespace halorec {
namespace {

constexpr std::int64_t kWidth = 16;              // columns that a vector of AVX-512 holds
constexpr std::int64_t kCodeBytes = 120 * 1024;  // of a kernel; the generator's buffer has 128 KiB

class LibxsmmPeer final : public Peer {
 public:
  enum class Kind : std::uint8_t { soa, reg };
  static const char* name_of(Kind kind) {
    return kind == Kind::soa ? "libxsmm_create_xcsr_soa" : "libxsmm_create_scsr_reg";
  }

  LibxsmmPeer(const PeerProblem& problem, Kind kind)
      : Peer("libxsmm", LIBXSMM_VERSION,
             std::string(name_of(kind)) + " by blocks of rows, " + libxsmm_get_target_arch()),
        problem_(problem),
        kind_(kind),
        group_(std::gcd(problem.dim() / kWidth, std::int64_t{4})),
        y_(problem.rows, problem.dim()) {
    if (kind == Kind::soa) return;
    ones_.assign(problem.value.size(), 1.0F);
    scaled_ = Matrix<float>(problem.rows, problem.dim());
  }
  ~LibxsmmPeer() override {
    for (const Block& block : blocks_) {
      libxsmm_release_kernel(reinterpret_cast<const void*>(block.kernel));
    }
  }

  // False when a row is too long, or the library generates no such code for this machine.
  bool generate() {
    for (std::int64_t first = 0, last = 0; first < problem_.rows; first = last) {
      std::int64_t bytes = 0;
      while (last < problem_.rows && bytes + code_bytes(last) <= kCodeBytes) {
        bytes += code_bytes(last++);
      }
      if (last == first) return false;
      const libxsmm_smmfunction kernel = create(first, last);
      if (kernel == nullptr) return false;
      blocks_.push_back({first, last, kernel});
    }
    return true;
  }

  // The code of rows [first, last), or nullptr. The generator writes past its buffer when they are
  // too many.
  libxsmm_smmfunction create(std::int64_t first, std::int64_t last) const;

  void multiply() override {
    const float* x = kind_ == Kind::soa ? problem_.x.data() : scale_x();
#pragma omp parallel for schedule(dynamic, 1) num_threads(problem_.threads)
    for (std::int64_t k = 0; k < std::ssize(blocks_); ++k) {
      multiply_block(blocks_[static_cast<std::size_t>(k)], x);
    }
  }

  Matrix<float> result() override {
    return y_.clone();
  }

 private:
  struct Block {
    std::int64_t first, last;
    libxsmm_smmfunction kernel;
  };

  // At most: a broadcast, a step of the pointer and a multiply-add for each vector (soa), or a
  // multiply-add and a prefetch (reg), for each nonzero.
  std::int64_t code_bytes(std::int64_t row) const {
    const std::int64_t nonzeros = problem_.row_begin[row + 1] - problem_.row_begin[row];
    return kind_ == Kind::soa ? (17 + 11 * group_) * nonzeros + 17 * group_ + 24
                              : 20 * nonzeros + 40;
  }

  const float* scale_x() {
#pragma omp parallel for schedule(static) num_threads(problem_.threads)
    for (std::int64_t r = 0; r < problem_.rows; ++r) {
      const float scale = problem_.scale[static_cast<std::size_t>(r)];
      for (std::int64_t c = 0; c < problem_.dim(); ++c) scaled_(r, c) = scale * problem_.x(r, c);
    }
    return scaled_.data();
  }

  void multiply_block(const Block& block, const float* x) {
    const std::int64_t dim = problem_.dim();
    float* y = y_.row(block.first);
    if (kind_ == Kind::soa) {
      const float* values = problem_.value.data() + problem_.row_begin[block.first];
      for (std::int64_t c = 0; c < dim; c += group_ * kWidth) block.kernel(values, x + c, y + c);
      return;
    }
    for (std::int64_t c = 0; c < dim; c += kWidth) block.kernel(nullptr, x + c, y + c);
    for (std::int64_t r = block.first; r < block.last; ++r) {
      const float scale = problem_.scale[static_cast<std::size_t>(r)];
      for (std::int64_t c = 0; c < dim; ++c) y_(r, c) *= scale;
    }
  }

  const PeerProblem& problem_;
  Kind kind_;
  std::int64_t group_;  // vectors that soa multiplies at once
  std::vector<Block> blocks_;
  std::vector<float> ones_;
  Matrix<float> scaled_, y_;
};

libxsmm_smmfunction LibxsmmPeer::create(std::int64_t first, std::int64_t last) const {
  const std::int32_t edge = problem_.row_begin[first];
  std::vector<unsigned> begin;
  for (std::int64_t r = first; r <= last; ++r) {
    begin.push_back(static_cast<unsigned>(problem_.row_begin[r] - edge));
  }
  const auto* column = reinterpret_cast<const unsigned*>(problem_.column.data() + edge);
  const auto m = static_cast<libxsmm_blasint>(last - first);
  const auto k = static_cast<libxsmm_blasint>(problem_.rows);
  const auto dim = static_cast<libxsmm_blasint>(problem_.dim());
  libxsmm_descriptor_blob blob;
  // lda = 0 says that A is the sparse one; beta = 0.
  if (kind_ == Kind::soa) {
    const auto n = static_cast<libxsmm_blasint>(group_);
    const auto* descriptor =
        libxsmm_sgemm_descriptor_init(&blob, m, n, k, 0, dim / kWidth, dim / kWidth, 1.0F, 0.0F,
                                      LIBXSMM_GEMM_FLAG_NONE, LIBXSMM_GEMM_PREFETCH_NONE);
    return libxsmm_create_xcsr_soa(descriptor, begin.data(), column, problem_.value.data() + edge,
                                   kWidth)
        .smm;
  }
  const auto* descriptor =
      libxsmm_sgemm_descriptor_init(&blob, m, kWidth, k, 0, dim, dim, 1.0F, 0.0F,
                                    LIBXSMM_GEMM_FLAG_NONE, LIBXSMM_GEMM_PREFETCH_NONE);
  return libxsmm_create_scsr_reg(descriptor, begin.data(), column, ones_.data() + edge);
}

// What became of `attempt` in a child: "" when it returned true.
std::string try_in_child(const std::function<bool()>& attempt) {
  const pid_t child = ::fork();
  if (child < 0) fail("no process could be started to try libxsmm in");
  if (child == 0) {
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    for (const int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGILL}) std::signal(signal, SIG_DFL);
    ::_exit(attempt() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return fmt::format("it dies of signal {}", WTERMSIG(status));
  return WEXITSTATUS(status) == 0 ? "" : "it returns nothing";
}

}  // namespace

void add_libxsmm(const PeerProblem& problem, PeerList& list) {
  libxsmm_init();
  const auto unable = [&](const std::string& call, const std::string& reason) {
    list.unable.push_back({"libxsmm", LIBXSMM_VERSION, call, reason});
  };
  if (libxsmm_get_target_archid() < LIBXSMM_X86_AVX512) {
    unable("libxsmm_create_*", "this machine has no AVX-512, or libxsmm does not know it");
    return;
  }
  for (const auto kind : {LibxsmmPeer::Kind::soa, LibxsmmPeer::Kind::reg}) {
    const std::string name = LibxsmmPeer::name_of(kind);
    auto peer = std::make_unique<LibxsmmPeer>(problem, kind);
    const std::string fault =
        try_in_child([&] { return peer->create(0, problem.rows) != nullptr; });
    if (!fault.empty()) unable(name + ", all rows at once", fault);
    if (peer->generate()) {
      list.able.push_back(std::move(peer));
    } else {
      unable(name + " by blocks of rows", "no code came out, or that of a row is too long");
    }
  }

  const auto rows = static_cast<libxsmm_blasint>(problem.rows);
  const std::string fault = try_in_child([&] {
    libxsmm_spmdm_handle handle;
    libxsmm_CSR_sparseslice* slices = nullptr;
    libxsmm_spmdm_init(rows, static_cast<libxsmm_blasint>(problem.dim()), rows, problem.threads,
                       &handle, &slices);
    return slices != nullptr;
  });
  unable("libxsmm_spmdm_init",
         fmt::format("{}; blocks are cut from a dense A, {:.3g} GB here",
                     fault.empty() ? "not timed" : fault,
                     static_cast<double>(problem.rows) * static_cast<double>(problem.rows) *
                         sizeof(float) / 1e9));
}

}  // namespace halorec
