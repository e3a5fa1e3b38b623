"""Asking a trained run: evaluate, recommend, similar, export, on several rank counts, and the ten
lines of numpy in docs/EXPORT.md."""

import csv
import json
import os
import re
import shutil
import stat
import tempfile
import unittest

import h5py
import numpy

from support import SOURCE_DIR, run, start, succeed

K = 10


def read_csv(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_lists(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def items_of(answer):
    return [entry["item"] for entry in answer["items"]]


class AskingTest(unittest.TestCase):
    """One small run of lightgcn and one of each baseline serve all tests."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="halorec_")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.data = cls.path("data.h5")
        succeed("generate", "--users", 200, "--items", 90, "--edges", 3000, "--communities", 5,
                "--seed", 3, "--out", cls.data)
        cls.trained = cls.path("run")
        succeed("train", cls.data, "--run", cls.trained, "--epochs", 3, "--dim", 16, ranks=2)
        for model in ("popular", "itemknn", "random", "planted"):
            succeed("train", cls.data, "--run", cls.path(model), "--model", model)

    @classmethod
    def path(cls, *parts):
        return os.path.join(cls.folder, *parts)

    def result_of(self, *arguments, ranks=0):
        events = succeed("evaluate", *arguments, "--json", ranks=ranks).events()
        self.assertEqual([event["event"] for event in events], ["result"])
        return events[0]

    def usage_error(self, *arguments, words=()):
        result = run(*arguments)
        self.assertEqual(result.status, 2, result)
        self.assertEqual(len(result.errors()), 1, result)
        self.assertEqual(result.out, "")
        for word in words:
            self.assertIn(word, result.errors()[0])

    def test_evaluate_repeats_what_train_measured(self):
        for name in ("run", "popular", "itemknn", "random", "planted"):
            with open(self.path(name, "metrics.json"), encoding="utf-8") as file:
                trained = json.load(file)
            for ranks in (0, 3):
                figures = self.result_of(self.path(name), ranks=ranks)
                for key in ("recall@20", "ndcg@20", "map@10", "warm_mrr@50", "coverage@10"):
                    self.assertAlmostEqual(figures[key], trained[key], delta=1e-4, msg=f"{name} {key}")
                for key in ("users", "cold_users", "held_out", "epochs", "selected_on"):
                    self.assertEqual(figures[key], trained[key], f"{name} {key}")

    def test_models_stand_in_the_order_they_should(self):
        recall = {name: self.result_of(self.path(name))["recall@20"]
                  for name in ("random", "popular", "planted")}
        self.assertLess(recall["random"], recall["popular"])
        self.assertLess(recall["popular"], recall["planted"])

    def test_lists_of_ids_say_where_they_are_wrong(self):
        users, nothing = (os.path.join(self.folder, n) for n in ("ids.txt", "nothing.txt"))
        with open(users, "w") as file:
            file.write("u1\n\nnosuch\n")
        with open(nothing, "w"):
            pass
        result = run("recommend", self.trained, "--users-file", users, "--k", 2)
        self.assertEqual(result.status, 2)
        self.assertIn("ids.txt:3: there is no user 'nosuch'", result.errors()[0])
        # Nothing to leave out is no mistake; nobody to answer is one.
        one = succeed("recommend", self.trained, "--users", "u1, u2", "--exclude", nothing, "--json")
        self.assertEqual([e["user"] for e in one.events()], ["u1", "u2"])
        self.assertEqual(run("recommend", self.trained, "--users-file", nothing).status, 1)

    def test_devices_and_links_are_written_to_not_replaced(self):
        target, link = (os.path.join(self.folder, n) for n in ("target.csv", "link.csv"))
        os.symlink(target, link)
        with open(target, "w"):
            pass
        self.result_of(self.trained, "--per-user", link)
        self.assertTrue(os.path.islink(link))
        with open(target) as file:
            self.assertTrue(file.readline().startswith("user,"))
        full = run("evaluate", self.trained, "--per-user", "/dev/full")
        self.assertEqual(full.status, 1)
        self.assertIn("/dev/full", full.err)
        self.assertTrue(stat.S_ISCHR(os.stat("/dev/full").st_mode))

    def test_per_user_figures_average_to_the_result(self):
        one, three = self.path("one.csv"), self.path("three.csv")
        figures = self.result_of(self.trained, "--k", "5,20", "--per-user", one)
        self.result_of(self.trained, "--k", "20,5", "--per-user", three, ranks=3)
        rows, others = read_csv(one), read_csv(three)
        self.assertEqual(len(rows), figures["users"])
        self.assertEqual([row["user"] for row in rows], [row["user"] for row in others])
        for key in ("recall@5", "ndcg@20", "hit_rate@20", "mrr@5", "map@20", "precision@5"):
            mean = sum(float(row[key]) for row in rows) / len(rows)
            self.assertAlmostEqual(mean, figures[key], places=12, msg=key)
        self.assertEqual(sum(int(row["held_out"]) for row in rows), figures["held_out"])
        self.assertEqual(sum(int(row["cold"]) for row in rows), figures["cold_users"])

    def test_validation_can_be_evaluated_only_by_who_did_not_learn_it(self):
        self.assertGreater(self.result_of(self.trained, "--split", "validation")["users"], 0)
        refit = self.path("refit")
        succeed("train", self.data, "--run", refit, "--model", "mf", "--dim", 4, "--epochs", 1,
                "--refit", "--overwrite")
        self.usage_error("evaluate", refit, "--split", "validation", words=["validation"])

    def test_a_baseline_asked_about_validation_has_not_seen_it(self):
        with h5py.File(self.data) as file:
            tie = file["items/id_hash"][:].tolist()
            train, held = ({}, {})
            for lists, part in ((train, "train"), (held, "validation")):
                for user, item in zip(file[f"{part}/user"][:].tolist(),
                                      file[f"{part}/item"][:].tolist()):
                    lists.setdefault(user, set()).add(item)
            degree = numpy.bincount(file["train/item"][:], minlength=len(tie)).tolist()
        order = sorted((i for i in range(len(tie)) if degree[i] > 0),
                       key=lambda i: (-degree[i], tie[i]))
        recalls = []
        for user, items in held.items():
            top = [i for i in order if i not in train.get(user, ())][:20]
            recalls.append(len(items & set(top)) / len(items))
        for ranks in (0, 3):
            figures = self.result_of(self.path("popular"), "--split", "validation", ranks=ranks)
            self.assertEqual(figures["users"], len(held))
            self.assertAlmostEqual(figures["recall@20"], sum(recalls) / len(recalls), delta=1e-9)

    def test_our_own_lists_measure_as_the_run_does(self):
        figures = self.result_of(self.trained, "--k", K)
        for name in ("lists.jsonl", "lists.csv"):
            lists = self.path(name)
            succeed("recommend", self.trained, "--all-users", "--k", K, "--out", lists, ranks=2)
            measured = self.result_of("--predictions", lists, "--data", self.data, "--k", K)
            for key in ("recall", "precision", "ndcg", "hit_rate", "mrr", "map"):
                self.assertAlmostEqual(measured[f"{key}@{K}"], figures[f"{key}@{K}"], delta=1e-4)
            self.assertEqual(measured["users"], figures["users"])
            self.assertEqual(measured["unknown_users"] + measured["unknown_items"], 0)

    def test_lists_are_the_same_on_any_number_of_ranks(self):
        answers = []
        for ranks in (0, 2, 5):
            out = self.path(f"ranks{ranks}.jsonl")
            succeed("recommend", self.trained, "--all-users", "--k", K, "--out", out, ranks=ranks)
            answers.append(read_lists(out))
        self.assertEqual(len(answers[0]), 200)
        for other in answers[1:]:
            for mine, theirs in zip(answers[0], other, strict=True):
                self.assertEqual(mine["user"], theirs["user"])
                near = 1e-5 * max(abs(entry["score"]) for entry in mine["items"])
                for rank, (a, b) in enumerate(zip(mine["items"], theirs["items"], strict=True)):
                    self.assertAlmostEqual(a["score"], b["score"], delta=near)
                    if a["item"] != b["item"]:  # then their scores are as good as equal
                        gap = min(abs(a["score"] - entry["score"]) for entry in mine["items"]
                                  if entry is not a)
                        self.assertTrue(gap < near or rank == K - 1, (mine, theirs))

    def test_users_are_answered_in_the_order_asked(self):
        asked = ["u7", "u3", "u7", "u150"]
        answers = succeed("recommend", self.trained, "--users", ",".join(asked), "--k", 4, "--json",
                          ranks=2).events()
        self.assertEqual([answer["user"] for answer in answers], asked)
        # A row of a matrix product may differ in its last bits by where it stands in the matrix.
        self.assertEqual(items_of(answers[0]), items_of(answers[2]))
        for first, second in zip(answers[0]["items"], answers[2]["items"], strict=True):
            self.assertAlmostEqual(first["score"], second["score"], delta=1e-5 * abs(first["score"]))
        users = self.path("users.txt")
        with open(users, "w", encoding="utf-8") as file:
            file.write(" u7 \r\n\r\n\"u3\"\r\nu7\r\n u150")  # spaces and quotes as in CSV
        again = succeed("recommend", self.trained, "--users-file", users, "--k", 4, "--json").events()
        self.assertEqual([items_of(a) for a in again], [items_of(a) for a in answers])

    def test_candidates_exclusions_and_what_was_seen(self):
        with h5py.File(self.data) as file:
            seen = {int(i) for split in ("train", "validation")
                    for u, i in zip(file[split]["user"][:], file[split]["item"][:]) if u == 0}
            offsets, ids = file["items/id_offsets"][:], bytes(file["items/id_bytes"][:])
            first_user = bytes(file["users/id_bytes"][:int(file["users/id_offsets"][1])]).decode()
        names = [ids[a:b].decode() for a, b in zip(offsets[:-1], offsets[1:])]
        seen = {names[i] for i in seen}
        ask = ["recommend", self.trained, "--users", first_user, "--k", 1000, "--json"]
        usual = set(items_of(succeed(*ask).events()[0]))
        self.assertTrue(seen)
        self.assertFalse(usual & seen)
        with_seen = set(items_of(succeed(*ask, "--include-seen").events()[0]))
        self.assertTrue(seen & with_seen)
        self.assertTrue(usual < with_seen)
        some = sorted(usual)[:6]
        candidates, exclude = self.path("candidates.txt"), self.path("exclude.txt")
        with open(candidates, "w", encoding="utf-8") as file:
            file.write("\n".join(some + ["no such item"]))
        with open(exclude, "w", encoding="utf-8") as file:
            file.write("\n".join(some[:2]))
        result = succeed(*ask, "--candidates", candidates, "--exclude", exclude, ranks=2)
        self.assertEqual(set(items_of(result.events()[0])), set(some[2:]))
        self.assertIn("1 of 7 ids are unknown", result.err)

    def test_a_history_and_similar_items(self):
        for name in ("run", "itemknn", "popular"):
            answer = succeed("recommend", self.path(name), "--history", "i1,i2", "--json",
                             ranks=2).events()[0]
            self.assertIsNone(answer["user"])
            self.assertEqual(len(answer["items"]), 10)
            self.assertFalse({"i1", "i2"} & set(items_of(answer)))
        for name in ("run", "itemknn"):
            answers = [succeed("similar", self.path(name), "--item", "i1", "--k", 5, "--json",
                               ranks=ranks).events()[0] for ranks in (0, 3)]
            self.assertEqual(items_of(answers[0]), items_of(answers[1]))
            self.assertEqual(len(answers[0]["items"]), 5)
            self.assertNotIn("i1", items_of(answers[0]))
        self.usage_error("similar", self.path("popular"), "--item", "i1", words=["itemknn"])
        self.usage_error("recommend", self.path("planted"), "--history", "i1", words=["planted"])

    def test_ten_lines_of_numpy_rank_as_recommend_does(self):
        self.ranks_as_recommend_does(self.trained, self.path("npy"))
        out = self.path("npy")
        self.usage_error("export", self.trained, "--out", out, words=["there already"])
        self.usage_error("export", self.trained, "--out", self.path("a", "b"),
                         words=["make it first"])

    def test_cosines_and_popularity_rank_alike_everywhere(self):
        cosine, inner = self.path("cosine"), self.path("inner")
        options = ("--epochs", 3, "--dim", 16, "--temperature", 0.2, "--seed", 4)
        succeed("train", self.data, "--run", inner, *options, "--rank-by", "inner", ranks=2)
        self.assertFalse(os.path.exists(os.path.join(inner, "lists.json")))
        succeed("train", self.data, "--run", cosine, *options, ranks=2)
        with open(os.path.join(cosine, "lists.json"), encoding="utf-8") as file:
            lists = json.load(file)
        weight = lists["log_popularity"]
        # What softmax leaves out was tried first, and nothing that was tried is better than the chosen.
        self.assertAlmostEqual(lists["tried"][0]["log_popularity"], 0.2 * 0.5)
        best = max(lists["tried"], key=lambda one: one["recall@20"])
        self.assertAlmostEqual(best["log_popularity"], weight)
        self.assertGreater(weight, 0)
        validation = self.result_of(cosine, "--split", "validation")
        self.assertAlmostEqual(validation["recall@20"], best["recall@20"], delta=1e-4)
        for ranks in (0, 3):
            result = self.result_of(cosine, ranks=ranks)
            with open(os.path.join(cosine, "metrics.json"), encoding="utf-8") as file:
                self.assertAlmostEqual(result["recall@20"], json.load(file)["recall@20"], delta=1e-4)
        self.assertNotEqual(result["recall@20"], self.result_of(inner)["recall@20"])
        space = self.ranks_as_recommend_does(cosine, self.path("cosine-rows"))
        # Of length 1, and the log of the degree behind; the users' part times the weight.
        rows, degrees = space["items"], space["degrees"]
        self.assertEqual(rows.shape[1], 17)
        lengths = numpy.linalg.norm(rows[:, :16], axis=1)
        numpy.testing.assert_allclose(lengths[degrees > 0], 1, rtol=1e-5)
        numpy.testing.assert_allclose(rows[:, 16], numpy.log(numpy.maximum(degrees, 1)), rtol=1e-5)
        users = space["users"]
        numpy.testing.assert_allclose(users[:, 16], weight * numpy.linalg.norm(users[:, :16], axis=1),
                                      rtol=1e-4, atol=1e-7)
        # Someone who took two items is ranked the same way.
        for folder in (cosine, inner):
            (answer,) = succeed("recommend", folder, "--history", "i1,i2", "--k", 5, "--json",
                                ranks=2).events()
            self.assertEqual(len(answer["items"]), 5)
        # So much that everyone's list is what is popular.
        popular = self.path("by-popularity")
        succeed("train", self.data, "--run", popular, *options, "--log-popularity", 1000)
        self.assertFalse(os.path.exists(os.path.join(popular, "lists.json")))
        self.assertAlmostEqual(self.result_of(popular)["recall@20"],
                               self.result_of(self.path("popular"))["recall@20"], delta=0.02)

    def ranks_as_recommend_does(self, trained, out):
        succeed("export", trained, "--out", out, ranks=3)
        with open(os.path.join(SOURCE_DIR, "docs", "EXPORT.md"), encoding="utf-8") as file:
            code = re.search(r"```python\n(.*?)```", file.read(), re.DOTALL).group(1)
        before = os.getcwd()
        os.chdir(out)
        try:
            space = {}
            exec(code, space)  # pylint: disable=exec-used
        finally:
            os.chdir(before)
        answers = succeed("recommend", trained, "--all-users", "--k", K, "--json").events()
        num_compared = 0
        for answer in answers:
            if answer.get("cold"):
                continue
            scores = [entry["score"] for entry in answer["items"]]
            if any(a - b < 1e-5 * abs(scores[0]) for a, b in zip(scores, scores[1:])):
                continue  # rounding may order them otherwise
            num_compared += 1
            self.assertEqual(space["recommend"](answer["user"], K)[:K - 1], items_of(answer)[:K - 1])
        self.assertGreater(num_compared, 50)
        self.assertEqual(space["users"].dtype, numpy.float32)
        return space

    def test_every_export_holds_the_same_rows(self):
        succeed("export", self.trained, "--out", self.path("rows"), ranks=2)
        succeed("export", self.trained, "--out", self.path("rows.h5"), ranks=2)
        succeed("export", self.trained, "--out", self.path("rows_csv"), "--format", "csv", ranks=2)
        for kind in ("users", "items"):
            rows = numpy.load(self.path("rows", f"{kind}.npy"))
            with h5py.File(self.path("rows.h5")) as file:
                numpy.testing.assert_array_equal(file[f"{kind}/rows"][:], rows)
            lines = read_csv(self.path("rows_csv", f"{kind}.csv"))
            written = numpy.array([[float(line[f"x{c}"]) for c in range(rows.shape[1])] for line in lines],
                                  dtype=numpy.float32)
            numpy.testing.assert_array_equal(written, rows)
            with open(self.path("rows", f"{kind[:-1]}_ids.txt"), encoding="utf-8") as file:
                self.assertEqual(file.read().splitlines(), [line[kind[:-1]] for line in lines])
        seen = numpy.load(self.path("rows", "seen.npy"))
        with h5py.File(self.data) as file:
            self.assertEqual(len(seen), len(file["train/user"]) + len(file["validation/user"]))
        self.assertEqual(len(read_csv(self.path("rows_csv", "seen.csv"))), len(seen))
        self.usage_error("export", self.path("popular"), "--out", self.path("none"),
                         words=["no rows"])

    def test_what_is_asked_for_has_to_be_one_thing(self):
        self.usage_error("recommend", self.trained, words=["--users"])
        self.usage_error("recommend", self.trained, "--all-users", "--users", "u1", words=["only one"])
        self.usage_error("recommend", self.trained, "--all-users", "--out", "lists.txt",
                         words=[".jsonl"])
        self.usage_error("evaluate", words=["RUN"])
        self.usage_error("evaluate", "--predictions", self.data, words=["--data"])

    def test_a_failed_recommend_leaves_no_file(self):
        out = self.path("never.jsonl")
        self.usage_error("recommend", self.trained, "--users", "u1,nobody", "--out", out,
                         words=["'nobody'"])
        self.assertFalse(os.path.exists(out))
        self.assertFalse(os.path.exists(out + ".tmp"))

    def test_a_reader_of_stdout_that_leaves_is_no_fault(self):
        reader, writer = os.pipe()
        os.close(reader)
        process = start(["recommend", self.trained, "--all-users", "--k", 50], out=writer)
        os.close(writer)
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 141)
        self.assertEqual(err, b"")


if __name__ == "__main__":
    unittest.main()
