"""The import command from outside: h5py opens what it wrote as docs/DATA.md says, and every fault
ends with its exit status, one message and nothing at --out."""

import json
import os
import unittest

import h5py
import numpy

from support import FolderTest, run, succeed


def strings(group, name):
    """Ids or titles as docs/DATA.md tells to read them."""
    data = group[name + "_bytes"][:].tobytes()
    offsets = group[name + "_offsets"][:]
    return [data[a:b].decode() for a, b in zip(offsets[:-1], offsets[1:])]


class DatasetFileTest(FolderTest):
    def test_h5py_reads_it_as_documented(self):
        rows = [(f"user {u}", f"ítem-{(u * 7 + k) % 23}", 1000 * k + u)
                for u in range(12) for k in range(9)]
        source = self.write("a.csv", "user,item,time\n"
                            + "".join(f"{u},{i},{t}\n" for u, i, t in rows))
        titles = self.write("t.csv", "id,title\n"
                            + "".join(f"ítem-{i},Título {i}\n" for i in range(23)))
        out = self.path("a.h5")
        done = succeed("import", source, "--items", titles, "--out", out, "--json",
                       "--protocol", "leave-last")
        lines = done.out.splitlines()
        self.assertEqual(len(lines), 1)
        summary = json.loads(lines[0])
        self.assertEqual(summary["train"]["interactions"], 12 * 7)
        with h5py.File(out, "r") as file:
            self.assertEqual(file.userblock_size, 512)
            self.assertEqual(file.attrs["format"].decode(), "halorec-dataset")
            self.assertEqual(file.attrs["content_hash"].decode(), summary["content_hash"])
            self.assertEqual(json.loads(file.attrs["protocol"].decode())["name"], "leave-last")
            self.assertEqual(json.loads(file.attrs["report"].decode())["rows_read"], len(rows))
            users, items = strings(file["users"], "id"), strings(file["items"], "id")
            self.assertEqual(sorted(users), sorted({u for u, _, _ in rows}))
            self.assertEqual(strings(file["items"], "title"),
                             [i.replace("ítem-", "Título ") for i in items])
            seen = []
            for split in ("train", "validation", "test"):
                user, item = file[split]["user"][:], file[split]["item"][:]
                self.assertEqual(user.dtype, numpy.uint32)
                self.assertTrue((numpy.diff(user.astype(numpy.int64) * 2**32 + item) > 0).all())
                self.assertTrue((file[split]["weight"][:] == 1).all())
                seen += [(users[u], items[i], t)
                         for u, i, t in zip(user, item, file[split]["time"][:])]
            self.assertEqual(sorted(seen), sorted(rows))
            last = {users[u]: t
                    for u, t in zip(file["test"]["user"][:], file["test"]["time"][:])}
            self.assertEqual(last, {f"user {u}": 8000 + u for u in range(12)})

    def test_same_input_same_hash_and_describe_agrees(self):
        source = self.write("a.csv", "user,item\n"
                            + "".join(f"{k % 5},{k % 11}\n" for k in range(55)))
        hashes = set()
        for name in ("a.h5", "b.h5"):
            done = run("import", source, "--out", self.path(name), "--json")
            hashes.add(json.loads(done.out)["content_hash"])
            described = run("describe", self.path(name), "--json")
            hashes.add(json.loads(described.out)["content_hash"])
        self.assertEqual(len(hashes), 1)

    def test_side_information_as_documented(self):
        source = self.write("e.csv", "user,item,time\n"
                            + "".join(f"u{u},i{i},{60 * u + i // 3}\n" for u in range(9)
                                      for i in range(12)))
        items = self.write("items.csv", "id,title,kind,price\n" + "".join(
            f"i{i},Item number {i},{'abc'[i % 3]}|x,{i if i % 2 else ''}\n" for i in range(13)))
        users = self.write("users.csv", "id,age\n" + "".join(f"u{u},{20 + u}\n" for u in range(9)))
        links = self.write("friends.csv", "u0,u1\nu1,u2\nu0,nobody\n")
        numpy.save(self.path("emb.npy"), numpy.arange(24, dtype=numpy.float32).reshape(12, 2))
        ids = self.write("ids.txt", "".join(f"i{i}\n" for i in range(12)))
        with h5py.File(self.path("more.h5"), "w") as file:
            file["group/table"] = numpy.ones((12, 3))
        out = self.path("a.h5")
        arguments = ["import", source, "--items", items, "--users", users, "--links", links,
                     "--item-vectors", self.path("emb.npy"), "--item-vector-ids", ids,
                     "--derive-links", "co-occurrence"]
        summary = json.loads(succeed(*arguments, "--out", out, "--json").out)
        described = json.loads(succeed("describe", out, "--json").out)
        self.assertEqual(described["side_info"], summary["side_info"])
        report = summary["report"]
        self.assertEqual(report["item_features"], "title:text, kind:multi(|), price:number")
        self.assertEqual(report["item_list"]["rows_of_unknown_ids"], 1)
        self.assertEqual(report["item_list"]["without_price"], 6)
        self.assertEqual(report["user_links_friends"]["rows_of_unknown_ids"], 1)
        with h5py.File(out, "r") as file:
            items_of = strings(file["items"], "id")
            columns = json.loads(file.attrs["side_info"].decode())
            place = {(c["kind"], c["name"]): f"side/{k}" for k, c in enumerate(columns)}
            kind = file[place["item", "kind"]]
            names, begin = strings(kind, "value_name"), kind["begin"][:]
            for k, item in enumerate(items_of):
                values = {names[v] for v in kind["value"][begin[k]:begin[k + 1]]}
                self.assertEqual(values, {"abc"[int(item[1:]) % 3], "x"})
            price = file[place["item", "price"]]["value"][:]
            self.assertEqual(int(numpy.isnan(price).sum()), 6)
            emb = file[place["item", "emb"]]["value"][:]
            for k, item in enumerate(items_of):
                self.assertEqual(emb[k].tolist(), [2 * int(item[1:]), 2 * int(item[1:]) + 1])
            friends = file[place["user", "friends"]]
            self.assertEqual(friends["target"].shape, (4,))
            self.assertIn(("item", "co-occurrence"), place)
        done = succeed(*arguments[:8], "--item-vectors", self.path("more.h5") + ":group/table",
                       "--item-vector-ids", ids, "--out", out)
        self.assertIn("item table    vectors of 3 numbers; 12 of 12 items (100.0 %)", done.out)
        self.assertIn("item list (rows of unknown ids)", done.out)
        # What is trained is not asked to know of it.
        succeed("train", out, "--model", "popular", "--run", self.path("run"))

    def test_faults_of_side_information_leave_nothing_behind(self):
        source = self.write("e.csv", "user,item\n1,2\n1,3\n2,3\n")
        items = self.write("i.csv", "item,n\n2,5\n3,x\n")
        other = self.write("o.csv", "item,n\n7,5\n8,6\n")
        cases = [
            (1, "i.csv:3", ["--items", items, "--item-features", "n:number"]),
            (1, "none of its 2 ids", ["--items", other]),
            (1, "no such file", ["--items", self.path("none.csv")]),
            (2, "no column 'm'", ["--items", items, "--item-features", "m"]),
            (2, "types are", ["--items", items, "--item-features", "n:color"]),
            (2, "--users", ["--user-features", "n"]),
            (2, "--item-vector-ids", ["--item-vectors", other]),
            (1, "not one of its 2 links", ["--links", other]),
            (2, "--text-buckets", ["--text-buckets", "0"]),
            (2, "--derive-links", ["--derive-links", "guess"]),
            (2, "--cold-share", ["--protocol", "cold-users", "--cold-share", "1"]),
        ]
        before = sorted(os.listdir(self.folder))
        for status, message, arguments in cases:
            with self.subTest(message=message):
                done = run("import", source, *arguments, "--out", self.path("out.h5"))
                self.assertEqual(done.status, status, done.err)
                self.assertIn(message, done.err)
                self.assertEqual(len(done.errors()), 1, done.err)
                self.assertEqual(done.out, "")
        self.assertEqual(sorted(os.listdir(self.folder)), before)

    def test_faults_leave_nothing_behind(self):
        good = self.write("good.csv", "user,item,n\n1,2,3\n1,3,3\n")
        bad = self.write("bad.csv", "user,item,rating\n1,2,3\n1,3,x\n")
        cases = [
            (1, "bad.csv:3", ["import", bad]),
            (1, "no such file", ["import", self.path("none.csv")]),
            (1, "file is empty", ["import", self.write("empty.csv", "")]),
            (1, "no interaction is left", ["import", good, "--keep", "n>3"]),
            (2, "--columns", ["import", good, "--columns", "user=who"]),
            (2, "--protocol", ["import", good, "--protocol", "sometimes"]),
            (2, "--subset", ["import", good, "--subset", "2"]),
            (2, "--edges", ["generate", "--users", "9", "--items", "9", "--edges", "80"]),
            (2, "--users", ["generate", "--kind", "rmat", "--edges", "80"]),
            (2, "goes with --kind rmat", ["generate", "--users", "9", "--items", "9", "--edges",
                                          "20", "--level-noise", "0.5"]),
            (2, "--quadrants takes four", ["generate", "--kind", "rmat", "--users", "9", "--items",
                                           "9", "--edges", "20", "--quadrants", "0.5,0.5"]),
            (2, "--drift", ["generate", "--users", "9", "--items", "9", "--edges", "20",
                            "--communities", "2", "--drift", "1", "--times", "none"]),
            (2, "--factor", ["generate", "--expand", good, "--factor", "4"]),
            (2, "--expand", ["generate", "--expand", good, "--kind", "rmat"]),
            (2, "halorec import", ["generate", "--expand", self.folder]),
            (1, "good.csv", ["generate", "--expand", good]),
        ]
        for status, message, arguments in cases:
            with self.subTest(message=message):
                done = run(*arguments, "--out", self.path("out.h5"))
                self.assertEqual(done.status, status, done.err)
                self.assertIn(message, done.err)
                self.assertEqual(len(done.errors()), 1, done.err)
                self.assertEqual(done.out, "")
        self.assertEqual(sorted(os.listdir(self.folder)), ["bad.csv", "empty.csv", "good.csv"])

    def test_ranks_and_kinds_of_generated_graphs(self):
        sizes = ["--users", 300, "--items", 200, "--edges", 4000]
        base = self.path("base.h5")
        planted = ["--communities", 5, "--drift", 2, "--attribute-noise", 0.1]
        self.assertEqual(run("generate", *sizes, *planted, "--out", base).status, 0)
        with h5py.File(base) as file:
            self.assertEqual(file["users/attribute"].shape, file["truth/user_community"].shape)
            self.assertEqual(file["truth/drift"][0], 2)
            same = file["items/attribute"][:] == file["truth/item_community"][:]
            self.assertGreater(same.mean(), 0.8)
            self.assertTrue((file["train/weight"][:] == 1).all())
        for kind in (["--kind", "planted", *sizes, *planted], ["--kind", "chung-lu", *sizes],
                     ["--kind", "rmat", *sizes], ["--expand", base, "--factor", "3x2"]):
            with self.subTest(kind=kind[1]):
                hashes = set()
                for ranks in (1, 2):
                    out = self.path(f"{ranks}.h5")
                    done = run("generate", *kind, "--protocol", "time", "--out", out, "--json",
                               ranks=ranks)
                    self.assertEqual(done.status, 0, done.err)
                    hashes.add(json.loads(done.out)["content_hash"])
                self.assertEqual(len(hashes), 1)
                self.assertEqual(run("train", self.path("1.h5"), "--model", "popular", "--run",
                                     self.path("run"), "--overwrite").status, 0)

    def test_only_dataset_files_are_replaced(self):
        source = self.write("a.csv", "user,item\n1,2\n1,3\n")
        refused = run("import", source, "--out", source)
        self.assertEqual(refused.status, 2)
        self.assertIn("not written by Halorec", refused.err)
        with open(source, encoding="utf-8") as file:
            self.assertEqual(file.read(), "user,item\n1,2\n1,3\n")
        for _ in range(2):
            self.assertEqual(run("import", source, "--out", self.path("a.h5")).status, 0)

    def test_damaged_files_are_named(self):
        out = self.path("d.h5")
        arguments = ["--users", 50, "--items", 40, "--edges", 500, "--communities", 4]
        self.assertEqual(run("generate", *arguments, "--out", out).status, 0)
        with open(out, "rb") as file:
            whole = file.read()
        flipped = bytearray(whole)
        flipped[len(flipped) // 2] ^= 4
        for word, content in (("truncated", whole[:len(whole) // 2]),
                              ("damaged", bytes(flipped))):
            with open(out, "wb") as file:
                file.write(content)
            done = run("describe", out)
            self.assertEqual(done.status, 1)
            self.assertIn(word, done.err)
            self.assertIn("d.h5", done.err)


if __name__ == "__main__":
    unittest.main()
