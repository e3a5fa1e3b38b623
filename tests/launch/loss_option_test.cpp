// --loss as people write it, and what training makes of it.
#include "launch/loss_option.hpp"

#include <gtest/gtest.h>

#include "comm/check.hpp"
#include "launch/training_checks.hpp"

namespace halorec {
namespace {

template <typename Call>
std::string message_of(const Call& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_status(), kExitUsage);
    return error.what();
  }
  return "";
}

TEST(LossOption, NamesAndWeights) {
  const LossTerms one = parse_loss_terms("bpr");
  EXPECT_EQ(one.weight(LossKind::bpr), 1);
  EXPECT_EQ(num_terms(one), 1);
  const LossTerms blend = parse_loss_terms("softmax, bpr:0.2,contrastive:1e-1,rating:0");
  EXPECT_EQ(blend.weight(LossKind::softmax), 1);
  EXPECT_EQ(blend.weight(LossKind::bpr), 0.2);
  EXPECT_EQ(blend.weight(LossKind::contrastive), 0.1);
  EXPECT_FALSE(blend.has(LossKind::rating));
  EXPECT_FALSE(blend.has(LossKind::logistic));
  EXPECT_EQ(num_terms(blend), 3);
}

TEST(LossOption, WhatIsWrongIsSaidWithWhatIsAllowed) {
  const struct {
    const char* text;
    std::vector<const char*> words;
  } cases[] = {
      {"hinge", {"does not know 'hinge'", "allowed: softmax, bpr, logistic, rating, contrastive"}},
      {"sofmax:2", {"'sofmax'", "did you mean 'softmax'?", "contrastive"}},
      {"softmax:-1", {"weights from 0 on", "'-1'", "'softmax:-1'"}},
      {"softmax:x", {"'x'"}},
      {"softmax:nan", {"'nan'"}},
      {"softmax:inf", {"'inf'"}},
      {"softmax:", {"''", "'softmax:'"}},
      {"bpr,softmax,bpr:2", {"names bpr twice"}},
      {"bpr:0,softmax:0", {"weight 0", "at least one"}},
      {"bpr,,softmax", {"empty entry"}},
      {"", {"empty"}},
  };
  for (const auto& one : cases) {
    const std::string message = message_of([&] { parse_loss_terms(one.text); });
    for (const char* word : one.words) {
      EXPECT_NE(message.find(word), std::string::npos) << one.text << ": " << message;
    }
  }
}

TrainerOptions options_for(const std::string& loss) {
  TrainingArguments training;
  training.loss = loss;
  return trainer_options(training, 1, 1000);
}

TEST(LossOption, DefaultsFollowTheTerms) {
  EXPECT_EQ(options_for("softmax").loss.pool_size(), 2048);
  EXPECT_EQ(options_for("softmax").loss.negatives_each(), 0);
  EXPECT_EQ(options_for("softmax").loss.l2, 1e-5);
  EXPECT_EQ(options_for("bpr").loss.pool_size(), 0);
  EXPECT_EQ(options_for("bpr").loss.negatives_each(), 1);
  EXPECT_EQ(options_for("bpr").optimizer.learning_rate, 1e-3);
  EXPECT_EQ(options_for("bpr,softmax").loss.pool_size(), 2048);
  EXPECT_EQ(options_for("bpr,softmax").loss.negatives_each(), 1);
  EXPECT_EQ(options_for("bpr,softmax").optimizer.learning_rate, 2e-3);
  EXPECT_EQ(options_for("rating").loss.negatives_each(), 0);
  TrainingArguments training;
  training.negatives = 7;
  training.loss = "logistic:0.5,bpr";
  EXPECT_EQ(trainer_options(training, 1, 1000).loss.negatives_each(), 7);
  training.loss = "logistic:0.5,softmax";
  training.blended_negatives = 3;
  EXPECT_EQ(trainer_options(training, 1, 1000).loss.negatives_each(), 3);
  EXPECT_EQ(trainer_options(training, 1, 1000).loss.pool_size(), 7);
}

TEST(LossOption, ContradictionsAreRefused) {
  const auto refused = [](const auto& change) {
    TrainingArguments training;
    change(training);
    return message_of([&] { check_training_options(training); });
  };
  EXPECT_EQ(refused([](auto&) {}), "");
  EXPECT_EQ(refused([](auto& t) { t.loss = "softmax,contrastive:0.1"; }), "");
  EXPECT_NE(refused([](auto& t) { t.loss = "contrastive"; }).find("blend it"), std::string::npos);
  EXPECT_NE(refused([](auto& t) {
              t.model = "mf";
              t.edge_dropout = 0.1;
            }).find("do not go with --model mf"),
            std::string::npos);
  EXPECT_NE(refused([](auto& t) {
              t.model = "lightgat";
              t.edge_dropout = 0.1;
            }).find("sums over neighbours"),
            std::string::npos);
  EXPECT_EQ(refused([](auto& t) {
              t.model = "ngcf";
              t.edge_dropout = t.message_dropout = 0.1;
            }),
            "");
  EXPECT_NE(refused([](auto& t) {
              t.model = "ngcf";
              t.loss = "softmax,contrastive:0.1";
            }).find("--combine mean"),
            std::string::npos);
  EXPECT_NE(refused([](auto& t) {
              t.loss = "softmax,contrastive:0.1";
              t.contrastive_layer = 2;
            }).find("allowed: 0 .. 1"),
            std::string::npos);
  EXPECT_NE(refused([](auto& t) {
              t.node_dropout = 0.1;
              t.exchange = "columns";
            }).find("allowed with them: auto, halo, hybrid"),
            std::string::npos);
}

TEST(LossOption, OptionsWithoutEffect) {
  const auto idle = [](const std::string& loss, const std::string& name) {
    TrainingArguments training;
    training.loss = loss;
    const auto names = options_without_effect(training);
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  EXPECT_TRUE(idle("bpr", "temperature"));
  EXPECT_FALSE(idle("bpr,softmax:0.1", "temperature"));
  EXPECT_FALSE(idle("bpr", "negatives"));
  EXPECT_TRUE(idle("rating", "negatives"));
  EXPECT_TRUE(idle("softmax", "blended-negatives"));
  EXPECT_FALSE(idle("softmax,logistic", "blended-negatives"));
  EXPECT_TRUE(idle("softmax", "noise"));
  EXPECT_FALSE(idle("softmax,contrastive", "noise"));
  EXPECT_TRUE(idle("softmax,contrastive", "contrastive-dropout"));
}

}  // namespace
}  // namespace halorec
