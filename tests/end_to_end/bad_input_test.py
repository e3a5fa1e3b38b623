"""Bad input: each with its exit status, exactly one message that says where and what to do, nothing
half written, and no hang under mpirun."""

import os
import random
import shutil
import signal
import time
import unittest

from support import FolderTest, end_group, finish, ranks_of, run, start, succeed

# Long enough for any answer; a hang fails.
LIMIT_SECONDS = 60


class BadInputTest(FolderTest):

    def assert_failure(self, result, status, *words):
        """One error of ours with every word in it (upper and lower case alike)."""
        self.assertIn(result.status, status if isinstance(status, tuple) else (status,), result)
        self.assertEqual(len(result.errors()), 1, result)
        for word in words:
            self.assertIn(word.lower(), result.errors()[0].lower(), result)
        self.assertNotIn("terminate called", result.err)
        self.assertNotIn("Segmentation", result.err)

    def assert_nothing_written(self, before):
        self.assertEqual(sorted(os.listdir(self.folder)), before)

    def listing(self):
        return sorted(os.listdir(self.folder))


def contents(path):
    with open(path, "rb") as file:
        return file.read()


def ratings(lines):
    return "user,item,rating,timestamp\n" + "".join(lines)


GOOD_LINES = [f"u{u},i{(u * 7 + k * 3) % 50},{1 + k % 5},{1000 + u * 10 + k}\n"
              for u in range(60) for k in range(12)]


class RawDataTest(BadInputTest):

    def assert_import_fails(self, source, *words, options=()):
        out = self.path("out.h5")
        before = self.listing()
        for ranks in (0, 2):
            result = run("import", source, "--out", out, *options, ranks=ranks,
                         timeout=LIMIT_SECONDS)
            self.assert_failure(result, (1, 2), *words)
            self.assert_nothing_written(before)

    def test_idle_options_of_import_are_named(self):
        events = self.write("idle.csv", "user,item\n" + "".join(
            f"u{u},i{i}\n" for u in range(6) for i in range(6)))
        for option, words in ((("--directed-links",), "without --links or --item-links"),
                              (("--session-gap", 5), "without --derive-links co-occurrence"),
                              (("--derive-top", 3), "without --derive-links co-occurrence"),
                              (("--content-neighbours", 4), "without --derive-links content"),
                              (("--text-buckets", 4), "without columns of text"),
                              (("--cold-share", ".3"), "without --protocol cold-items"),
                              (("--repeat-time", "last"), "without times")):
            result = succeed("import", events, "--out", self.path("idle.h5"), *option)
            self.assertIn(f"{option[0]} changes nothing {words}", result.err)
        self.assertEqual(succeed("import", events, "--out", self.path("idle.h5")).err, "")

    def test_rows_left_out_for_want_of_a_time_are_named(self):
        events = self.write("events.csv", ratings(GOOD_LINES))
        links = self.write("trust.csv", "from,to,time\nu1,u2,5\nu2,u3,\n")
        for protocol, warnings in (("time", 1), ("leave-last", 1), ("random", 0)):
            result = succeed("import", events, "--links", links, "--protocol", protocol,
                             "--out", self.path("dated.h5"))
            self.assertEqual(len(result.err.splitlines()), warnings, result)
            if warnings:
                self.assertIn("user links trust: 1 of 2 rows have no time", result.err)

    def test_missing_file(self):
        self.assert_import_fails(self.path("nowhere.csv"), "nowhere.csv")

    def test_folder_with_nothing_known(self):
        os.mkdir(self.path("folder"))
        self.assert_import_fails(self.path("folder"), "folder")

    def test_empty_file(self):
        self.assert_import_fails(self.write("empty.csv", ""), "empty.csv")

    def test_header_alone(self):
        self.assert_import_fails(self.write("header.csv", ratings([])), "header.csv")

    def test_binary_garbage(self):
        noise = random.Random(1).randbytes(20000)
        self.assert_import_fails(self.write("noise.csv", noise), "noise.csv")

    def test_not_a_number(self):
        lines = GOOD_LINES[:100] + ["u1,i1,four,1000\n"] + GOOD_LINES[100:]
        self.assert_import_fails(self.write("r.csv", ratings(lines)), "r.csv:102", "four")

    def test_number_beyond_all_bounds(self):
        lines = GOOD_LINES[:9] + ["u1,i1,3,99999999999999999999999999\n"]
        self.assert_import_fails(self.write("r.csv", ratings(lines)), "r.csv:11")

    def test_missing_field(self):
        lines = GOOD_LINES[:100] + ["u1\n"] + GOOD_LINES[100:]
        self.assert_import_fails(self.write("r.csv", ratings(lines)), "r.csv:102")

    def test_over_long_id(self):
        lines = GOOD_LINES[:10] + ["u" * 100000 + ",i1,3,1000\n"]
        self.assert_import_fails(self.write("r.csv", ratings(lines)), "r.csv:12")

    def test_empty_id(self):
        lines = GOOD_LINES[:10] + [",i1,3,1000\n"]
        self.assert_import_fails(self.write("r.csv", ratings(lines)), "r.csv:12")

    def test_broken_utf8_id(self):
        content = ratings(GOOD_LINES[:10]).encode() + b"u\xff\xfe,i1,3,1000\n"
        self.assert_import_fails(self.write("r.csv", content), "r.csv:12")

    def test_column_that_is_not_there(self):
        self.assert_import_fails(self.write("r.csv", ratings(GOOD_LINES)), "nosuch",
                                 options=["--columns", "user=nosuch,item=item"])

    def test_nothing_left_after_filtering(self):
        self.assert_import_fails(self.write("r.csv", ratings(GOOD_LINES)), "--keep",
                                 options=["--keep", "rating>100"])

    def test_nothing_left_after_the_core(self):
        self.assert_import_fails(self.write("r.csv", ratings(GOOD_LINES)), "core",
                                 options=["--core", "10000"])

    def test_weights_that_add_up_beyond_a_float(self):
        source = self.write("sum.csv", "user,item,weight\nu1,i1,3e38\nu1,i1,3e38\nu1,i2,1\n"
                                       "u2,i1,1\nu2,i2,1\n")
        self.assert_import_fails(source, "'u1'", "'i1'", "add up")
        result = run("train", source, "--run", self.path("run"), ranks=2, timeout=LIMIT_SECONDS)
        self.assert_failure(result, 1, "add up")

    def test_a_column_of_numbers_but_for_one_value_is_named(self):
        events = self.write("events.csv", ratings(GOOD_LINES))
        users = self.write("users.csv", "id,age\n" + "".join(
            f"u{u},{'0x1F' if u == 7 else 20 + u % 9}\n" for u in range(60)))
        result = succeed("import", events, "--users", users, "--out", self.path("doubt.h5"))
        self.assertEqual(len(result.err.splitlines()), 1, result)
        self.assertIn("59 of its 60 values are numbers", result.err)
        self.assertIn("users.csv:9: '0x1F'", result.err)

    def test_raw_data_on_the_way_into_a_run(self):
        run_folder = self.path("run")
        lines = GOOD_LINES[:100] + ["u1,i1,four,1000\n"]
        result = run("train", self.write("r.csv", ratings(lines)), "--run", run_folder, ranks=2)
        self.assert_failure(result, (1, 2), "r.csv:102")


class DatasetFileTest(BadInputTest):

    def assert_dataset_fails(self, path):
        for arguments, ranks in ((["describe", path], 0),
                                 (["partition", path, "--parts", "2"], 2),
                                 (["train", path, "--run", self.path("run")], 2)):
            result = run(*arguments, ranks=ranks, timeout=LIMIT_SECONDS)
            self.assert_failure(result, (1, 2), os.path.basename(path))
        self.assertFalse(os.path.exists(self.path("run", "config.json")))

    def test_truncated(self):
        whole = contents(self.generate())
        for size in (0, 100, 512, len(whole) // 2, len(whole) - 1):
            with self.subTest(size):
                self.assert_dataset_fails(self.write("cut.h5", whole[:size]))

    def test_bit_flipped(self):
        whole = bytearray(contents(self.generate()))
        draw = random.Random(3)
        for position in [3, 20] + [draw.randrange(600, len(whole)) for _ in range(2)]:
            with self.subTest(position):
                altered = bytearray(whole)
                altered[position] ^= 1 << draw.randrange(8)
                self.assert_dataset_fails(self.write("flipped.h5", bytes(altered)))

    def test_not_a_dataset(self):
        self.assert_dataset_fails(self.write("other.h5", b"\x89HDF\r\n\x1a\n" + b"\0" * 4000))

    def test_no_parts(self):
        data = self.generate()
        for parts in ("0", "-1", "2.5", "many"):
            result = run("partition", data, "--parts", parts, "--out", self.path("p.h5"), ranks=2)
            self.assert_failure(result, 2, "--parts")
        self.assertFalse(os.path.exists(self.path("p.h5")))


class RunFolderTest(BadInputTest):

    def train(self, data, run_folder, *options, ranks=2):
        return succeed("train", data, "--run", run_folder, "--epochs", 2, "--dim", 8, "--batch",
                       512, "--select", "none", *options, ranks=ranks)

    def test_unwritable_place(self):
        data = self.generate()
        file = self.write("file.txt", "not a folder")
        for place in (os.path.join(file, "run"), "/proc/halorec_run"):
            with self.subTest(place):
                result = run("train", data, "--run", place, ranks=2, timeout=LIMIT_SECONDS)
                self.assert_failure(result, (1, 2), place)

    def test_an_existing_run_is_not_touched(self):
        data, folder = self.generate(), self.path("run")
        self.train(data, folder)
        before = contents(os.path.join(folder, "config.json"))
        result = run("train", data, "--run", folder, ranks=2)
        self.assert_failure(result, 2, "--resume", "--overwrite", "run")
        self.assertEqual(contents(os.path.join(folder, "config.json")), before)

    def test_a_run_made_from_another_dataset(self):
        folder = self.path("run")
        self.train(self.generate("one.h5", seed=1), folder)
        other = self.generate("two.h5", seed=2)
        result = run("train", other, "--run", folder, "--resume", ranks=2)
        self.assert_failure(result, (1, 2), "dataset")

    def test_a_changed_option_is_named(self):
        data, folder = self.generate(), self.path("run")
        self.train(data, folder)
        result = run("train", data, "--run", folder, "--resume", "--dim", "16", ranks=2)
        self.assert_failure(result, 2, "--dim")

    def test_damaged_checkpoints(self):
        data, folder = self.generate(), self.path("run")
        self.train(data, folder)
        checkpoints = os.path.join(folder, "checkpoints")
        files = [os.path.join(root, name) for root, _, names in os.walk(checkpoints)
                 for name in names]
        self.assertTrue(files)
        for kind in (".h5", ".json"):
            originals = {f: contents(f) for f in files if f.endswith(kind)}
            self.assertTrue(originals)
            for damage in ("truncated", "flipped", "missing"):
                with self.subTest(kind + " " + damage):
                    for path, whole in originals.items():
                        middle = len(whole) // 2
                        altered = (whole[:middle] if damage == "truncated" else whole[:middle] +
                                   bytes([whole[middle] ^ 4]) + whole[middle + 1:])
                        if damage == "missing":
                            os.remove(path)
                        else:
                            with open(path, "wb") as file:
                                file.write(altered)
                    result = run("evaluate", folder, ranks=2, timeout=LIMIT_SECONDS)
                    self.assert_failure(result, 1, "checkpoint")
                    result = run("train", data, "--run", folder, "--resume", "--epochs", 4,
                                 ranks=2, timeout=LIMIT_SECONDS)
                    self.assert_failure(result, (1, 2))
                    for path, whole in originals.items():
                        with open(path, "wb") as file:
                            file.write(whole)
        succeed("evaluate", folder, ranks=2)  # the repaired run is whole again

    def test_damaged_config(self):
        data, folder = self.generate(), self.path("run")
        self.train(data, folder)
        for content in (b"", b"{", b"\xff\0\xff", b"[]"):
            with self.subTest(content):
                with open(os.path.join(folder, "config.json"), "wb") as file:
                    file.write(content)
                self.assert_failure(run("evaluate", folder, ranks=2), (1, 2), "config.json")

    def test_no_run(self):
        for command in (["evaluate"], ["recommend", "--all-users"], ["similar", "--item", "i0"],
                        ["export", "--out", self.path("x")]):
            with self.subTest(command[0]):
                result = run(command[0], self.path("nowhere"), *command[1:], ranks=2)
                self.assert_failure(result, (1, 2), "nowhere")
        self.assertFalse(os.path.exists(self.path("x")))

    def test_unknown_ids_in_requests(self):
        data, folder = self.generate(), self.path("run")
        self.train(data, folder)
        out = self.path("lists.jsonl")
        cases = [(["recommend", folder, "--users", "u0,nobody", "--out", out], "'nobody'"),
                 (["recommend", folder, "--history", "i0,nothing", "--out", out], "'nothing'"),
                 (["similar", folder, "--item", "nothing"], "'nothing'")]
        for arguments, word in cases:
            with self.subTest(word):
                result = run(*arguments, ranks=2, timeout=LIMIT_SECONDS)
                self.assert_failure(result, 2, word.strip("'"))
                self.assertEqual(result.out, "")
                self.assertFalse(os.path.exists(out))

    def test_broken_run_dataset(self):
        data, folder = self.generate(), self.path("run")
        self.train(data, folder)
        path = os.path.join(folder, "dataset.h5")
        whole = contents(path)
        with open(path, "wb") as file:
            file.write(whole[:len(whole) // 2])
        self.assert_failure(run("recommend", folder, "--users", "u0", ranks=2), (1, 2),
                            "dataset.h5")


class LostRankTest(BadInputTest):

    def test_a_killed_rank_ends_the_job(self):
        data = self.generate()
        for victim in (0, 1, 2):
            with self.subTest(victim):
                folder = self.path(f"run{victim}")
                job = start(["train", data, "--run", folder, "--epochs", 1000000, "--dim", 8,
                             "--select", "none", "--checkpoint-steps", 5], ranks=3)
                self.addCleanup(end_group, job)
                self.wait_for(lambda: self.has_checkpoint(folder), job)
                ranks = ranks_of(job)
                self.assertEqual(len(ranks), 3)
                begin = time.monotonic()
                os.kill(ranks[victim], signal.SIGKILL)
                result = finish(job, timeout=LIMIT_SECONDS)
                self.assertLess(time.monotonic() - begin, 20)
                self.assertNotEqual(result.status, 0, result)
                self.assertEqual(len(result.errors()), 1, result)
                self.assertIn("gone", result.errors()[0])
                self.assertIn("--resume", result.errors()[0])
                shutil.rmtree(folder)

    @staticmethod
    def has_checkpoint(folder):
        checkpoints = os.path.join(folder, "checkpoints")
        return os.path.isdir(checkpoints) and any(
            not name.endswith(".tmp") for name in os.listdir(checkpoints))

    def wait_for(self, condition, job, seconds=60):
        end = time.monotonic() + seconds
        while not condition():
            if job.poll() is not None:
                self.fail(f"the job ended by itself: {finish(job)}")
            self.assertLess(time.monotonic(), end, "nothing happens")
            time.sleep(0.05)


if __name__ == "__main__":
    unittest.main()
