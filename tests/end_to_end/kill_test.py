"""Nothing is lost: ranks are killed at random moments of a run with frequent checkpoints, and
--resume ends with the same bits as the run that was left alone; on another number of ranks with the
same losses to 1e-5.

    kill_test.py [--kills N]    N trials for each kind of kill (default 2)"""

import glob
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import unittest

from support import FolderTest, end_group, finish, ranks_of, start, succeed

NUM_KILLS = 2
RANKS = 2


def training(epochs=24, seed=1):
    return ["--seed", seed, "--epochs", epochs, "--dim", 16, "--batch", 256, "--select", "none", "--log-every", 1,
            "--checkpoint-steps", 7, "--threads", 1, "--json"]


def say(line):
    print(line, file=sys.stderr, flush=True)


def logged_losses(folder):
    """Loss by step, as the run's log tells it; a step that was computed twice has to agree with
    itself to the bit."""
    losses = {}
    with open(os.path.join(folder, "log.jsonl")) as log:
        for line in log:
            try:
                event = json.loads(line)
            except json.JSONDecodeError:
                continue  # the line that the kill cut short
            if event.get("event") == "step":
                losses.setdefault(event["step"], []).append(event["loss"])
    return losses


class KillTest(FolderTest):

    @classmethod
    def setUpClass(cls):
        """One run that is left alone, which all others are compared with."""
        super().setUpClass()
        cls.shared = tempfile.mkdtemp(prefix="halorec_")
        cls.addClassCleanup(shutil.rmtree, cls.shared, ignore_errors=True)
        cls.data = os.path.join(cls.shared, "data.h5")
        succeed("generate", "--users", 400, "--items", 150, "--edges", 6000, "--communities", 6,
                "--out", cls.data)
        cls.alone = os.path.join(cls.shared, "alone")
        begin = time.monotonic()
        cls.alone_result = succeed("train", cls.data, "--run", cls.alone, *training(), ranks=RANKS)
        cls.alone_seconds = time.monotonic() - begin
        cls.alone_losses = logged_losses(cls.alone)
        cls.alone_rows = cls.rows_of(cls.alone, os.path.join(cls.shared, "export"))

    @staticmethod
    def rows_of(run_folder, out):
        """Every file of the exported embeddings, by name."""
        succeed("export", run_folder, "--out", out, "--format", "npy")
        files = {}
        for path in glob.glob(os.path.join(out, "*")):
            with open(path, "rb") as file:
                files[os.path.basename(path)] = file.read()
        assert "users.npy" in files and "items.npy" in files, files.keys()
        return files

    def resume(self, name, ranks=RANKS):
        return succeed("train", self.data, "--run", self.path(name), *training(), "--resume",
                       ranks=ranks)

    def kill(self, name, seconds, one, draw, resume=False):
        """Starts (or resumes) a run and kills a rank, or all, after so many seconds. False when it
        ended before: later kills then come sooner, for the machine has become faster."""
        arguments = ["train", self.data, "--run", self.path(name), *training()]
        job = start(arguments + (["--resume"] if resume else []), ranks=RANKS)
        self.addCleanup(end_group, job)
        begin = time.monotonic()
        while time.monotonic() - begin < seconds and job.poll() is None:
            time.sleep(0.01)
        if job.poll() is not None and not resume:
            type(self).alone_seconds = min(self.alone_seconds, time.monotonic() - begin)
        ranks = ranks_of(job)
        for rank in [draw.choice(ranks)] if one and ranks else ranks:
            try:
                os.kill(rank, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if not ranks:  # so early that mpirun has not started them
            end_group(job)
        result = finish(job, timeout=60)
        return result.status != 0

    def assert_same_end(self, name):
        losses = logged_losses(self.path(name))
        self.assertEqual(losses.keys(), self.alone_losses.keys())
        for step, values in losses.items():
            self.assertEqual(set(values), set(self.alone_losses[step]), f"step {step}")
        rows = self.rows_of(self.path(name), self.path("export_" + name))
        self.assertEqual(rows.keys(), self.alone_rows.keys())
        for file, content in self.alone_rows.items():
            self.assertEqual(rows[file], content, f"{file} differs in {name}")

    def test_same_ranks_same_bits(self):
        draw = random.Random(5)
        num_killed = 0
        for one in (True, False):
            for trial in range(NUM_KILLS):
                moment = draw.uniform(0, self.alone_seconds)
                name = f"{'one' if one else 'all'}{trial}"
                with self.subTest(name, moment=f"{moment:.2f} of {self.alone_seconds:.2f} s"):
                    killed = self.kill(name, moment, one, draw)
                    num_killed += killed
                    self.resume(name)
                    self.assert_same_end(name)
                    say(f"{'one rank' if one else 'all ranks'} killed after {moment:.2f} s of "
                        f"{self.alone_seconds:.2f}: {'resumed' if killed else 'too late'}, same bits")
        self.assertGreater(num_killed, 0, "every run had ended before it was to be killed")

    def test_killed_again_and_again(self):
        draw = random.Random(6)
        self.kill("again", draw.uniform(0.3, 0.6) * self.alone_seconds, True, draw)
        for trial in range(NUM_KILLS):
            self.kill("again", draw.uniform(0.2, 0.7) * self.alone_seconds, trial % 2 == 0, draw,
                      resume=True)
        self.resume("again")
        self.assert_same_end("again")

    def recall_of_seeds(self, seeds):
        recalls = []
        for seed in seeds:
            result = succeed("train", self.data, "--run", self.path(f"seed{seed}"),
                             *training(seed=seed), ranks=RANKS)
            recalls.append(result.events()[-1]["recall@20"])
        return recalls

    def test_another_number_of_ranks(self):
        draw = random.Random(7)
        alone = self.alone_result.events()[-1]["recall@20"]
        recalls = [alone] + self.recall_of_seeds((2, 3, 4))
        spread = max(recalls) - min(recalls)
        self.assertGreater(spread, 0)
        for trial, ranks in enumerate((1, 3, 5)):
            name = f"ranks{ranks}"
            with self.subTest(name):
                killed = self.kill(name, draw.uniform(0.4, 0.8) * self.alone_seconds,
                                   trial % 2 == 0, draw)
                events = self.resume(name, ranks=ranks).events()
                steps = [event for event in events if event["event"] == "step"]
                self.assertTrue(steps or not killed)
                largest = 0
                for event in steps[:50]:
                    value = self.alone_losses[event["step"]][0]
                    difference = abs(event["loss"] - value) / abs(value)
                    self.assertLess(difference, 1e-5, f"step {event['step']} on {ranks} ranks")
                    largest = max(largest, difference)
                self.assertEqual(max(logged_losses(self.path(name))), max(self.alone_losses))
                recall = events[-1]["recall@20"]
                self.assertLessEqual(abs(recall - alone), min(0.01, spread))
                say(f"killed on {RANKS} ranks, resumed on {ranks}: losses of {len(steps[:50])} steps "
                    f"within {largest:.1e}, Recall@20 {recall:.4f} ({alone:.4f} when left alone, "
                    f"seeds are {spread:.4f} apart)")

    def test_stopped_on_request(self):
        # Far more epochs than can pass before the signal comes; then both go on to the same step.
        folder = self.path("asked")
        arguments = ["train", self.data, "--run", folder, *training(epochs=100000)]
        job = start(arguments, ranks=RANKS)
        self.addCleanup(end_group, job)
        end = time.monotonic() + 60
        while not (os.path.exists(os.path.join(folder, "log.jsonl")) and logged_losses(folder)):
            self.assertLess(time.monotonic(), end)
            time.sleep(0.02)
        os.kill(job.pid, signal.SIGUSR1)  # mpirun passes it on
        stopped = finish(job)
        self.assertEqual(stopped.status, 75, stopped)
        last = max(logged_losses(folder))
        saved = max(int(name.split("-")[1]) for name in
                    os.listdir(os.path.join(folder, "checkpoints")) if name[-1].isdigit())
        self.assertEqual(saved, last, "the last step was lost")

        job = start([*arguments, "--resume"], ranks=RANKS)
        self.addCleanup(end_group, job)
        while max(logged_losses(folder)) == last:
            self.assertLess(time.monotonic(), end + 60)
            self.assertIsNone(job.poll())
            time.sleep(0.02)
        os.kill(job.pid, signal.SIGUSR1)
        self.assertEqual(finish(job).status, 75)
        losses = logged_losses(folder)
        self.assertEqual(sorted(losses), list(range(1, max(losses) + 1)))


if __name__ == "__main__":
    if "--kills" in sys.argv:
        position = sys.argv.index("--kills")
        NUM_KILLS = int(sys.argv[position + 1])
        del sys.argv[position:position + 2]
    unittest.main()
