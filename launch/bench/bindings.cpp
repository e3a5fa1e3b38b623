#include "launch/bench/bindings.hpp"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "launch/threads.hpp"

namespace halorec {

JobBindings bindings_of(const ThreadPlan& threads) {
  JobBindings job;
  job.threads.assign(threads.by_rank.begin(), threads.by_rank.end());
  std::map<std::string, std::int64_t> numbers;
  for (const RankPlace& place : threads.places) {
    job.cores.emplace_back(place.cores.begin(), place.cores.end());
    job.hosts.push_back(numbers.emplace(place.host, std::ssize(numbers)).first->second);
  }
  return job;
}

JobBindings bindings_of(const nlohmann::ordered_json& step) {
  return {step.at("threads").get<std::vector<std::int64_t>>(),
          step.at("cores").get<std::vector<std::vector<std::int64_t>>>(),
          step.at("hosts").get<std::vector<std::int64_t>>()};
}

std::string binding_fault(const std::vector<JobBindings>& jobs) {
  using Core = std::pair<std::int64_t, std::int64_t>;  // host, core
  std::set<Core> first;
  for (std::size_t j = 0; j < jobs.size(); ++j) {
    const JobBindings& job = jobs[j];
    std::set<Core> all;
    std::int64_t threads = 0;
    for (std::size_t r = 0; r < job.cores.size(); ++r) {
      if (job.threads[r] > std::ssize(job.cores[r])) {
        return fmt::format("rank {} of {} has {} threads on {} cores", r, job.cores.size(),
                           job.threads[r], job.cores[r].size());
      }
      if (job.cores[r].size() != job.cores[0].size()) {
        return fmt::format("ranks 0 and {} of {} have {} and {} cores", r, job.cores.size(),
                           job.cores[0].size(), job.cores[r].size());
      }
      threads += job.threads[r];
      for (const auto core : job.cores[r]) all.emplace(job.hosts.empty() ? 0 : job.hosts[r], core);
    }
    if (threads > std::ssize(all)) {
      return fmt::format("the {} threads of {} ranks share {} cores", threads, job.cores.size(),
                         all.size());
    }
    if (j == 0) first = all;
    if (all != first) {
      return fmt::format("the job of {} ranks used {} cores, that of {} ranks {}{}",
                         jobs[0].cores.size(), first.size(), job.cores.size(), all.size(),
                         all.size() == first.size() ? " others" : "");
    }
  }
  return "";
}

}  // namespace halorec
