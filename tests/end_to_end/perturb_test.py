"""The perturb command and evaluate --target from outside: what h5py finds in the file, the exposure
of a pushed item before and after, on several rank counts, and every mistake with one message."""

import json
import os
import unittest

import h5py

from support import FolderTest, run, succeed


def strings(group, name):
    data, offsets = group[name + "_bytes"][:].tobytes(), group[name + "_offsets"][:]
    return [data[a:b].decode() for a, b in zip(offsets[:-1], offsets[1:])]


def pairs(group, user="user", item="item"):
    return list(zip(group[user][:].tolist(), group[item][:].tolist()))


class PerturbTest(FolderTest):

    def perturb(self, data, out, *options, ranks=0):
        return succeed("perturb", data, "--out", self.path(out), *options, "--json",
                       ranks=ranks).events()[0]

    def test_the_file_says_what_is_fake(self):
        data = self.generate()
        edges = self.perturb(data, "edges.h5", "--fake-edges", 0.1)
        both = self.perturb(self.path("edges.h5"), "both.h5", "--attack", "bandwagon", "--target",
                            "i7", "--profiles", 4, "--profile-size", 6)
        with h5py.File(data) as old, h5py.File(self.path("both.h5")) as new:
            for split in ("validation", "test"):
                self.assertEqual(pairs(old[split]), pairs(new[split]))
            added = set(pairs(new["train"])) - set(pairs(old["train"]))
            self.assertEqual(sorted(added), pairs(new["perturbation"], "pair_user", "pair_item"))
            self.assertEqual(len(added), round(0.1 * len(old["train/user"])) + 4 * 7)
            self.assertEqual(new["perturbation/fake_user"][:].tolist(), [300, 301, 302, 303])
            users, items = strings(new["users"], "id"), strings(new["items"], "id")
            self.assertEqual(users[:300], strings(old["users"], "id"))
            self.assertEqual(users[300:], ["fake-1", "fake-2", "fake-3", "fake-4"])
            self.assertTrue({(u, items.index("i7")) for u in range(300, 304)} <= added)
            self.assertLessEqual(new["train/time"][:].max(), old["train/time"][:].max())
            steps = json.loads(new.attrs["perturbation"].decode())
            self.assertEqual([s["kind"] for s in steps], ["fake-edges", "bandwagon"])
            self.assertEqual(steps[0]["of_content"], old.attrs["content_hash"].decode())
            self.assertEqual(steps[1]["of_content"], edges["content_hash"])
            self.assertEqual(steps, both["fake"]["steps"])
        described = succeed("describe", self.path("both.h5")).out
        self.assertIn("4 users, ", described)
        self.assertIn("PERTURBED", described)
        self.assertIn(edges["content_hash"], described)

    def test_same_seed_same_file_on_any_number_of_ranks(self):
        data = self.generate()
        for options in (["--fake-edges", 0.2], ["--attack", "popular", "--target", "i1",
                                                "--profiles", 5]):
            first = self.perturb(data, "1.h5", *options)["content_hash"]
            self.assertEqual(self.perturb(data, "1.h5", *options, ranks=2)["content_hash"], first)
            self.assertNotEqual(self.perturb(data, "2.h5", *options, "--seed", 2)["content_hash"],
                                first)

    def test_thinned_users_keep_a_few_items_and_are_measured_apart(self):
        data = self.generate()
        thinned = self.perturb(data, "thin.h5", "--thin-users", 0.3, "--keep", 2, ranks=2)
        with h5py.File(data) as old, h5py.File(self.path("thin.h5")) as new:
            drawn = new["perturbation/thinned_user"][:].tolist()
            self.assertEqual(len(drawn), 90)
            before, now = set(pairs(old["train"])), set(pairs(new["train"]))
            self.assertLess(now, before)
            for user in range(300):
                kept = [i for u, i in now if u == user]
                self.assertEqual(len(kept), 2 if user in drawn else
                                 len([i for u, i in before if u == user]))
            for split in ("validation", "test"):
                self.assertEqual(pairs(old[split]), pairs(new[split]))
            step = json.loads(new.attrs["perturbation"].decode())[0]
            self.assertEqual((step["kind"], step["users"], step["interactions_removed"]),
                             ("thin-users", 90, len(before) - len(now)))
        self.assertEqual(thinned["thinned"]["users"], 90)
        self.assertIn("90 users keep at most 2 training items", succeed("describe", self.path(
            "thin.h5")).out)
        folder = self.path("run")
        succeed("train", self.path("thin.h5"), "--model", "itemknn", "--run", folder)
        groups = {}
        for group in ("all", "thinned", "others"):
            one, three = (succeed("evaluate", folder, "--users", group, "--json",
                                  ranks=ranks).events()[0] for ranks in (1, 3))
            self.assertAlmostEqual(one["recall@20"], three["recall@20"], delta=1e-6)
            groups[group] = one
        self.assertEqual(groups["thinned"]["users"], 90)
        self.assertEqual(groups["all"]["users"], 90 + groups["others"]["users"])
        self.assertLess(groups["thinned"]["recall@20"], groups["others"]["recall@20"])
        succeed("train", data, "--model", "popular", "--run", self.path("whole"))
        result = run("evaluate", self.path("whole"), "--users", "thinned", ranks=2)
        self.assertEqual((result.status, len(result.errors())), (2, 1), result)
        self.assertIn("--thin-users", result.errors()[0])

    def test_an_attack_raises_the_exposure_of_its_target(self):
        data = self.generate(users=400, items=150, edges=6000)
        with h5py.File(data) as file:
            items, train = strings(file["items"], "id"), file["train/item"][:].tolist()
            target = items[min(range(len(items)), key=lambda i: (train.count(i) or 999, i))]
        self.perturb(data, "attacked.h5", "--attack", "popular", "--target", target, "--profiles",
                     40)
        found = {}
        for name in ("data", "attacked"):
            folder = self.path("run-" + name)
            succeed("train", self.path(name + ".h5"), "--run", folder, "--epochs", 8, "--dim", 16,
                    ranks=2)
            one, three = (succeed("evaluate", folder, "--target", target, "--k", "5,20", "--json",
                                  ranks=ranks).events()[0] for ranks in (1, 3))
            self.assertEqual(one["target"], target)
            self.assertEqual(one["target_users"], three["target_users"])
            self.assertLess(abs(one["target_mean_rank"] - three["target_mean_rank"]), 0.05)
            for k in (5, 20):
                self.assertLess(abs(one[f"exposure@{k}"] - three[f"exposure@{k}"]), 0.006)
            self.assertEqual(one["users"], 400)  # fake users have nothing held out
            self.assertLess(one["target_users"], 400)  # who know it already cannot be shown it
            # The lists of recommend, counted by hand.
            lists = self.path(name + ".jsonl")
            succeed("recommend", folder, "--all-users", "--k", 20, "--out", lists)
            with open(lists, encoding="utf-8") as file:
                answers = [json.loads(line) for line in file]
            holding = sum(any(e["item"] == target for e in answer["items"]) for answer in answers
                          if not answer["user"].startswith("fake-"))
            self.assertAlmostEqual(one["exposure@20"], holding / one["target_users"], delta=0.006)
            found[name] = one
        self.assertGreater(found["attacked"]["exposure@20"], found["data"]["exposure@20"] + 0.02)
        self.assertLess(found["attacked"]["target_mean_rank"], found["data"]["target_mean_rank"])
        table = succeed("evaluate", self.path("run-attacked"), "--target", target).out
        self.assertIn(f"target {target}: mean rank", table)

    def test_mistakes(self):
        data = self.generate(edges=6000)
        other = self.write("notes.txt", "mine")
        attack = ["--attack", "random", "--target", "i1", "--profiles", 3]
        cases = [
            (2, "give one of --fake-edges", [data], []),
            (2, "only one of", [data], ["--thin-users", 0.3, "--keep", 3, "--fake-edges", 0.1]),
            (2, "only one of", [data], ["--drop-unsupported", 0.1, "--fake-edges", 0.1]),
            (2, "below 1", [data], ["--drop-unsupported", 1]),
            (2, "not even one", [data], ["--drop-unsupported", 0.000001]),
            (2, "not with --drop-unsupported", [data],
             ["--drop-unsupported", 0.1, "--target", "i1"]),
            (2, "belong together", [data], ["--thin-users", 0.3]),
            (2, "belong together", [data], ["--fake-edges", 0.3, "--keep", 2]),
            (2, "at most 1", [data], ["--thin-users", 1.5, "--keep", 3]),
            (2, "--keep", [data], ["--thin-users", 0.5, "--keep", 0]),
            (2, "not even one", [data], ["--thin-users", 0.0001, "--keep", 3]),
            (2, "not with --thin-users", [data],
             ["--thin-users", 0.5, "--keep", 3, "--profiles", 3]),
            (2, "only one of", [data], ["--fake-edges", 0.1, *attack]),
            (2, "--fake-edges", [data], ["--fake-edges", 0]),
            (2, "--fake-edges", [data], ["--fake-edges", -1]),
            (2, "at most 10", [data], ["--fake-edges", 11]),
            (2, "are left", [data], ["--fake-edges", 10]),
            (2, "not even one", [data], ["--fake-edges", 0.0001]),
            (2, "'sneaky'", [data], ["--attack", "sneaky"]),
            (2, "needs --target", [data], ["--attack", "random", "--profiles", 3]),
            (2, "--profiles", [data], ["--attack", "random", "--target", "i1", "--profiles", 0]),
            (2, "near it: i", [data], ["--attack", "random", "--target", "ii1", "--profiles", 3]),
            (2, "more than half", [data], [*attack, "--profile-size", 60]),
            (2, "--profile-size", [data], [*attack, "--profile-size", 0]),
            (2, "3 of the 3 ids", [data], [*attack, "--id-prefix", "u"]),
            (2, "go with --attack", [data], ["--fake-edges", 0.1, "--profiles", 3]),
            (1, "nowhere.h5", [self.path("nowhere.h5")], attack),
            (1, "notes.txt", [other], attack),
        ]
        for status, word, arguments, options in cases:
            with self.subTest(word, options=options):
                result = run("perturb", *arguments, *options, "--out", self.path("out.h5"), ranks=2)
                self.assertEqual(result.status, status, result)
                self.assertEqual(len(result.errors()), 1, result)
                self.assertIn(word, result.errors()[0])
                self.assertEqual(sorted(os.listdir(self.folder)), ["data.h5", "notes.txt"])
        for out, word in ((other, "not written by Halorec"), (data, "is the dataset itself"),
                          (self.folder, "is a folder"), (self.path("no", "x.h5"), "no folder")):
            result = run("perturb", data, *attack, "--out", out)
            self.assertEqual((result.status, len(result.errors())), (2, 1), result)
            self.assertIn(word, result.errors()[0])
        for _ in range(2):  # a dataset file is replaced
            self.perturb(data, "again.h5", *attack)

    def test_mistaken_targets_of_evaluate(self):
        data = self.generate()
        succeed("train", data, "--model", "popular", "--run", self.path("run"))
        result = run("evaluate", self.path("run"), "--target", "ii1", ranks=2)
        self.assertEqual((result.status, len(result.errors())), (2, 1), result)
        self.assertIn("near it: i", result.errors()[0])
        result = run("evaluate", "--predictions", "x", "--data", data, "--target", "i1")
        self.assertEqual(result.status, 2, result)
        self.assertIn("--target", result.errors()[0])


if __name__ == "__main__":
    unittest.main()
