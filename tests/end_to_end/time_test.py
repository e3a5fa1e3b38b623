"""Weights and times through the whole program: half-lives, their mixtures, the recurrent model and
recency x popularity, trained on several ranks, resumed, asked; and what makes no sense, each with
one message."""

import json
import os
import random
import unittest

import numpy

from support import FolderTest, run, succeed

SMALL = ["--epochs", 2, "--dim", 8, "--batch", 512, "--layers", 2, "--precision", "double"]
DAY = 86400


class TimeTest(FolderTest):

    def dated(self, name="dated.h5", *options, ratings=lambda draw: draw.randint(1, 5)):
        """Users whose taste moves on, with ratings and times."""
        draw = random.Random(3)
        rows = ["user,item,rating,time"]
        for user in range(120):
            for _ in range(25):
                day = draw.randrange(200)
                item = (user % 4 * 15 + day // 10 + draw.randrange(15)) % 80
                rows.append(f"u{user},i{item},{ratings(draw)},{1_600_000_000 + day * DAY}")
        source = self.write("rows.csv", "\n".join(rows) + "\n")
        path = self.path(name)
        succeed("import", source, "--out", path, "--protocol", "time", "--repeat-time", "last", *options)
        return path

    def metrics(self, name):
        with open(self.path(name, "metrics.json"), encoding="utf-8") as file:
            return json.load(file)

    def log(self, name, event):
        with open(self.path(name, "log.jsonl"), encoding="utf-8") as file:
            return [e for e in map(json.loads, file) if e["event"] == event]

    def test_trained_and_asked_on_other_ranks(self):
        data = self.dated()
        for name, *options in (
                ("decay", "--half-life", "30d"),
                ("rating", "--weight", "rating", "--half-life", "2w"),
                ("mixed", "--half-life", "1w,60d,inf", "--refit"),
                ("drawn", "--weight", "rating", "--half-life", "2w", "--fanout", "4,2"),
                ("ngcf", "--model", "ngcf", "--weight", "log1p"),
                ("roland", "--model", "roland", "--slices", 3)):
            with self.subTest(name=name):
                succeed("train", data, "--run", self.path(name), *options, *SMALL, ranks=2)
                one = name + "-one"
                succeed("train", data, "--run", self.path(one), *options, *SMALL)
                numpy.testing.assert_allclose([e["loss"] for e in self.log(name, "epoch")],
                                              [e["loss"] for e in self.log(one, "epoch")], rtol=1e-9)
                trained = self.metrics(name)
                for ranks in (0, 3):
                    result = succeed("evaluate", self.path(name), "--json", ranks=ranks).events()[0]
                    self.assertAlmostEqual(result["recall@20"], trained["recall@20"], delta=1e-4)
                lists = succeed("recommend", self.path(name), "--users", "u1,u2", "--k", 5, "--json")
                self.assertEqual([len(e["items"]) for e in lists.events()], [5, 5])
        # Over drawn edges, and over all of them drawn.
        losses = [e["loss"] for e in self.log("rating-one", "epoch")]
        self.assertGreater(abs(losses[0] - self.log("drawn-one", "epoch")[0]["loss"]), 1e-6)
        succeed("train", data, "--run", self.path("all"), "--weight", "rating", "--half-life", "2w",
                "--fanout", "200,200", *SMALL)
        numpy.testing.assert_allclose([e["loss"] for e in self.log("all", "epoch")], losses, rtol=1e-9)
        mixture = self.log("mixed", "mixture")[-1]["half_lives"]
        self.assertEqual(list(mixture), ["1w", "60d", "inf"])
        self.assertAlmostEqual(sum(mixture.values()), 1, places=6)

    def linked(self, name, *options, undated=False, late=0):
        """Friends' links, some of them old, and looks of several days: without their times, and so
        many days later."""
        draw = random.Random(5)
        events, links = ["user,item,time,event"], ["from,to" if undated else "from,to,time"]
        for user in range(120):
            for _ in range(25):
                event, day = draw.choice(("buy", "view")), draw.randrange(200)
                item = (user % 4 * 15 + day // 10 + draw.randrange(15)) % 80
                events.append(f"u{user},i{item},{1_600_000_000 + day * DAY},{event}")
            for _ in range(4):
                friend, day = (user + draw.randrange(1, 120)) % 120, draw.randrange(100) + late
                time = "" if undated else f",{1_600_000_000 + day * DAY}"
                links.append(f"u{user},u{friend}{time}")
        path = self.path(name)
        succeed("import", self.write("events.csv", "\n".join(events) + "\n"), "--relation",
                "view: event==view", "--links", self.write("trust.csv", "\n".join(links) + "\n"),
                "--repeat-time", "last", "--out", path, *options)
        return path

    def losses(self, data, name, *options, ranks=0):
        succeed("train", data, "--run", self.path(name), *options, *SMALL, ranks=ranks)
        return [e["loss"] for e in self.log(name, "epoch")]

    def test_links_age(self):
        """As their table says, the same on any number of ranks and when the run is asked."""
        dated = self.linked("links.h5", "--protocol", "time")
        described = succeed("describe", dated, "--json").events()[0]["side_info"]
        self.assertEqual([column.get("times") for column in described], [True, True])
        ages = ("--half-life", "20d", "--relations", "trust:2,view:0.5", "--refit")
        whole = self.losses(dated, "one", *ages)
        numpy.testing.assert_allclose(whole, self.losses(dated, "two", *ages, ranks=2), rtol=1e-9)
        for ranks in (0, 3):
            result = succeed("evaluate", self.path("two"), "--json", ranks=ranks).events()[0]
            self.assertAlmostEqual(result["ndcg@20"], self.metrics("two")["ndcg@20"], delta=1e-6)
        lists = [succeed("recommend", self.path("two"), "--users", "u1,u2", "--k", 5, "--json",
                         ranks=ranks).events() for ranks in (0, 3)]
        for one, other in zip(*lists):
            self.assertEqual([e["item"] for e in one["items"]], [e["item"] for e in other["items"]])
            numpy.testing.assert_allclose([e["score"] for e in one["items"]],
                                          [e["score"] for e in other["items"]], rtol=1e-5)

        # What the links' times alone make of it.
        undated = self.linked("undated.h5", "--protocol", "time", undated=True)
        described = succeed("describe", undated, "--json").events()[0]["side_info"]
        self.assertEqual([column.get("times") for column in described], [True, None])
        friends = ("--relations", "trust:2")
        for data, half_life in ((undated, ("--half-life", "20d")), (dated, ())):
            plain = self.losses(data, "plain" + "".join(half_life), *friends, *half_life)
            aged = self.losses(dated, "aged" + "".join(half_life), *friends, "--half-life", "20d")
            self.assertGreater(abs(plain[0] - aged[0]), 1e-4)
        numpy.testing.assert_allclose(self.losses(undated, "never-undated", *friends),
                                      self.losses(dated, "never-dated", *friends), rtol=1e-12)
        steps = [next(e for e in succeed("bench", "step", data, *friends, "--half-life", "20d", "--dim", 8,
                                         "--steps", 2, "--warm-up", 0, "--repetitions", 1, "--json",
                                         ranks=2).events() if e["event"] == "step")
                 for data in (undated, dated)]
        self.assertNotEqual(steps[0]["training_loss"], steps[1]["training_loss"])
        # Of those dated after the newest interaction none is old.
        later = self.linked("later.h5", "--protocol", "random", late=300)
        undated = self.linked("undated-random.h5", "--protocol", "random", undated=True)
        numpy.testing.assert_allclose(self.losses(undated, "u", *friends, "--half-life", "20d"),
                                      self.losses(later, "l", *friends, "--half-life", "20d"), rtol=1e-12)

    def test_resumed_with_its_own_options(self):
        data = self.dated()
        options = ["--half-life", "1w,60d"]
        succeed("train", data, "--run", self.path("whole"), *options, *SMALL)
        succeed("train", data, "--run", self.path("parts"), *options, *SMALL)
        # As a job leaves it that was killed after the first epoch's checkpoint.
        os.remove(self.path("parts", "metrics.json"))
        last = max(os.listdir(self.path("parts", "checkpoints")))
        for file in os.listdir(self.path("parts", "checkpoints", last)):
            os.remove(self.path("parts", "checkpoints", last, file))
        os.rmdir(self.path("parts", "checkpoints", last))
        succeed("train", "--run", self.path("parts"), "--resume", ranks=2)
        self.assertAlmostEqual(self.metrics("whole")["recall@20"], self.metrics("parts")["recall@20"],
                               delta=1e-4)
        refused = run("train", "--run", self.path("parts"), "--resume", "--half-life", "1w")
        self.assertEqual(refused.status, 2)
        self.assertIn("--half-life was '1w,60d'", refused.errors()[0])

    def test_recent_is_a_baseline(self):
        data = self.dated("kept.h5", "--repeats", "keep")
        figures = {}
        for name, *options in (("popular", "--model", "popular"),
                               ("recent", "--model", "recent", "--half-life", "10d"),
                               ("own", "--model", "recent", "--half-life", "10d", "--own-repeats", 5)):
            succeed("train", data, "--run", self.path(name), *options)
            for split in ("validation", "test"):
                events = succeed("evaluate", self.path(name), "--split", split, "--json", ranks=2)
                figures[name, split] = events.events()[0]["recall@20"]
            self.assertAlmostEqual(figures[name, "test"], self.metrics(name)["recall@20"], delta=1e-6)
        self.assertGreater(figures["recent", "test"], figures["popular", "test"])
        self.assertNotEqual(figures["own", "validation"], figures["recent", "validation"])

    def test_own_items_count_in_lists_of_a_trained_model(self):
        data = self.dated("own.h5", "--repeats", "keep")
        options = ("--model", "mf", "--dim", 4, "--epochs", 2)
        succeed("train", data, "--run", self.path("without"), *options)
        succeed("train", data, "--run", self.path("with"), *options, "--own-repeats", 100,
                "--own-half-life", "30d", ranks=2)
        own = self.metrics("with")["recall@20"]
        self.assertNotEqual(own, self.metrics("without")["recall@20"])
        again = succeed("evaluate", self.path("with"), "--json").events()[0]["recall@20"]
        self.assertAlmostEqual(again, own, delta=1e-6)
        # So much that a guest's list begins with what the guest has taken.
        taken = {"i3", "i5"}
        (answer,) = succeed("recommend", self.path("with"), "--history", ",".join(taken), "--k", 2,
                            "--json").events()
        self.assertEqual({entry["item"] for entry in answer["items"]}, taken)
        exported = succeed("export", self.path("with"), "--out", self.path("rows.npy"))
        self.assertIn("--own-repeats", exported.err)

    def test_strangers_are_served_by_what_is_popular_now(self):
        """Of a user who comes after the cut nothing is known."""
        draw = random.Random(8)
        rows = ["user,item,time"]
        for day in range(200):
            rows += [f"u{draw.randrange(60)},i{(day // 20 * 7 + draw.randrange(30)) % 90},"
                     f"{1_600_000_000 + day * DAY}" for _ in range(10)]
        rows += [f"stranger,i{i},{1_600_000_000 + 199 * DAY}" for i in range(70, 75)]
        data = self.path("strangers.h5")
        succeed("import", self.write("rows.csv", "\n".join(rows) + "\n"), "--protocol", "time",
                "--out", data)
        quick = ("--select", "none", "--dim", 4, "--epochs", 1)
        lists = {}
        for name, *options in (("recent", "--model", "recent", "--half-life", "3d"),
                               ("asked", "--popular-half-life", "3d", *quick),
                               ("edges", "--half-life", "3d", *quick),
                               ("always", *quick)):
            succeed("train", data, "--run", self.path(name), *options, ranks=2 if name == "asked" else 0)
            answer, known = succeed("recommend", self.path(name), "--users", "stranger,u1", "--k", 10,
                                    "--json").events()
            self.assertEqual(("cold" in answer, "cold" in known), (True, False))
            lists[name] = [entry["item"] for entry in answer["items"]]
        self.assertEqual(lists["asked"], lists["recent"])
        self.assertEqual(lists["edges"], lists["recent"])
        self.assertNotEqual(lists["always"], lists["recent"])

    def test_what_makes_no_sense(self):
        data = self.dated()
        plain = self.write("plain.csv", "user,item\n" + "".join(
            f"u{u},i{i}\n" for u in range(20) for i in range(u % 3, 20, 2)))
        for options, words in (
                (("--half-life", "30"), "--half-life '30' is no duration"),
                (("--half-life", "0d"), "--half-life '0d' is no duration"),
                (("--half-life", "7d,1w"), "names the half-life 1w twice"),
                (("--model", "mf", "--half-life", "7d"), "--half-life: edges weigh in sums"),
                (("--model", "gat", "--weight", "rating"), "--weight: edges weigh in sums"),
                (("--model", "roland", "--half-life", "7d"), "not in --model roland"),
                (("--model", "sage", "--half-life", "7d,30d"), "goes with --model lightgcn"),
                (("--model", "recent", "--half-life", "7d,30d"), "goes with --model lightgcn"),
                (("--half-life", "7d", "--exchange", "columns"), "--exchange columns goes with equal"),
                (("--model", "roland", "--exchange", "columns"), "--exchange columns goes with"),
                (("--half-life", "7d,30d", "--edge-dropout", 0.1), "a mixture goes without"),
                (("--own-repeats", 1, "--own-half-life", "7d,1y"), "there is but one half-life here"),
                (("--popular-half-life", "7d,1y"), "there is but one half-life here"),
                (("--slices", 0), "--slices")):
            self.refused(words, data, *options)
        for options in (("--half-life", "7d"), ("--model", "roland"), ("--model", "recent"),
                        ("--own-repeats", 1, "--own-half-life", "7d"),
                        ("--popular-half-life", "7d")):
            self.refused("the dataset has no times", plain, *options)
        self.refused("every training interaction weighs 1", plain, "--weight", "rating", made=True)
        negative = self.dated("negative.h5", ratings=lambda draw: draw.randint(-1, 3))
        self.refused("--weight rating needs weights above 0", negative, "--weight", "rating", made=True)
        tiny = self.dated("tiny.h5", ratings=lambda draw: draw.choice([1, "1e-25"]))
        self.refused("weigh from 1e-25 to 1", tiny, "--weight", "rating", made=True)
        idle = succeed("train", data, "--run", self.path("idle"), "--epochs", 1, "--dim", 4,
                       "--slices", 2, "--own-half-life", "1y")
        self.assertIn("without effect", idle.err)
        self.assertIn("--slices", idle.err)
        self.assertIn("--own-half-life", idle.err)
        idle = succeed("train", data, "--run", self.path("never"), "--epochs", 1, "--dim", 4,
                       "--own-repeats", 1)
        self.assertIn("leaves repeats out", idle.err)

    def refused(self, words, data, *options, made=False):
        folder = self.path("none" if not made else "made")
        result = run("train", data, "--run", folder, "--overwrite", *options, ranks=2 if made else 0)
        self.assertEqual(result.status, 2, result)
        self.assertEqual(len(result.errors()), 1, result)
        self.assertIn(words, result.errors()[0])
        self.assertEqual(os.path.exists(folder), made, result)


if __name__ == "__main__":
    unittest.main()
