"""What stands in a run's folder and who may use it: describing a run, a cut that went away, a
signal before training began, two jobs with one folder."""

import errno
import json
import os
import signal
import time
import unittest
from unittest import mock

from support import ENVIRONMENT, FolderTest, end_group, finish, run, start, succeed

TRAINING = ["--epochs", 2, "--dim", 8, "--batch", 512]


class DescribeTest(FolderTest):

    def described(self, folder):
        """The run as text, and as the one object of --json."""
        events = succeed("describe", folder, "--json").events()
        self.assertEqual(events[0]["dataset"], "present")
        self.assertEqual([event["event"] for event in events], ["run"])
        return succeed("describe", folder).out, events[0]

    def test_a_run_in_each_of_its_states(self):
        data = self.generate()
        folder = self.path("run")
        succeed("train", data, "--run", folder, *TRAINING)
        with open(os.path.join(folder, "metrics.json"), encoding="utf-8") as file:
            metrics = json.load(file)
        text, line = self.described(folder)
        self.assertIn("a run, finished", text)
        self.assertIn("300 users, 120 items", text)
        self.assertTrue(line["finished"])
        self.assertEqual(line["metrics"], metrics)
        self.assertEqual(line["last_epoch"]["epoch"], 2)
        self.assertEqual(line["options"]["dim"], "8")
        self.assertIn(line["checkpoints"][-1], text)

        # Memory so far, from dealing to the last evaluation.
        with open(os.path.join(folder, "log.jsonl"), encoding="utf-8") as log:
            events = [json.loads(line) for line in log]
        peaks = [e["peak_memory_bytes"][0] for e in events if e["event"] == "shards"]
        for e in events:
            if e["event"] == "phases":
                peaks += [e["trained_peak_memory_bytes"], e["peak_memory_bytes"]]
        self.assertEqual(len(peaks), 5)
        self.assertGreater(peaks[0], 1 << 20)
        self.assertEqual(peaks, sorted(peaks))

        # As a job leaves it that was killed: no result, and within a line of the log.
        os.remove(os.path.join(folder, "metrics.json"))
        with open(os.path.join(folder, "log.jsonl"), "a", encoding="utf-8") as log:
            log.write('{"event":"ep')
        text, line = self.described(folder)
        self.assertIn("not finished", text)
        self.assertFalse(line["finished"])
        self.assertNotIn("metrics", line)
        self.assertEqual(line["last_epoch"]["epoch"], 2)

    def test_a_refit_and_a_baseline(self):
        data = self.generate()
        succeed("train", data, "--run", self.path("refit"), *TRAINING, "--refit")
        text, line = self.described(self.path("refit"))
        self.assertTrue(line["refit_checkpoints"])
        self.assertIn(line["refit_checkpoints"][-1], text)
        self.assertTrue(line["metrics"]["refit"])

        succeed("train", data, "--run", self.path("popular"), "--model", "popular")
        text, line = self.described(self.path("popular"))
        self.assertIn("checkpoints   none", text)
        self.assertEqual(line["checkpoints"], [])
        self.assertNotIn("last_epoch", line)
        self.assertEqual(line["metrics"]["model"], "popular")


class PartitionTest(FolderTest):

    def test_a_run_outlives_its_partition_file(self):
        data, parts, folder = self.generate(), self.path("parts.h5"), self.path("run")
        succeed("partition", data, "--parts", 2, "--out", parts)
        here = os.getcwd()
        self.addCleanup(os.chdir, here)
        os.chdir(self.folder)
        succeed("train", data, "--run", folder, *TRAINING, "--partition", "parts.h5", ranks=2)
        os.chdir(here)

        def resumed(*options, ranks):
            return succeed("train", "--run", folder, "--resume", *options, ranks=ranks)

        # As long as the file is there it is found, from any working directory.
        self.assertIn(f"read from {parts}", resumed(ranks=2).out)
        again = resumed("--method", "block", ranks=2)
        self.assertNotIn("read from", again.out)
        self.assertNotIn("warning", again.err)
        for damage in ("broken", "missing"):
            with self.subTest(damage):
                self.write("parts.h5", b"nonsense") if damage == "broken" else os.remove(parts)
                again = resumed(ranks=2)
                self.assertIn(parts, again.err)
                self.assertIn("cutting anew (--method auto)", again.err)
                self.assertNotIn("warning", resumed(ranks=1).err)
                for ranks in (1, 2):
                    named = run("train", "--run", folder, "--resume", "--partition", parts,
                                ranks=ranks)
                    self.assertEqual(named.status, 1, named)
                    self.assertIn(parts, named.errors()[0])


class EarlySignalTest(FolderTest):

    def test_a_signal_during_the_import_stops_before_training(self):
        rows = "".join(f"u{k % 200},i{k * 7 % 90}\n" for k in range(3000))
        for signum, ranks in ((signal.SIGTERM, 0), (signal.SIGUSR1, 2)):
            with self.subTest(signum.name, ranks=ranks):
                # A pipe, so that the import goes on for as long as the test wants it to.
                pipe, folder = self.path(f"rows{ranks}.csv"), self.path(f"run{ranks}")
                os.mkfifo(pipe)
                errors = open(self.path(f"errors{ranks}"), "w+", encoding="utf-8")
                self.addCleanup(errors.close)
                arguments = ["train", pipe, "--run", folder, *TRAINING]
                job = start(arguments, ranks=ranks, err=errors)
                self.addCleanup(end_group, job)
                with self.open_when_read(pipe, job) as writer:
                    writer.write("user,item\n" + rows)
                    writer.flush()
                    time.sleep(0.3)  # until rank 1 is as far as rank 0
                    os.kill(job.pid, signum)  # mpirun passes SIGUSR1 on
                    self.wait_for(lambda: signum.name in self.text_of(errors))
                    writer.write(rows)
                out, _ = job.communicate(timeout=60)
                text = self.text_of(errors)
                self.assertEqual(job.returncode, 75, text)
                self.assertIn("stopped on request before training began", text)
                self.assertNotIn("halorec: error", text)
                self.assertFalse(os.path.exists(os.path.join(folder, "checkpoints")))
                os.remove(pipe)
                again = succeed("train", "--run", folder, "--resume", *TRAINING, ranks=ranks)
                self.assertIn("200 users, 90 items", again.out)

    def test_two_jobs_do_not_share_a_run(self):
        rows = "".join(f"u{k % 200},i{k * 7 % 90}\n" for k in range(3000))
        pipe, folder = self.path("rows.csv"), self.path("run")
        os.mkfifo(pipe)
        first = start(["train", pipe, "--run", folder, *TRAINING], ranks=2)
        self.addCleanup(end_group, first)
        with self.open_when_read(pipe, first) as writer:
            writer.write("user,item\n" + rows)
            writer.flush()
            self.wait_for(lambda: os.path.exists(os.path.join(folder, "lock")))
            for option in ([], ["--resume"], ["--overwrite"]):
                second = run("train", self.generate(), "--run", folder, *TRAINING, *option, ranks=2)
                self.assertEqual(second.status, 1, second)
                self.assertIn("another job is using this run", second.errors()[0])
                self.assertIn("process ", second.errors()[0])
        self.assertEqual(finish(first).status, 0)
        # The end of the job, and a job that was killed, free the run.
        succeed("train", "--run", folder, "--resume", *TRAINING)
        self.assertIn("200 users, 90 items", succeed("describe", folder).out)

    def test_scores_in_bf16_are_the_runs_and_say_when_they_are_slow(self):
        data = self.generate()
        # Matrix units that this machine may have are hidden.
        with mock.patch.dict(ENVIRONMENT, DNNL_MAX_CPU_ISA="AVX2"):
            for ranks in (1, 2):
                folder = self.path(f"run{ranks}")
                first = succeed("train", data, "--run", folder, *TRAINING, "--scores", "bf16",
                                ranks=ranks)
                self.assertEqual(first.err.count("no bf16 matrix units"), 1, first)
                with open(os.path.join(folder, "log.jsonl"), encoding="utf-8") as log:
                    begin = json.loads(log.readline())
                self.assertEqual(begin["options"]["scores"], "bf16")
                self.assertFalse(begin["bf16_units"])
                other = run("train", "--run", folder, "--resume", "--scores", "fp32", ranks=ranks)
                self.assertEqual(other.status, 2, other)
                self.assertIn("--scores was 'bf16' in this run", other.errors()[0])
                again = succeed("train", "--run", folder, "--resume", ranks=ranks)
                self.assertIn("no bf16 matrix units", again.err)
            full = succeed("train", data, "--run", self.path("full"), *TRAINING)
            without = succeed("train", data, "--run", self.path("bpr"), *TRAINING, "--loss", "bpr",
                              "--scores", "bf16")
        self.assertNotIn("matrix units", full.err + without.err)
        self.assertIn("without effect", without.err)

    def test_products_are_those_of_the_processor(self):
        data = self.generate()

        def kernels(name, **environment):
            with mock.patch.dict(ENVIRONMENT, **environment):
                if not environment:
                    ENVIRONMENT.pop("OPENBLAS_CORETYPE", None)
                folder = self.path(name)
                succeed("train", data, "--run", folder, *TRAINING, ranks=2)
            with open(os.path.join(folder, "log.jsonl"), encoding="utf-8") as log:
                return json.loads(log.readline())["blas"]

        self.assertEqual(kernels("given", OPENBLAS_CORETYPE="Nehalem"), "Nehalem")
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            flags = next((line for line in file if line.startswith("flags")), "").split()
        if {"avx2", "fma"} <= set(flags):
            self.assertIn(kernels("found"), ("Haswell", "Zen", "Excavator", "SkylakeX", "Cooperlake",
                                             "SapphireRapids"))

    def test_a_start_that_fails_leaves_no_folder(self):
        data, folder = self.write("bad.csv", "user,item\nu1\n"), self.path("run")
        self.assertEqual(run("train", data, "--run", folder, ranks=2).status, 1)
        self.assertFalse(os.path.exists(folder))
        os.mkdir(folder)
        self.write("run/lock", "")  # of a start that was killed
        succeed("train", self.generate(), "--run", folder, *TRAINING)

    @staticmethod
    def text_of(file):
        with open(file.name, encoding="utf-8") as again:
            return again.read()

    def open_when_read(self, pipe, job):
        """The pipe for writing; opening it outright would wait for ever for a job that has ended."""
        opened = []

        def try_to():
            self.assertIsNone(job.poll(), "the job ended before it read")
            try:
                opened.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
            except OSError as error:
                self.assertEqual(error.errno, errno.ENXIO)
            return opened

        self.wait_for(try_to)
        os.set_blocking(opened[0], True)
        return open(opened[0], "w", encoding="utf-8")

    def wait_for(self, condition, seconds=60):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, "nothing happens")
            time.sleep(0.02)


if __name__ == "__main__":
    unittest.main()
