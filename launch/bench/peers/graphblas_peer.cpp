// SuiteSparse:GraphBLAS: GrB_mxm over the semiring PLUS_TIMES_FP32, A sparse by row, x and y full
// by row. Chosen: y is set to zero and accumulates into itself in place, which is GraphBLAS's
// fastest method for these formats ("saxpy5", with AVX-512 where there is); y = A x into a new
// matrix took several times as long. The zeros are set within the time that is measured.
extern "C" {  // its header is C alone
#include <GraphBLAS.h>
}

#include <cstdlib>
#include <cstring>

#include "launch/bench/peers/peer.hpp"

namespace halorec {
namespace {

void check(GrB_Info info, const char* call) {
  if (info != GrB_SUCCESS) fail("GraphBLAS: {} returned {}", call, static_cast<int>(info));
}

class GraphBlasPeer final : public Peer {
 public:
  explicit GraphBlasPeer(const PeerProblem& problem)
      : Peer("graphblas",
             fmt::format("{}.{}.{}", GxB_IMPLEMENTATION_MAJOR, GxB_IMPLEMENTATION_MINOR,
                         GxB_IMPLEMENTATION_SUB),
             "GrB_assign zeros, GrB_mxm into a full matrix"),
        problem_(problem),
        rows_(static_cast<GrB_Index>(problem.rows)),
        cols_(static_cast<GrB_Index>(problem.dim())) {
    check(GxB_Global_Option_set(GxB_GLOBAL_NTHREADS, problem.threads), "GxB_set(NTHREADS)");
    const std::vector<GrB_Index> begin(problem.row_begin.begin(), problem.row_begin.end());
    const std::vector<GrB_Index> column(problem.column.begin(), problem.column.end());
    check(GrB_Matrix_import_FP32(&a_, GrB_FP32, rows_, rows_, begin.data(), column.data(),
                                 problem.value.data(), begin.size(), column.size(),
                                 problem.value.size(), GrB_CSR_FORMAT),
          "GrB_Matrix_import");
    check(GxB_Matrix_Option_set(a_, GxB_SPARSITY_CONTROL, GxB_SPARSE), "GxB_set(A sparse)");
    check(GxB_Matrix_Option_set(a_, GxB_FORMAT, GxB_BY_ROW), "GxB_set(A by row)");
    check(GrB_Matrix_wait(a_, GrB_MATERIALIZE), "GrB_Matrix_wait");
    make_full(x_, problem.x.data());
    const Matrix<float> zeros(problem.rows, problem.dim());
    make_full(y_, zeros.data());
  }
  ~GraphBlasPeer() override {
    GrB_Matrix_free(&a_);
    GrB_Matrix_free(&x_);
    GrB_Matrix_free(&y_);
  }

  void multiply() override {
    check(
        GrB_Matrix_assign_FP32(y_, nullptr, nullptr, 0.0F, GrB_ALL, rows_, GrB_ALL, cols_, nullptr),
        "GrB_assign");
    check(GrB_mxm(y_, nullptr, GrB_PLUS_FP32, GrB_PLUS_TIMES_SEMIRING_FP32, a_, x_, nullptr),
          "GrB_mxm");
    check(GrB_Matrix_wait(y_, GrB_MATERIALIZE), "GrB_Matrix_wait");
  }

  Matrix<float> result() override {
    GrB_Index count = 0;
    check(GrB_Matrix_nvals(&count, y_), "GrB_Matrix_nvals");
    std::vector<GrB_Index> row(count), col(count);
    std::vector<float> value(count);
    check(GrB_Matrix_extractTuples_FP32(row.data(), col.data(), value.data(), &count, y_),
          "GrB_Matrix_extractTuples");
    Matrix<float> y(problem_.rows, problem_.dim());
    for (std::size_t k = 0; k < value.size(); ++k) {
      y(static_cast<std::int64_t>(row[k]), static_cast<std::int64_t>(col[k])) = value[k];
    }
    return y;
  }

 private:
  void make_full(GrB_Matrix& matrix, const float* values) {
    check(GrB_Matrix_new(&matrix, GrB_FP32, rows_, cols_), "GrB_Matrix_new");
    check(GxB_Matrix_Option_set(matrix, GxB_FORMAT, GxB_BY_ROW), "GxB_set(by row)");
    const std::size_t bytes = rows_ * cols_ * sizeof(float);
    void* copy = std::aligned_alloc(64, bytes);  // GraphBLAS frees it
    if (copy == nullptr) fail("out of memory for a matrix of GraphBLAS");
    std::memcpy(copy, values, bytes);
    check(GxB_Matrix_pack_FullR(matrix, &copy, bytes, false, nullptr), "GxB_Matrix_pack_FullR");
    check(GxB_Matrix_Option_set(matrix, GxB_SPARSITY_CONTROL, GxB_FULL), "GxB_set(full)");
  }

  const PeerProblem& problem_;
  GrB_Index rows_, cols_;
  GrB_Matrix a_ = nullptr, x_ = nullptr, y_ = nullptr;
};

}  // namespace

void add_graphblas(const PeerProblem& problem, PeerList& list) {
  check(GrB_init(GrB_NONBLOCKING), "GrB_init");
  list.able.push_back(std::make_unique<GraphBlasPeer>(problem));
}

}  // namespace halorec
