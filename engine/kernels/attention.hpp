// Attention over the edges of one node on one thread, for each SIMD target that Highway knows.
// ops/attention.hpp has the equations. T: float, double.
#pragma once

#include <cstdint>

namespace halorec::kernels {

// The neighbours of one node: rows column[0 .. count) of x. Edge e has num_heads numbers of each
// kind (scores, weights, slopes), those of its heads; head h is columns [h width, (h + 1) width).
template <typename T>
struct EdgeRow {
  const std::int32_t* column = nullptr;
  std::int64_t count = 0;
  const T* x = nullptr;
  std::int64_t stride = 0;
  std::int64_t num_heads = 1;
  std::int64_t width = 0;
  const T* scale = nullptr;  // of the rows of x where they are summed, above 0; nullptr: ones
};

// The readers of one neighbour: nodes reader[0 .. count), by edges edge[0 .. count). A node's row
// of whatever is computed is place[node], none if negative; the node itself without `place`.
struct ReaderRow {
  const std::int32_t* reader = nullptr;
  const std::int64_t* edge = nullptr;
  std::int64_t count = 0;
  const std::int32_t* place = nullptr;
};

// y = sum over e of w_e x_e, head by head.
template <typename T>
void weighted_rows(const EdgeRow<T>& row, const T* weights, T* y);

// GATv2. scores_e = sum over c of a_c LeakyReLU(t_c + x_ec).
template <typename T>
void gat_scores(const EdgeRow<T>& row, const T* t, const T* a, T* scores);
// weights_e: of the scores' softmax, times the scale of row e. Given g = dy: slopes_e = weights_e
// (<g, x_e> - <g, y> / scale_e), which is the gradient of the scores; adds to dt
// and da what the scores send there. above: room for a row.
template <typename T>
void gat_backward_target(const EdgeRow<T>& row, const T* t, const T* a, const T* weights,
                         const T* y, const T* g, T* slopes, T* above, T* dt, T* da);
// Adds to dx, the gradient of the neighbour's row x, w_e g + slope_e a LeakyReLU'(t + x) over its
// readers. targets and gradients: dense rows of num_heads width numbers.
template <typename T>
void gat_backward_source(const ReaderRow& readers, std::int64_t num_heads, std::int64_t width,
                         const T* x, const T* a, const T* targets, const T* weights,
                         const T* slopes, const T* gradients, T* dx);

// NGAT4Rec; one head. inverse_norm: of the rows of x.
// mean = the mean of the unit rows; weights_e = max(0, <unit row, mean>).
template <typename T>
void aware_weights(const EdgeRow<T>& row, const T* inverse_norm, T* mean, T* weights);
// slopes_e = scale <g, x_e> where w_e > 0, else 0; d_mean = sum of slope_e u_e / count.
template <typename T>
void aware_backward_target(const EdgeRow<T>& row, const T* inverse_norm, const T* weights, T scale,
                           const T* g, T* slopes, T* d_mean);
// direct = sum of scale_k w_e g_k, unit = sum of slope_e mean_k + d_mean_k over the readers; rows
// of g, mean and d_mean are dense, scale[k] stands beside them.
template <typename T>
void aware_backward_source(const ReaderRow& readers, std::int64_t width, const T* scale,
                           const T* weights, const T* slopes, const T* gradients, const T* means,
                           const T* d_means, T* direct, T* unit);

}  // namespace halorec::kernels
