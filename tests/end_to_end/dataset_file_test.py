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
