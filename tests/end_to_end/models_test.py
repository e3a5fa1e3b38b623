"""The layered models through the whole program: trained, stopped and resumed on other ranks, asked,
measured; and options that make no sense, each with one message."""

import json
import os
import unittest

import numpy

from support import FolderTest, run, succeed

SMALL = ["--epochs", 2, "--dim", 8, "--batch", 512, "--layers", 2, "--precision", "double"]
MODELS = [("ngcf",), ("gat", "--heads", 2), ("lightgat",), ("ngat4rec",), ("ggnn", "--combine", "mean"),
          ("sage", "--aggregate", "max"), ("gnn", "--aggregate", "sum", "--combine", "attention")]


class ModelsTest(FolderTest):

    def metrics(self, name):
        with open(self.path(name, "metrics.json"), encoding="utf-8") as file:
            return json.load(file)

    def losses(self, name):
        with open(self.path(name, "log.jsonl"), encoding="utf-8") as file:
            events = [json.loads(line) for line in file]
        return [event["loss"] for event in events if event["event"] == "epoch"]

    def test_trained_and_asked_on_other_ranks(self):
        data = self.generate()
        for model in MODELS:
            name = model[0]
            with self.subTest(model=model):
                succeed("train", data, "--run", self.path(name), "--model", *model, *SMALL, ranks=2)
                one = name + "-one"
                succeed("train", data, "--run", self.path(one), "--model", *model, *SMALL)
                numpy.testing.assert_allclose(self.losses(name), self.losses(one), rtol=1e-9)
                trained = self.metrics(name)
                self.assertEqual(trained["model"], name)
                for ranks in (0, 3):
                    result = succeed("evaluate", self.path(name), "--json", ranks=ranks).events()[0]
                    self.assertAlmostEqual(result["recall@20"], trained["recall@20"], delta=1e-4)
                lists = succeed("recommend", self.path(name), "--users", "u1,u2", "--k", 5, "--json")
                self.assertEqual([len(e["items"]) for e in lists.events()], [5, 5])
                succeed("export", self.path(name), "--out", self.path(name + "-rows"))
                rows = numpy.load(self.path(name + "-rows", "users.npy"))
                # And popularity's, unless validation chose to leave it out.
                popularity = 1 if trained["log_popularity"] > 0 else 0
                self.assertEqual(rows.shape[1], (24 if name == "ngcf" else 8) + popularity)

    def test_resumed_with_its_own_options(self):
        data = self.generate()
        whole, parts = self.path("whole"), self.path("parts")
        options = ["--model", "gnn", "--aggregate", "attention", "--heads", 4, "--combine", "concat"]
        succeed("train", data, "--run", whole, *options, *SMALL)
        succeed("train", data, "--run", parts, *options, *SMALL)
        # As a job leaves it that was killed after the first epoch's checkpoint.
        os.remove(os.path.join(parts, "metrics.json"))
        checkpoints = os.path.join(parts, "checkpoints")
        last = max(os.listdir(checkpoints))
        for file in os.listdir(os.path.join(checkpoints, last)):
            os.remove(os.path.join(checkpoints, last, file))
        os.rmdir(os.path.join(checkpoints, last))
        succeed("train", "--run", parts, "--resume", ranks=2)
        self.assertAlmostEqual(self.metrics("whole")["recall@20"],
                               self.metrics("parts")["recall@20"], delta=1e-4)
        refused = run("train", "--run", parts, "--resume", "--heads", 2)
        self.assertEqual(refused.status, 2)
        self.assertIn("--heads was '4'", refused.errors()[0])
        columns = run("train", "--run", parts, "--resume", "--exchange", "columns")
        self.assertEqual(columns.status, 2)
        self.assertIn("--exchange columns goes with", columns.errors()[0])

    def test_options_that_make_no_sense(self):
        data = self.generate()
        for options, words in (
                (("--model", "ngcf", "--aggregate", "max"), "--model ngcf has its own"),
                (("--model", "sage", "--aggregate", "sum"), "--model sage takes mean or max"),
                (("--model", "gat", "--heads", 3, "--dim", 8), "--heads 3 does not divide --dim 8"),
                (("--model", "lightgcn", "--combine", "last"), "--combine: --model lightgcn"),
                (("--model", "mf", "--aggregate", "sum"), "--aggregate: --model mf"),
                (("--model", "gnn", "--exchange", "columns"), "--exchange columns goes with"),
                (("--model", "gat", "--store", "bf16"), "--store bf16 goes with --model lightgcn")):
            result = run("train", data, "--run", self.path("none"), *options)
            self.assertEqual(result.status, 2, result)
            self.assertEqual(len(result.errors()), 1, result)
            self.assertIn(words, result.errors()[0])
            self.assertFalse(os.path.exists(self.path("none")))
        foretold = run("plan", data, "--model", "gat")
        self.assertEqual(foretold.status, 2)
        self.assertIn("foretells steps of lightgcn and mf", foretold.errors()[0])
        idle = succeed("train", data, "--run", self.path("idle"), "--model", "ngcf", "--epochs", 1,
                       "--dim", 8, "--heads", 2, "--learn-layer-weights")
        self.assertIn("without effect on --model ngcf", idle.err)
        self.assertIn("--heads", idle.err)
        self.assertIn("--learn-layer-weights", idle.err)

    def test_steps_are_measured(self):
        data = self.generate()
        events = succeed("bench", "step", data, "--model", "ngcf", "--layers", 2, "--dim", 16,
                         "--steps", 3, "--warm-up", 1, "--json", ranks=2).events()
        step = [event for event in events if event["event"] == "step"][0]
        self.assertEqual(step["model"], "ngcf")
        self.assertEqual(step["propagations"], 4)
        self.assertGreater(step["step_seconds"]["median"], 0)


if __name__ == "__main__":
    unittest.main()
