"""Features and links in models from outside: what they give new items and users, the same on any
number of ranks and after a stop, and every mistake with one message."""

import glob
import json
import os
import random
import re
import shutil
import unittest

import h5py

from support import SOURCE_DIR, FolderTest, run, succeed

WORDS = ["red", "green", "blue", "glass", "wood", "lamp", "clock", "heart", "bag", "cake"]


class SideInputsTest(FolderTest):

    def shop(self, option="item-features", features="title:text", *more):
        """300 users with a taste for two words each, 150 items named by two of ten words; users of
        one taste are friends. A fifth of the items is cold."""
        draw = random.Random(4)
        names = {f"i{k}": draw.sample(WORDS, 2) for k in range(150)}
        rows, tastes = ["user,item"], []
        for user in range(300):
            tastes.append(frozenset(draw.sample(WORDS, 2)))
            liked = sorted(names, key=lambda i: (-len(tastes[user] & set(names[i])), draw.random()))
            rows += [f"u{user},{item}" for item in liked[:10]]
        friends = [f"u{a}\tu{b}" for a in range(300) for b in range(a) if tastes[a] == tastes[b]]
        events = self.write("events.csv", "\n".join(rows) + "\n")
        items = self.write("items.csv", "item,title\n" + "".join(
            f"{i},{' '.join(words)}\n" for i, words in names.items()))
        links = self.write("trust.txt", "\n".join(friends) + "\n")
        data = self.path("shop.h5")
        succeed("import", events, "--items", items, f"--{option}", features,
                "--links", links, "--protocol", "cold-items", "--cold-share", 0.2,
                "--derive-links", "content", "--content-neighbours", 3, *more, "--out", data)
        return data

    def train(self, data, name, *options, ranks=0):
        succeed("train", data, "--run", self.path(name), "--dim", 16, "--epochs", 6, "--negatives",
                64, *options, ranks=ranks)
        return self.path(name)

    def figures(self, run_folder, *options, ranks=0):
        return succeed("evaluate", run_folder, "--k", 20, *options, "--json",
                       ranks=ranks).events()[0]

    def test_new_items_are_ranked_by_what_is_known_of_them(self):
        data = self.shop()
        knows = ("--features", "item:title", "--relations", "content:0.5,trust", "--id-dropout", 0.3)
        plain = self.train(data, "plain")
        known = self.train(data, "known", *knows, ranks=2)
        blind = self.figures(plain, "--candidates", "cold")
        figures = {ranks: self.figures(known, "--candidates", "cold", ranks=ranks)
                   for ranks in (0, 3)}
        self.assertGreater(figures[0]["recall@20"], blind["recall@20"] + 0.2)
        self.assertAlmostEqual(figures[0]["recall@20"], figures[3]["recall@20"], delta=0.005)
        whole = self.figures(known)
        self.assertGreater(whole["cold_recall@20"], 0)  # they stand in lists of all items
        self.assertEqual(self.figures(plain)["cold_recall@20"], 0)
        with h5py.File(data) as file:
            trained = set(file["train/item"][:].tolist()) | set(file["validation/item"][:].tolist())
            self.assertLess(len(trained), 150)
        lists = succeed("recommend", known, "--users", "u0,u1", "--k", 5, "--json").events()
        self.assertEqual(len(lists), 2)
        with h5py.File(data) as file:
            text = file["items/id_bytes"][:].tobytes().decode()
            offsets = file["items/id_offsets"][:]
            taken = {split: set(file[f"{split}/item"][:].tolist()) for split in ("train", "validation")}
        cold = next(i for i in range(150) if i not in taken["train"] | taken["validation"])
        new = text[offsets[cold]:offsets[cold + 1]]
        # Someone who took a new item alone is served by what is known of it, not by popularity.
        ask = ("--history", new, "--k", 5, "--json")
        popular, served = succeed("recommend", plain, *ask), succeed("recommend", known, *ask, ranks=2)
        self.assertIn("never trained on", popular.err)
        self.assertNotIn("never trained on", served.err)
        by_popularity, by_words = ([entry["item"] for entry in answer.events()[0]["items"]]
                                   for answer in (popular, served))
        self.assertLess(len(set(by_popularity) & set(by_words)), 3)
        # Exported rows rank as the run does, new items among the others.
        out = self.path("rows")
        succeed("export", known, "--out", out, ranks=2)
        with open(os.path.join(SOURCE_DIR, "docs", "EXPORT.md"), encoding="utf-8") as file:
            code = re.search(r"```python\n(.*?)```", file.read(), re.DOTALL).group(1)
        before, space = os.getcwd(), {}
        os.chdir(out)
        try:
            exec(code, space)  # pylint: disable=exec-used
        finally:
            os.chdir(before)
        self.assertTrue(space["served"].all())
        for answer in lists:
            best = {entry["item"] for entry in answer["items"]}
            self.assertGreaterEqual(len(best & set(space["recommend"](answer["user"], 6))), 5)

    def test_models_that_take_them(self):
        data = self.shop()
        for model, options in (("mf", ("--features", "all")), ("ngcf", ("--features", "item:title")),
                               ("sage", ("--features", "item:title", "--combine", "mean", "--fanout", 5,
                                         "--id-dropout", 0.2)),
                               ("rgcn", ("--relations", "trust,content", "--bases", 3)),
                               ("lightgcn", ("--relations", "user:trust:2"))):
            folder = self.train(data, model, "--model", model, *options, ranks=2)
            self.assertGreater(self.figures(folder)["warm_recall@20"], 0.05)

    def test_the_ways_of_directed_links(self):
        """Each has a transform in rgcn, on any number of ranks; to lightgcn a link is a link."""
        def train(data, name, model, ranks=0):
            folder = self.train(data, name, "--model", model, "--relations", "trust", "--layers", 1,
                                "--precision", "double", ranks=ranks)
            return folder, self.figures(folder)["warm_recall@20"]

        def num_transforms(folder):
            checkpoint = max(glob.glob(os.path.join(folder, "checkpoints", "*", "rank-00000.h5")))
            with h5py.File(checkpoint) as file:
                return len(file["layer1.coefficients/value"])

        data = self.shop()
        plain, recall = train(data, "plain", "rgcn")
        added, sum_of_both = train(data, "sum", "lightgcn")
        data = self.shop("item-features", "title:text", "--directed-links")
        apart, each_way = train(data, "apart", "rgcn")
        self.assertEqual((num_transforms(plain), num_transforms(apart)), (3, 4))
        self.assertNotEqual(recall, each_way)
        self.assertAlmostEqual(each_way, train(data, "ranks", "rgcn", ranks=3)[1], places=9)
        self.assertAlmostEqual(sum_of_both, train(data, "same", "lightgcn")[1], places=9)

    def test_other_behaviours_pass_messages(self):
        """Users buy 8 items of their taste and look at 25; a few they send back. Looks say what else
        they will buy, and are neither trained on nor tested as purchases."""
        draw = random.Random(5)
        items = {f"i{k}": frozenset(draw.sample(WORDS, 2)) for k in range(150)}
        rows = ["user,item,event,quantity"]
        for user in range(300):
            taste = frozenset(draw.sample(WORDS, 2))
            liked = sorted(items, key=lambda i: (-len(taste & items[i]), draw.random()))[:30]
            rows += [f"u{user},{item},buy,{draw.randint(1, 9)}" for item in draw.sample(liked, 8)]
            rows += [f"u{user},{item},view,1" for item in draw.sample(liked, 25)]
            rows += [f"u{user},{item},buy,-2" for item in draw.sample(sorted(items), 2)]
        events, data = self.write("events.csv", "\n".join(rows) + "\n"), self.path("data.h5")
        imported = succeed("import", events, "--relation", "view: event==view", "--relation",
                           "return: quantity<0", "--out", data)
        self.assertRegex(imported.out, r"user view +[\d,]+ links to items; 300 of 300 users")
        described = succeed("describe", data, "--json").events()[0]
        self.assertEqual(sum(described[part]["interactions"] for part in
                             ("train", "validation", "test")), 2400)
        views = next(column for column in described["side_info"] if column["name"] == "view")
        self.assertEqual((views["kind"], views["to"]), ("user", "item"))
        plain = self.figures(self.train(data, "plain", "--rank-by", "inner"))["recall@20"]
        for name, options in (("lightgcn", ("--relations", "view:2,return:-0.1", "--rank-by", "inner")),
                              ("rgcn", ("--relations", "view,return", "--model", "rgcn"))):
            trained = self.train(data, name, *options, ranks=2)
            figures = [self.figures(trained, ranks=ranks)["recall@20"] for ranks in (0, 3)]
            self.assertAlmostEqual(figures[0], figures[1], delta=0.005)
            if name == "lightgcn":
                self.assertGreater(figures[0], plain + 0.1)

    def test_what_was_sent_back_stands_in_no_list(self):
        """Each user sends back three items of their taste: with --leave-out they stand in no list."""
        draw = random.Random(6)
        items = {f"i{k}": frozenset(draw.sample(WORDS, 2)) for k in range(60)}
        rows, returned = ["user,item,quantity"], {}
        for user in range(100):
            taste = frozenset(draw.sample(WORDS, 2))
            liked = sorted(items, key=lambda i: (-len(taste & items[i]), draw.random()))[:13]
            returned[f"u{user}"] = set(draw.sample(liked, 3))
            rows += [f"u{user},{i},{-1 if i in returned[f'u{user}'] else 1}" for i in liked]
        events, data = self.write("events.csv", "\n".join(rows) + "\n"), self.path("data.h5")
        succeed("import", events, "--relation", "return: quantity<0", "--out", data)

        def num_returned(*command, ranks=0):
            lists = succeed(*command, "--all-users", "--k", 60, "--json", ranks=ranks).events()
            self.assertEqual(len(lists), 100)
            return sum(len(returned[one["user"]] & {entry["item"] for entry in one["items"]})
                       for one in lists)

        for name, options in (("known", ()), ("popular", ("--model", "popular"))):
            folder = self.train(data, name, "--leave-out", "return", *options, ranks=2)
            for ranks in (0, 3):
                self.assertEqual(num_returned("recommend", folder, ranks=ranks), 0)
            self.assertEqual(num_returned("recommend", folder, "--include-seen"), 0)
            self.assertEqual(num_returned("recommend", folder, "--leave-out", "none"), 300)
            # Places that go to others are worth something, and test's figures are of such lists.
            without = self.figures(folder)["recall@20"]
            with open(os.path.join(folder, "metrics.json"), encoding="utf-8") as file:
                self.assertAlmostEqual(without, json.load(file)["recall@20"], places=6)
            self.assertGreater(without, self.figures(folder, "--leave-out", "none")["recall@20"])
        for command in (("train", data, "--run", self.path("bad"), "--leave-out", "views"),
                        ("evaluate", self.path("known"), "--leave-out", "views")):
            result = run(*command)
            self.assertEqual(result.status, 2)
            self.assertIn("the dataset has no links 'views'; it has: user:return", result.err)

    def test_values_of_attributes_are_nodes(self):
        data = self.shop("item-features", "title:multi( )")
        nodes = ("--attribute-nodes", "item:title:1.5", "--id-dropout", 0.3, "--rank-by", "inner")
        known = self.train(data, "known", *nodes, ranks=2)
        blind = self.figures(self.train(data, "plain"), "--candidates", "cold")
        figures = [self.figures(known, "--candidates", "cold", ranks=ranks) for ranks in (0, 3)]
        self.assertGreater(figures[0]["recall@20"], blind["recall@20"] + 0.15)
        self.assertAlmostEqual(figures[0]["recall@20"], figures[1]["recall@20"], delta=0.005)
        self.train(data, "rgcn", "--model", "rgcn", "--attribute-nodes", "item:title", ranks=3)
        for options, words in (
                (("--attribute-nodes", "item:colour"), "it has: item:title"),
                (("--attribute-nodes", "title"), "it has: item:title"),
                (("--attribute-nodes", "item:title", "--model", "mf"), "--attribute-nodes goes with"),
                (("--attribute-nodes", "item:title:2", "--model", "rgcn"), "takes no weights"),
                (("--attribute-nodes", "item:title", "--fanout", 5), "--fanout draws among"),
                (("--attribute-nodes", "item:title", "--node-dropout", 0.1), "goes without"),
                (("--attribute-nodes", "item:title", "--half-life", "3d,inf"), "a mixture goes")):
            result = run("train", data, "--run", self.path("none"), *options)
            self.assertEqual(result.status, 2, result)
            self.assertEqual(len(result.errors()), 1, result)
            self.assertIn(words, result.errors()[0])

    def test_stopped_and_resumed(self):
        data = self.shop()
        options = ("--features", "item:title", "--relations", "content", "--id-dropout", 0.2)
        whole, parts = self.train(data, "whole", *options), self.path("parts")
        shutil.copytree(whole, parts)
        # As a job leaves it that was killed after an earlier checkpoint.
        os.remove(os.path.join(parts, "metrics.json"))
        checkpoints = os.path.join(parts, "checkpoints")
        shutil.rmtree(os.path.join(checkpoints, max(os.listdir(checkpoints))))
        refused = run("train", "--run", parts, "--resume", "--features", "all")
        self.assertEqual(refused.status, 2, refused)
        self.assertIn("--features was 'item:title'", refused.errors()[0])
        succeed("train", "--run", parts, "--resume", ranks=2)
        for candidates in ("all", "cold"):
            figures = [self.figures(folder, "--candidates", candidates) for folder in (whole, parts)]
            self.assertAlmostEqual(figures[0]["recall@20"], figures[1]["recall@20"], delta=0.005)

    def test_mistakes(self):
        data = self.shop()
        for options, words in (
                (("--features", "item:colour"), "item:title"),
                (("--features", "item:trust"), "item:title"),
                (("--relations", "friends"), "it has: user:trust, item:content"),
                (("--features", "item:title,item:title"), "named twice as a feature"),
                (("--relations", "trust:0"), "--relations takes weights from"),
                (("--relations", "trust:1e300"), "--relations takes weights from"),
                (("--features", "all", "--id-dropout", 0.5, "--half-life", "3d,inf"),
                 "a mixture goes without --id-dropout"),
                (("--relations", "trust,trust:2"), "names 'trust' twice"),
                (("--relations", "trust,user:trust:2"), "twice, in two ways"),
                (("--relations", "trust", "--model", "sage"), "--relations goes with"),
                (("--relations", "trust:2", "--model", "rgcn"), "takes no weights"),
                (("--relations", "trust", "--exchange", "columns"), "--exchange columns goes without"),
                (("--relations", "trust", "--fanout", 5), "--fanout draws among"),
                (("--relations", "trust", "--layers", 0), "--layers 0 passes none"),
                (("--dim", 1), "--dim 1 leaves of a cosine"),
                (("--id-dropout", 1.5), "--id-dropout")):
            result = run("train", data, "--run", self.path("none"), *options)
            self.assertEqual(result.status, 2, result)
            self.assertEqual(len(result.errors()), 1, result)
            self.assertIn(words, result.errors()[0])
        idle = succeed("train", data, "--run", self.path("idle"), "--epochs", 1, "--dim", 8,
                       "--id-dropout", 0.2)
        self.assertIn("without effect", idle.err)
        result = run("plan", data, "--ranks", 2, "--relations", "trust")
        self.assertEqual(result.status, 2)
        self.assertIn("interactions alone", result.errors()[0])
        self.assertEqual(run("bench", "step", data, "--relations", "friends").status, 2)

    def test_what_changes_nothing_is_said(self):
        expanded = succeed("generate", "--expand", self.shop(), "--factor", "2x2", "--out",
                           self.path("large.h5"))
        for name in ("item:title", "user:trust", "item:content"):
            self.assertIn(name, expanded.err)
        # The one item with a colour is not in training.
        for part, items in (("train", range(40)), ("test", range(40, 41))):
            self.write(f"few/{part}.csv", "user,item\n" + "".join(
                f"u{u},i{i}\n" for u in range(40) for i in items if (u + i) % 5 < 2 or i == 40))
        items = self.write("colours.csv", "item,colour\ni40,red\n")
        data = self.path("few.h5")
        succeed("import", self.path("few"), "--items", items, "--item-features", "colour:multi(|)",
                "--out", data)
        trained = succeed("train", data, "--run", self.path("few-run"), "--epochs", 1, "--dim", 8,
                          "--select", "none", "--attribute-nodes", "item:colour", ranks=2)
        self.assertIn("--attribute-nodes item:colour", trained.err)

    def test_steps_with_them_are_timed(self):
        data = self.shop()
        options = ("--dim", 8, "--steps", 3, "--warm-up", 1, "--repetitions", 1, "--batch", 256)
        for side in (("--relations", "trust,content"), ("--features", "item:title"),
                     ("--relations", "trust", "--model", "rgcn")):
            events = succeed("bench", "step", data, *options, *side, "--json", ranks=2).events()
            step = next(event for event in events if event["event"] == "step")
            self.assertGreater(step["step_seconds"]["median"], 0)
            plain = succeed("bench", "step", data, *options, "--json", ranks=2).events()
            plain = next(event for event in plain if event["event"] == "step")
            self.assertGreater(step["bytes_sent"], plain["bytes_sent"])
            self.assertNotEqual(step["training_loss"], plain["training_loss"])


if __name__ == "__main__":
    unittest.main()
