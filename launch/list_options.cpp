#include "launch/list_options.hpp"

namespace halorec {

void declare_list_options(OptionTable& options, TrainingArguments& a) {
  options.group("Lists");
  options
      .add(
          "rank-by", a.rank_by,
          "inner products of users' and items' rows, or the cosine, by which softmax learns. auto: "
          "cosine where softmax is a term of --loss, else inner")
      .choices({"auto", "inner", "cosine"});
  options
      .add("log-popularity", a.log_popularity,
           "counts so many times the log of an item's training interactions beside the cosine. "
           "auto: after softmax and by cosines what it leaves out, --temperature times "
           "--negative-power, or, with --select validation, what is best there; else 0")
      .or_word("auto");
}

bool ranks_by_cosine(const TrainingArguments& a) {
  return a.rank_by == "cosine" || (a.rank_by == "auto" && has_softmax(a));
}

double log_popularity(const TrainingArguments& a) {
  if (a.log_popularity) return *a.log_popularity;
  return ranks_by_cosine(a) && has_softmax(a) ? a.temperature * a.negative_power : 0;
}

bool chooses_log_popularity(const TrainingArguments& a) {
  return !a.log_popularity && ranks_by_cosine(a) && has_softmax(a) && a.select == "validation";
}

}  // namespace halorec
