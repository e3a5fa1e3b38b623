"""Cold items from outside: the protocol, content links, the content baseline, figures of cold and warm
items apart, two runs compared user by user, and every mistake with one message."""

import csv
import json
import random
import unittest

import h5py

from support import FolderTest, run, succeed

WORDS = ["red", "green", "blue", "glass", "wood", "lamp", "clock", "heart", "bag", "cake"]


class ColdTest(FolderTest):

    def shop(self):
        """400 users with a taste for two words each, 200 items named by two of ten words."""
        draw = random.Random(4)
        names = {f"i{k}": draw.sample(WORDS, 2) for k in range(200)}
        rows = ["user,item"]
        for user in range(400):
            taste = set(draw.sample(WORDS, 2))
            liked = sorted(names, key=lambda i: (-len(taste & set(names[i])), draw.random()))
            rows += [f"u{user},{item}" for item in liked[:12]]
        events = self.write("events.csv", "\n".join(rows) + "\n")
        items = self.write("items.csv", "item,title,colour\n" + "".join(
            f"{i},{' '.join(words)},{words[0]}\n" for i, words in names.items()))
        data = self.path("shop.h5")
        succeed("import", events, "--items", items, "--item-features", "title:text,colour:category",
                "--protocol", "cold-items", "--cold-share", 0.2, "--derive-links", "content",
                "--content-neighbours", 3, "--out", data)
        return data

    def evaluate(self, run_folder, *options, ranks=0):
        return succeed("evaluate", run_folder, *options, "--json", ranks=ranks).events()[0]

    def test_content_links_lead_to_trained_items(self):
        data = self.shop()
        with h5py.File(data) as file:
            side = json.loads(file.attrs["side_info"].decode())
            place = [k for k, c in enumerate(side) if c["type"] == "link"]
            self.assertEqual([side[k]["name"] for k in place], ["content"])
            begin, target, weight = (file[f"side/{place[0]}/{name}"][:]
                                     for name in ("begin", "target", "weight"))
            trained = set(file["train/item"][:].tolist())
        num_cold = 0
        for item in range(len(begin) - 1):
            links = target[begin[item]:begin[item + 1]].tolist()
            if item not in trained:
                num_cold += 1
                self.assertEqual(len(links), 3)  # its own choice: nobody chooses it
                self.assertTrue(set(links) <= trained)
        self.assertGreater(num_cold, 10)
        self.assertGreater(weight.min(), 0)
        self.assertLess(weight.max(), 1.0001)

    def test_content_ranks_cold_items_and_figures_stand_apart(self):
        data = self.shop()
        content, popular = self.path("content"), self.path("popular")
        succeed("train", data, "--model", "content", "--run", content, ranks=2)
        succeed("train", data, "--model", "popular", "--run", popular)
        with open(self.path("content", "metrics.json"), encoding="utf-8") as file:
            trained = json.load(file)
        for ranks in (0, 3):
            whole = self.evaluate(content, "--k", "20", ranks=ranks)
            for name in ("recall@20", "warm_recall@20", "cold_recall@20", "cold_ndcg@20"):
                self.assertAlmostEqual(whole[name], trained[name], delta=1e-6, msg=name)
            cold = self.evaluate(content, "--candidates", "cold", "--k", "5,20", ranks=ranks)
            self.assertEqual(cold["held_out"], cold["cold_held_out"])
            self.assertEqual(cold["held_out"], whole["cold_held_out"])
            self.assertEqual(cold["users"], whole["users_of_cold"])
            self.assertGreater(cold["recall@5"], 0.4)
            self.assertGreater(cold["recall@20"], whole["cold_recall@20"])
            warm = self.evaluate(content, "--candidates", "warm", "--k", "20", ranks=ranks)
            self.assertEqual(warm["cold_held_out"], 0)
            self.assertEqual(warm["users"], whole["warm_users"])
        plain = self.evaluate(popular, "--k", "20")
        self.assertEqual(plain["cold_recall@20"], 0)
        self.assertEqual(plain["held_out"], whole["held_out"])
        guess = run("evaluate", popular, "--candidates", "cold", "--k", "20")
        self.assertEqual(guess.status, 0)
        self.assertIn("knows nothing of items", guess.err)
        table = succeed("evaluate", content).out
        self.assertIn("cold items alone", table)
        # What is tuned on validation has not seen it.
        chosen = self.evaluate(content, "--split", "validation", "--candidates", "cold", ranks=2)
        self.assertGreater(chosen["recall@20"], 0.3)
        # Each user's figures average to the whole.
        lines = self.path("users.csv")
        self.evaluate(content, "--k", "20", "--per-user", lines, ranks=2)
        with open(lines, newline="", encoding="utf-8") as file:
            rows = [float(row["cold_recall@20"]) for row in csv.DictReader(file)
                    if row["cold_recall@20"]]
        self.assertEqual(len(rows), whole["users_of_cold"])
        self.assertAlmostEqual(sum(rows) / len(rows), whole["cold_recall@20"], delta=1e-6)
        answer = json.loads(succeed("recommend", content, "--history", "i1", "--json").out)
        self.assertEqual(len(answer["items"]), 10)

    def test_likeness_beside_rows(self):
        data = self.shop()
        small = ["--epochs", 3, "--dim", 8, "--batch", 512, "--layers", 1]
        plain, like = self.path("plain"), self.path("like")
        succeed("train", data, "--run", plain, *small)
        succeed("train", data, "--run", like, *small, "--cold-content", 1, "--content-neighbours", 5,
                ranks=2)
        self.assertEqual(self.evaluate(plain, "--k", "20")["cold_recall@20"], 0)
        with open(self.path("like", "metrics.json"), encoding="utf-8") as file:
            trained = json.load(file)
        for ranks in (0, 3):
            whole = self.evaluate(like, "--k", "20", ranks=ranks)
            for name in ("recall@20", "warm_recall@20", "cold_recall@20"):
                self.assertAlmostEqual(whole[name], trained[name], delta=1e-4, msg=name)
            cold = self.evaluate(like, "--candidates", "cold", "--k", "20", ranks=ranks)
            self.assertGreater(cold["recall@20"], 0.5)
        answer = json.loads(succeed("recommend", like, "--history", "i1", "--json").out)
        self.assertEqual(len(answer["items"]), 10)
        # Trained items by likeness too, and places kept for the others.
        both = self.path("both")
        succeed("train", data, "--run", both, *small, "--cold-content", 1, "--warm-content", 2,
                "--content-neighbours", 5, "--cold-places", 0.1, ranks=2)
        with open(self.path("both", "metrics.json"), encoding="utf-8") as file:
            trained = json.load(file)
        places = self.evaluate(both, "--k", "20", ranks=3)
        for name in ("recall@20", "warm_recall@20", "cold_recall@20"):
            self.assertAlmostEqual(places[name], trained[name], delta=1e-4, msg=name)
        alone = self.evaluate(both, "--candidates", "warm", "--k", "20")
        self.assertGreater(alone["recall@20"], self.evaluate(plain, "--k", "20")["warm_recall@20"])
        two = self.evaluate(both, "--candidates", "cold", "--k", "2")
        self.assertAlmostEqual(places["cold_recall@20"], two["recall@2"], delta=1e-6)
        more = self.evaluate(both, "--k", "20", "--cold-places", 0.25)
        five = self.evaluate(both, "--candidates", "cold", "--k", "5")
        self.assertAlmostEqual(more["cold_recall@20"], five["recall@5"], delta=1e-6)
        with h5py.File(data) as file:
            cold = set(range(200)) - set(file["train/item"][:].tolist())
            names = file["items/id_bytes"][:].tobytes().decode()
            ends = file["items/id_offsets"][:].tolist()
        cold = {names[ends[k]:ends[k + 1]] for k in cold}
        answer = json.loads(succeed("recommend", both, "--users", "u1", "--k", 10, "--cold-places",
                                    0.2, "--json").out)
        kinds = [item["item"] in cold for item in answer["items"]]
        self.assertEqual(kinds, [place in (4, 9) for place in range(10)])
        result = run("train", data, "--run", self.path("no"), "--model", "popular", "--cold-content", 1)
        self.assertEqual((result.status, len(result.errors())), (2, 1), result)
        self.assertIn("--cold-content goes with trained models", result.errors()[0])
        result = run("train", self.generate(), "--run", self.path("no"), "--cold-content", 1, ranks=2)
        self.assertEqual((result.status, len(result.errors())), (2, 1), result)
        self.assertIn("knows nothing of users and items", result.errors()[0])

    def test_rows_of_new_items_are_mapped_from_features(self):
        data = self.shop()
        small = ["--epochs", 3, "--dim", 8, "--batch", 512, "--layers", 1, "--select", "none"]
        plain, mapped = self.path("plain"), self.path("mapped")
        succeed("train", data, "--run", plain, *small)
        succeed("train", data, "--run", mapped, *small, "--map-features", "item:title", ranks=2)
        with open(self.path("mapped", "metrics.json"), encoding="utf-8") as file:
            trained = json.load(file)
        for ranks in (0, 3):
            whole = self.evaluate(mapped, "--k", "20", ranks=ranks)
            for name in ("recall@20", "warm_recall@20", "cold_recall@20"):
                self.assertAlmostEqual(whole[name], trained[name], delta=1e-4, msg=name)
        self.assertGreater(self.evaluate(mapped, "--candidates", "cold")["recall@20"], 0.5)
        # What is trained stays as it was, whatever is known of it.
        ours, theirs = (self.evaluate(folder, "--candidates", "warm", "--k", "20")["recall@20"]
                        for folder in (mapped, plain))
        self.assertAlmostEqual(ours, theirs, delta=1e-4)
        succeed("export", mapped, "--out", self.path("rows"))
        with open(self.path("rows", "about.json"), encoding="utf-8") as file:
            self.assertTrue(json.load(file)["cold_items"])
        for options, words in ((("--map-features", "item:titel"), "it has: item:colour"),
                               (("--map-features", "item:title", "--map-ridge", 0), "--map-ridge")):
            result = run("train", data, "--run", self.path("no"), *options, ranks=2)
            self.assertEqual((result.status, len(result.errors())), (2, 1), result)
            self.assertIn(words, result.errors()[0])

    def test_two_runs_user_by_user(self):
        data = self.shop()
        for name, options in (("wide", []), ("near", ["--content-neighbours", 5])):
            succeed("train", data, "--model", "content", "--run", self.path(name), *options)
        one, three = (self.evaluate(self.path("wide"), "--against", self.path("near"), "--k", "20",
                                    ranks=ranks)["against"] for ranks in (0, 3))
        self.assertEqual(one["model"], "content")
        other = self.evaluate(self.path("near"), "--k", "20")
        for name in ("recall@20", "warm_recall@20", "cold_recall@20", "ndcg@20"):
            figure = one["figures"][name]
            self.assertAlmostEqual(figure["other"], other[name], delta=1e-6)
            self.assertAlmostEqual(figure["difference"], figure["this"] - figure["other"], delta=1e-9)
            self.assertLessEqual(figure["low"], figure["difference"])
            self.assertGreaterEqual(figure["high"], figure["difference"])
            self.assertAlmostEqual(figure["low"], three["figures"][name]["low"], delta=1e-6)
        self.assertFalse(one["figures"]["recall@20"]["too_small"])
        same = self.evaluate(self.path("wide"), "--against", self.path("wide"))["against"]
        self.assertEqual(same["figures"]["ndcg@20"]["high"], 0)
        text = succeed("evaluate", self.path("wide"), "--against", self.path("near"), "--candidates",
                       "cold").out
        self.assertIn("user by user", text)
        # A trained run on the training part alone: the baseline is fitted to the same.
        succeed("train", data, "--run", self.path("mf"), "--model", "mf", "--epochs", 2, "--dim", 8)
        pair = self.evaluate(self.path("wide"), "--against", self.path("mf"), "--k", "20")
        self.assertGreater(pair["against"]["figures"]["cold_recall@20"]["difference"], 0)
        small = self.generate("small.h5", users=100, items=60, edges=1500)
        for name in ("popular", "random"):
            succeed("train", small, "--model", name, "--run", self.path(name))
        text = succeed("evaluate", self.path("popular"), "--against", self.path("random")).out
        self.assertIn("100 users are too small a comparison", text)
        result = run("evaluate", self.path("popular"), "--against", self.path("wide"), ranks=2)
        self.assertEqual((result.status, len(result.errors())), (2, 1), result)
        self.assertIn("different datasets", result.errors()[0])

    def test_mistakes(self):
        data = self.shop()
        bare = self.generate()
        folder = self.path("content")
        succeed("train", data, "--model", "content", "--run", folder)
        succeed("train", bare, "--model", "popular", "--run", self.path("popular"))
        cases = [
            ("it has: item:colour, item:title", ["train", data, "--run", self.path("x"), "--model",
                                                 "content", "--content-columns", "item:titel"]),
            ("--items", ["train", bare, "--run", self.path("x"), "--model", "content"]),
            ("texts and attributes", ["import", self.path("events.csv"), "--derive-links", "content",
                                     "--out", self.path("x.h5")]),
            ("'contents'", ["import", self.path("events.csv"), "--derive-links", "contents", "--out",
                            self.path("x.h5")]),
            ("--candidates", ["evaluate", folder, "--candidates", "lukewarm"]),
            ("nobody has a held-out", ["evaluate", self.path("popular"), "--candidates", "cold"]),
            ("--cold-places", ["evaluate", folder, "--cold-places", 0]),
            ("go with RUN", ["evaluate", "--predictions", "x", "--data", data, "--against", folder]),
        ]
        for word, arguments in cases:
            with self.subTest(word):
                result = run(*arguments, ranks=2)
                self.assertEqual((result.status, len(result.errors())), (2, 1), result)
                self.assertIn(word, result.errors()[0])


if __name__ == "__main__":
    unittest.main()
