"""Nothing is lost: ranks are killed at random moments of a run with frequent checkpoints, and
--resume ends with the same bits as the run that was left alone; on another number of ranks with the
same losses to 1e-5.

    kill_test.py [--kills N]    N trials for each kind of kill (default 2)"""

import glob
import json
import os
import random
import signal
import sys
import time
import unittest

from support import FolderTest, end_group, finish, ranks_of, run, start, succeed

NUM_KILLS = 2
RANKS = 2


def training(epochs=24):
    return ["--epochs", epochs, "--dim", 16, "--batch", 256, "--select", "none", "--log-every", 1,
            "--checkpoint-steps", 7, "--threads", 1, "--json"]


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

    def setUp(self):
        super().setUp()
        self.data = self.generate(users=400, items=150, edges=6000)

    def train(self, name, *options, ranks=RANKS):
        folder = self.path(name)
        result = succeed("train", self.data, "--run", folder, *training(), *options, ranks=ranks)
        return folder, result

    def left_alone(self):
        begin = time.monotonic()
        folder, result = self.train("alone")
        return folder, result, time.monotonic() - begin

    def rows_of(self, folder, name):
        """Every file of the exported embeddings, by name."""
        out = self.path("export_" + name)
        succeed("export", folder, "--out", out, "--format", "npy")
        files = {}
        for path in glob.glob(os.path.join(out, "*")):
            with open(path, "rb") as file:
                files[os.path.basename(path)] = file.read()
        self.assertIn("users.npy", files)
        return files

    def kill(self, name, seconds, one, draw, resume=False):
        """Starts (or resumes) a run and kills a rank, or all, after so many seconds. False when it
        ended before."""
        arguments = ["train", self.data, "--run", self.path(name), *training()]
        job = start(arguments + (["--resume"] if resume else []), ranks=RANKS)
        self.addCleanup(end_group, job)
        time.sleep(seconds)
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

    def assert_same_end(self, name, alone, rows):
        folder = self.path(name)
        losses, expected = logged_losses(folder), logged_losses(alone)
        self.assertEqual(losses.keys(), expected.keys())
        for step, values in losses.items():
            self.assertEqual(set(values), set(expected[step]), f"step {step}")
        again = self.rows_of(folder, name)
        self.assertEqual(again.keys(), rows.keys())
        for file, content in rows.items():
            self.assertEqual(again[file], content, f"{file} differs in {name}")

    def test_same_ranks_same_bits(self):
        alone, _, seconds = self.left_alone()
        rows = self.rows_of(alone, "alone")
        draw = random.Random(5)
        num_killed = 0
        for one in (True, False):
            for trial in range(NUM_KILLS):
                moment = draw.uniform(0, seconds)
                name = f"{'one' if one else 'all'}{trial}"
                with self.subTest(name, moment=f"{moment:.2f} of {seconds:.2f} s"):
                    num_killed += self.kill(name, moment, one, draw)
                    self.train(name, "--resume")
                    self.assert_same_end(name, alone, rows)
        self.assertGreater(num_killed, 0, "every run had ended before it was to be killed")

    def test_killed_again_and_again(self):
        alone, _, seconds = self.left_alone()
        rows = self.rows_of(alone, "alone")
        draw = random.Random(6)
        self.kill("again", draw.uniform(0.3, 0.6) * seconds, True, draw)
        for trial in range(NUM_KILLS):
            self.kill("again", draw.uniform(0.2, 0.7) * seconds, trial % 2 == 0, draw, resume=True)
        self.train("again", "--resume")
        self.assert_same_end("again", alone, rows)

    def test_another_number_of_ranks(self):
        alone, result, seconds = self.left_alone()
        expected = logged_losses(alone)
        draw = random.Random(7)
        for trial, ranks in enumerate((1, 3, 5)):
            name = f"ranks{ranks}"
            with self.subTest(name):
                self.kill(name, draw.uniform(0.4, 0.8) * seconds, trial % 2 == 0, draw)
                steps_before = set(logged_losses(self.path(name))) if os.path.exists(
                    os.path.join(self.path(name), "log.jsonl")) else set()
                _, resumed = self.train(name, "--resume", ranks=ranks)
                steps = [e for e in resumed.events() if e["event"] == "step"]
                if max(steps_before, default=0) < max(expected):
                    self.assertTrue(steps)
                for event in steps[:50]:
                    value = expected[event["step"]][0]
                    self.assertLess(abs(event["loss"] - value), 1e-5 * abs(value),
                                    f"step {event['step']} on {ranks} ranks")
                recall = resumed.events()[-1]["recall@20"]
                self.assertAlmostEqual(recall, result.events()[-1]["recall@20"], delta=0.01)

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
