"""Neighbour sampling through the whole program: the same losses on other ranks, all neighbours drawn
as without it, stopped and resumed, asked, measured; and fanouts that make no sense, each with one
message."""

import json
import os
import shutil
import unittest

import numpy

from support import FolderTest, run, succeed

SMALL = ["--epochs", 2, "--dim", 8, "--batch", 256, "--negatives", 64, "--layers", 2,
         "--precision", "double"]


class SamplingTest(FolderTest):

    def metrics(self, name):
        with open(self.path(name, "metrics.json"), encoding="utf-8") as file:
            return json.load(file)

    def losses(self, name):
        with open(self.path(name, "log.jsonl"), encoding="utf-8") as file:
            events = [json.loads(line) for line in file]
        return [event["loss"] for event in events if event["event"] == "epoch"]

    def test_other_ranks_and_other_programs(self):
        data = self.generate()
        for model in (("lightgcn", "--update", "touched"), ("gat", "--heads", 2)):
            name, one = model[0], model[0] + "-one"
            options = ["--model", *model, "--fanout", "4,2", *SMALL]
            succeed("train", data, "--run", self.path(name), *options, ranks=3)
            succeed("train", data, "--run", self.path(one), *options)
            numpy.testing.assert_allclose(self.losses(name), self.losses(one), rtol=1e-9)
            result = succeed("evaluate", self.path(name), "--json", ranks=2).events()[0]
            self.assertAlmostEqual(result["recall@20"], self.metrics(name)["recall@20"], delta=1e-4)
            lists = succeed("recommend", self.path(name), "--users", "u1,u2", "--k", 5, "--json")
            self.assertEqual([len(e["items"]) for e in lists.events()], [5, 5])

    def test_all_neighbours_drawn_is_training_without(self):
        data = self.generate()
        succeed("train", data, "--run", self.path("all"), *SMALL)
        succeed("train", data, "--run", self.path("drawn"), "--fanout", "4000,4000", *SMALL)
        succeed("train", data, "--run", self.path("some"), "--fanout", "4,2", *SMALL)
        numpy.testing.assert_allclose(self.losses("all"), self.losses("drawn"), rtol=1e-9)
        self.assertGreater(abs(self.losses("all")[0] - self.losses("some")[0]), 1e-6)

    def test_stopped_and_resumed(self):
        data = self.generate()
        whole, parts = self.path("whole"), self.path("parts")
        options = ["--model", "sage", "--fanout", "3,3", "--update", "touched"]
        succeed("train", data, "--run", whole, *options, *SMALL)
        shutil.copytree(whole, parts)
        # As a job leaves it that was killed after the first epoch's checkpoint.
        os.remove(os.path.join(parts, "metrics.json"))
        checkpoints = os.path.join(parts, "checkpoints")
        shutil.rmtree(os.path.join(checkpoints, max(os.listdir(checkpoints))))
        for changed, was in ((("--fanout", "3,2"), "--fanout was '3,3'"),
                             (("--update", "all"), "--update was 'touched'")):
            refused = run("train", "--run", parts, "--resume", *changed)
            self.assertEqual(refused.status, 2)
            self.assertIn(was, refused.errors()[0])
        columns = run("train", "--run", parts, "--resume", "--exchange", "columns")
        self.assertEqual(columns.status, 2)
        succeed("train", "--run", parts, "--resume", ranks=2)
        numpy.testing.assert_allclose(self.losses("parts")[-1], self.losses("whole")[-1], rtol=1e-9)
        self.assertAlmostEqual(self.metrics("whole")["recall@20"],
                               self.metrics("parts")["recall@20"], delta=1e-4)

    def test_fanouts_that_make_no_sense(self):
        data = self.generate()
        for options, words in (
                (("--fanout", "15"), "--fanout 15 has 1 number, and --layers 2 needs 2"),
                (("--fanout", "15,10,5"), "--fanout 15,10,5 has 3 numbers"),
                (("--fanout", "15,0"), "--fanout"),
                (("--fanout", "15,ten"), "--fanout"),
                (("--fanout", "15,"), "--fanout"),
                (("--fanout", "5,5", "--model", "mf"), "--fanout goes with lightgcn, ngcf"),
                (("--update", "touched"), "--update touched goes with --fanout"),
                (("--fanout", "5,5", "--exchange", "columns"), "--exchange columns goes without"),
                (("--fanout", "5,5", "--store", "bf16"), "--store bf16 goes without --fanout"),
                (("--fanout", "5,5", "--edge-dropout", 0.1), "--fanout goes without"),
                (("--fanout", "5,5", "--half-life", "3d,9d"), "a mixture goes without --fanout"),
                (("--fanout", "5,5", "--model", "gat", "--weight", "rating"),
                 "--weight: edges weigh in sums"),
                (("--fanout", "5,5", "--id-dropout", 0.1), "--id-dropout takes interactions too"),
                (("--fanout", "5,5", "--loss", "softmax:1,contrastive:0.1"),
                 "--fanout goes without")):
            result = run("train", data, "--run", self.path("none"), "--layers", 2, *options)
            self.assertEqual(result.status, 2, result)
            self.assertEqual(len(result.errors()), 1, result)
            self.assertIn(words, result.errors()[0])
            self.assertFalse(os.path.exists(self.path("none")))
        foretold = run("plan", data, "--layers", 1, "--fanout", 5)
        self.assertEqual(foretold.status, 2)
        self.assertIn("foretells steps over the whole graph", foretold.errors()[0])

    def test_steps_are_measured(self):
        data = self.generate()
        events = succeed("bench", "step", data, "--fanout", "5,5", "--layers", 2, "--dim", 16,
                         "--steps", 3, "--warm-up", 1, "--json", ranks=2).events()
        step = [event for event in events if event["event"] == "step"][0]
        self.assertEqual(step["propagations"], 0)
        self.assertGreater(step["step_seconds"]["median"], 0)


if __name__ == "__main__":
    unittest.main()
