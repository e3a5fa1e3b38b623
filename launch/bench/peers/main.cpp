// halorec_peers DATA: Halorec's sparse product beside those of other libraries, on the graph and
// the matrix that `halorec bench kernel DATA` multiplies. JSON lines on stdout, one a library.
//
// All take turns: once a round, each round beginning with another one, so that a machine that grows
// slower meets all of them; what counts is a library's seconds over Halorec's of the same round. A
// turn is one product that is not timed, since the others have left the caches full of their
// matrices, and one that is. Every answer is compared with Halorec's.
//
// --serve FOLDER instead leaves x and y there and then takes a turn for every line of stdin: so
// torch_spmm.py, which is no C++, takes turns with Halorec too.
#include <omp.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "comm/communicator.hpp"
#include "comm/random.hpp"
#include "engine/propagation.hpp"
#include "launch/bench/bench_data.hpp"
#include "launch/bench/peers/peer.hpp"
#include "launch/bench/statistics.hpp"
#include "launch/output.hpp"
#include "launch/threads.hpp"

namespace halorec {
namespace {

constexpr double kTolerance = 1e-4;  // largest relative difference of an element

struct Arguments {
  BenchArguments bench;
  std::int64_t dim = 64;
  std::optional<std::filesystem::path> serve;
};

class HalorecPeer final : public Peer {
 public:
  HalorecPeer(const PeerProblem& problem, const Shard& shard)
      : Peer("halorec", HALOREC_VERSION, "Propagation::multiply, " + kernels::simd_target()),
        problem_(problem),
        propagation_(shard),
        y_(problem.rows, problem.dim()) {}

  void multiply() override {
    omp_set_num_threads(problem_.threads);
    propagation_.multiply(1.0F, problem_.x.view(), {}, y_.view());
  }
  Matrix<float> result() override { return y_.clone(); }

 private:
  const PeerProblem& problem_;
  Propagation<float> propagation_;
  Matrix<float> y_;
};

PeerProblem make_problem(const CommandContext& context, const Shard& shard, std::int64_t dim) {
  const Csr& a = shard.local();
  PeerProblem problem;
  problem.rows = a.num_rows();
  problem.threads = context.threads.threads;
  if (a.num_nonzeros() > std::numeric_limits<std::int32_t>::max()) {
    fail("the libraries get 32-bit offsets: {} nonzeros are too many", a.num_nonzeros());
  }
  problem.row_begin.assign(a.row_begin.begin(), a.row_begin.end());
  problem.column = a.column;
  problem.scale.assign(shard.scale().begin(), shard.scale().end());
  for (std::int64_t r = 0; r < problem.rows; ++r) {
    for (auto e = a.row_begin[r]; e < a.row_begin[r + 1]; ++e) {
      problem.value.push_back(static_cast<float>(shard.scale()[r] * shard.scale()[a.column[e]]));
    }
  }
  for (std::int64_t r = 0; r < problem.rows; ++r) {
    const GlobalId id = shard.global_id(r);
    const std::uint32_t before = id.kind() == NodeKind::user ? 0 : shard.num_users();
    problem.node.push_back(static_cast<std::int32_t>(before + id.index()));
  }
  // Positive, so that no sum cancels and the relative difference of every element means something.
  problem.x = Matrix<float>(problem.rows, dim);
  const Random random(context.seed(), Purpose::initialise);
  for (std::int64_t k = 0; k < problem.x.size(); ++k) {
    problem.x.values()[static_cast<std::size_t>(k)] =
        static_cast<float>(random.uniform(static_cast<std::uint64_t>(k)) + 0.5);
  }
  return problem;
}

// A turn: see the head.
double take_turn(Peer& peer) {
  peer.multiply();
  return seconds_of([&] { peer.multiply(); });
}

// Largest relative difference of an element; of zeros the absolute one.
double largest_difference(const Matrix<float>& y, const Matrix<float>& expected) {
  double largest = 0;
  for (std::size_t k = 0; k < y.values().size(); ++k) {
    const double e = expected.values()[k];
    const double difference = std::abs(y.values()[k] - e) / (e == 0 ? 1 : std::abs(e));
    if (!(difference <= largest)) largest = difference;  // also when it is no number
  }
  return largest;
}

void print(const nlohmann::ordered_json& line) {
  write_stdout(line.dump() + "\n");
  flush_stdout();
}

template <typename T>
void write_numbers(std::span<const T> numbers, const std::filesystem::path& path) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(numbers.data()),
             static_cast<std::streamsize>(numbers.size_bytes()));
  file.close();
  if (!file) fail("{} cannot be written", path.string());
}

int serve(Peer& halorec, const PeerProblem& problem, const std::filesystem::path& folder) {
  halorec.multiply();
  write_numbers<float>(problem.x.values(), folder / "x.f32");
  write_numbers<float>(halorec.result().values(), folder / "y.f32");
  write_numbers<std::int32_t>(problem.node, folder / "node.i32");
  print({{"event", "ready"},
         {"version", halorec.version()},
         {"call", halorec.call()},
         {"threads", problem.threads},
         {"rows", problem.rows},
         {"nonzeros", problem.num_nonzeros()}});
  for (std::string line; std::getline(std::cin, line);) {
    print({{"event", "turn"}, {"seconds", take_turn(halorec)}});
  }
  return 0;
}

// Everything in turns; false when an answer differs.
bool compare(std::unique_ptr<Peer> halorec, const PeerProblem& problem, std::int64_t rounds) {
  PeerList list;
  list.able.push_back(std::move(halorec));
#ifdef HALOREC_PEER_EIGEN
  add_eigen(problem, list);
#endif
#ifdef HALOREC_PEER_GRAPHBLAS
  add_graphblas(problem, list);
#endif
#ifdef HALOREC_PEER_LIBXSMM
  add_libxsmm(problem, list);
#endif
  for (const UnablePeer& peer : list.unable) {
    print({{"event", "unable"},
           {"library", peer.library},
           {"version", peer.version},
           {"call", peer.call},
           {"reason", peer.reason}});
  }
  std::vector<std::function<double()>> turns;
  for (const auto& peer : list.able) turns.emplace_back([&peer] { return take_turn(*peer); });
  const auto seconds = interleave(turns, rounds, 2);

  const Matrix<float> expected = list.able.front()->result();
  bool agree = true;
  for (std::size_t k = 0; k < list.able.size(); ++k) {
    Peer& peer = *list.able[k];
    const Summary times = summarise(seconds[k]);
    const Summary ratio = summarise(ratios(seconds[k], seconds.front()));
    const double difference = largest_difference(peer.result(), expected);
    agree = agree && difference <= kTolerance;
    print({{"event", "peer"},
           {"library", peer.library()},
           {"version", peer.version()},
           {"call", peer.call()},
           {"threads", problem.threads},
           {"dim", problem.dim()},
           {"rows", problem.rows},
           {"nonzeros", problem.num_nonzeros()},
           {"repetitions", times.count},
           {"median_seconds", times.median},
           {"min_seconds", times.smallest},
           {"spread", times.spread()},
           {"ratio_to_halorec", ratio.median},
           {"ratio_spread", ratio.spread()},
           {"ratio", summary_json(ratio)},
           {"max_relative_error", difference},
           {"agrees", difference <= kTolerance}});
  }
  return agree;
}

int run(int argc, char** argv) {
  Arguments arguments;
  arguments.bench.repetitions = 20;
  CommonArguments common;
  OptionTable options;
  declare_data_options(options, arguments.bench);
  options.add("dim", arguments.dim, "width of x, a multiple of 16").range(16, 4096);
  options.add("threads", common.threads, "of every library (default: the cores)").range(1, 4096);
  options.add("repetitions", arguments.bench.repetitions, "rounds").range(1, 10000);
  options.add("serve", arguments.serve, "take turns on request, see torch_spmm.py")
      .value_name("FOLDER");
  options.add("help", common.help, "show this text");
  options.parse({argv + std::min(argc, 1), argv + argc});
  if (common.help) {
    write_stdout("usage: halorec_peers [DATA] [options]\n" + options.help());
    return 0;
  }
  if (arguments.dim % 16 != 0) fail_usage("--dim takes multiples of 16, not {}", arguments.dim);

  Communicator communicator;
  if (communicator.size() != 1) fail_usage("start halorec_peers without mpirun");
  const ThreadPlan threads = plan_threads(communicator, common.threads, false);
  for (const auto& warning : threads.warnings) {
    std::fputs(("halorec_peers: warning: " + warning + "\n").c_str(), stderr);
  }
  const CommandContext context{communicator, common, options, threads};
  const auto source = open_bench_data(communicator, arguments.bench, context.seed());
  const auto shard = make_bench_shard(context, source->dataset(), arguments.bench);
  const PeerProblem problem = make_problem(context, *shard, arguments.dim);
  auto halorec = std::make_unique<HalorecPeer>(problem, *shard);
  if (arguments.serve) return serve(*halorec, problem, *arguments.serve);
  if (!compare(std::move(halorec), problem, arguments.bench.repetitions)) {
    fail("a library's product differs by more than {:g} from Halorec's", kTolerance);
  }
  return 0;
}

}  // namespace
}  // namespace halorec

int main(int argc, char** argv) {
  const halorec::MpiSession session(&argc, &argv);
  try {
    return halorec::run(argc, argv);
  } catch (const halorec::Error& error) {
    std::fprintf(stderr, "halorec_peers: error: %s\n", error.what());
    return error.exit_status();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "halorec_peers: unexpected: %s\n", error.what());
    return halorec::kExitFailure;
  }
}
