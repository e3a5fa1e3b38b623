// Eigen: SparseMatrix<float, RowMajor> times a dense row-major matrix, mapped onto the problem's
// own arrays, so that nothing is copied. Chosen: row-major on both sides, whose inner loop adds
// whole rows and which Eigen spreads over OpenMP threads (column-major ones run on one thread);
// noalias(), without which the product goes through a temporary; the number of columns as a
// constant for the usual widths; and this file alone compiled for the machine at hand
// (-march=native), since Eigen chooses its SIMD when it is compiled.
#include <Eigen/SparseCore>

#include "launch/bench/peers/peer.hpp"

namespace halorec {
namespace {

template <int kDim>
class EigenPeer final : public Peer {
  using Dense = Eigen::Matrix<float, Eigen::Dynamic, kDim, Eigen::RowMajor>;
  using Sparse = Eigen::SparseMatrix<float, Eigen::RowMajor, std::int32_t>;

 public:
  explicit EigenPeer(const PeerProblem& problem)
      : Peer("eigen",
             std::to_string(EIGEN_WORLD_VERSION) + "." + std::to_string(EIGEN_MAJOR_VERSION) + "." +
                 std::to_string(EIGEN_MINOR_VERSION),
             "y.noalias() = A * x, both row-major, " +
                 std::string(Eigen::SimdInstructionSetsInUse())),
        problem_(problem),
        a_(problem.rows, problem.rows, problem.num_nonzeros(), problem.row_begin.data(),
           problem.column.data(), problem.value.data()),
        x_(problem.x.data(), problem.rows, problem.dim()),
        y_(problem.rows, problem.dim()) {}

  void multiply() override {
    Eigen::setNbThreads(problem_.threads);
    y_.noalias() = a_ * x_;
  }

  Matrix<float> result() override {
    Matrix<float> y(y_.rows(), y_.cols());
    std::copy(y_.data(), y_.data() + y_.size(), y.data());
    return y;
  }

 private:
  const PeerProblem& problem_;
  Eigen::Map<const Sparse> a_;
  Eigen::Map<const Dense, Eigen::Aligned64> x_;
  Dense y_;
};

}  // namespace

void add_eigen(const PeerProblem& problem, PeerList& list) {
  switch (problem.dim()) {
    case 32:
      list.able.push_back(std::make_unique<EigenPeer<32>>(problem));
      break;
    case 64:
      list.able.push_back(std::make_unique<EigenPeer<64>>(problem));
      break;
    case 128:
      list.able.push_back(std::make_unique<EigenPeer<128>>(problem));
      break;
    default:
      list.able.push_back(std::make_unique<EigenPeer<Eigen::Dynamic>>(problem));
  }
}

}  // namespace halorec
