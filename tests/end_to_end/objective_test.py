"""Objectives that blend terms, and perturbed training, as people type them: what the log says of
each term, the same losses on any number of ranks, and what is refused."""

import json
import os
import unittest

from support import FolderTest, run, succeed

TRAINING = ["--dim", 8, "--layers", 2, "--batch", 512, "--precision", "double", "--patience", 0,
            "--threads", 1]
BLEND = "softmax:1,bpr:0.2,contrastive:0.1,rating:0.3"


def ratings():
    return "user,item,rating\n" + "".join(
        f"u{u},i{i},{1 + (3 * u + 5 * i) % 5}\n"
        for u in range(60) for i in range(u % 3, 60, 4))


class ObjectiveTest(FolderTest):

    def epochs(self, folder):
        with open(os.path.join(folder, "log.jsonl"), encoding="utf-8") as log:
            events = [json.loads(line) for line in log]
        return [e for e in events if e["event"] == "epoch"], events

    def train(self, data, name, *options, ranks=1, status=0):
        folder = self.path(name)
        result = run("train", data, "--run", folder, *TRAINING, *options, ranks=ranks, timeout=120)
        self.assertEqual(result.status, status, result)
        return result, folder

    def assert_same_losses(self, data, *options):
        reference = None
        for ranks in (1, 2, 3):
            _, folder = self.train(data, f"r{ranks}", "--epochs", 2, "--overwrite", *options,
                                   ranks=ranks)
            epochs, _ = self.epochs(folder)
            losses = [[e["loss"], *e["terms"].values()] for e in epochs]
            reference = reference or losses
            for loss, expected in zip(losses, reference):
                for value, wanted in zip(loss, expected):
                    self.assertAlmostEqual(value, wanted, delta=1e-9 * (1 + abs(wanted)))

    def test_a_blend_is_logged_by_term(self):
        data = self.write("ratings.csv", ratings())
        result, folder = self.train(data, "run", "--epochs", 2, "--loss", BLEND)
        epochs, events = self.epochs(folder)
        plan = [e for e in events if e["event"] == "plan"][0]
        weights = {"softmax": 1, "bpr": 0.2, "contrastive": 0.1, "rating": 0.3}
        self.assertEqual(plan["loss_weights"], weights)
        for epoch in epochs:
            terms = epoch["terms"]
            total = terms["l2"] + sum(w * terms[name] for name, w in weights.items())
            self.assertAlmostEqual(epoch["loss"], total, delta=1e-9 * total)
        for name in [*weights, "l2"]:
            self.assertIn(f"  {name} ", result.out)

    def test_one_term_keeps_its_table(self):
        data = self.generate()
        result, folder = self.train(data, "run", "--epochs", 1, "--loss", "bpr")
        self.assertNotIn("  bpr ", result.out)
        self.assertEqual(list(self.epochs(folder)[0][0]["terms"]), ["bpr", "l2"])

    def test_the_ranks_do_not_change_the_losses(self):
        data = self.write("ratings.csv", ratings())
        self.assert_same_losses(data, "--loss", BLEND, "--edge-dropout", 0.2, "--node-dropout",
                                0.1, "--message-dropout", 0.1, "--embedding-noise", 0.05)
        self.assert_same_losses(data, "--loss", "logistic,contrastive:0.2", "--contrastive", "sgl",
                                "--exchange", "halo")

    def assert_refused(self, options, *words):
        data = self.path("data.h5") if os.path.exists(self.path("data.h5")) else self.generate()
        result = run("train", data, "--run", self.path("refused"), *options, ranks=2)
        self.assertEqual(result.status, 2, result)
        self.assertEqual(len(result.errors()), 1, result)
        for word in words:
            self.assertIn(word, result.errors()[0])

    def test_what_is_refused(self):
        names = "softmax, bpr, logistic, rating, contrastive"
        self.assert_refused(["--loss", "hinge:2"], "does not know 'hinge'", names)
        self.assert_refused(["--loss", "bpr,bpr:2"], "names bpr twice")
        self.assert_refused(["--loss", "bpr:-1"], "weights from 0 on", "'-1'")
        self.assert_refused(["--loss", "bpr:0"], "at least one must count")
        self.assert_refused(["--loss", "contrastive"], "blend it")
        # Generated interactions all weigh 1.
        self.assert_refused(["--loss", "softmax,rating"], "every training interaction weighs 1",
                            "--columns")
        self.assert_refused(["--model", "mf", "--edge-dropout", 0.1], "do not go with --model mf")
        self.assert_refused(["--model", "gat", "--edge-dropout", 0.1], "sums over neighbours")
        self.assert_refused(["--model", "ggnn", "--node-dropout", 0.1], "--model lightgcn, not ggnn")
        self.assert_refused(["--model", "ngcf", "--loss", "softmax:1,contrastive:0.1"], "--combine")
        self.assert_refused(["--edge-dropout", 1], "--edge-dropout", "0.99")
        self.assert_refused(["--loss", "softmax,contrastive", "--contrastive-layer", 3],
                            "--contrastive-layer 3", "0 .. 1")
        self.assert_refused(["--message-dropout", 0.1, "--exchange", "columns"],
                            "auto, halo, hybrid")

    def test_what_is_without_effect_is_warned_of(self):
        data = self.generate()
        result = succeed("train", data, "--run", self.path("run"), "--epochs", 1, "--dim", 8,
                         "--loss", "bpr", "--noise", 0.3)
        self.assertIn("without effect", result.err)
        self.assertIn("--noise", result.err)


if __name__ == "__main__":
    unittest.main()
