"""launch/slurm/train.sbatch without Slurm: scontrol is a recorder, and the signal that Slurm sends
ahead of the limit is sent by hand."""

import json
import os
import signal
import subprocess
import time
import unittest

from support import (ENVIRONMENT, HALOREC, SOURCE_DIR, FolderTest, command_line, end_group, finish,
                     succeed)

SCRIPT = os.path.join(SOURCE_DIR, "launch", "slurm", "train.sbatch")


class SlurmScriptTest(FolderTest):

    def setUp(self):
        super().setUp()
        self.data = self.generate()
        recorder = self.write("bin/scontrol", '#!/bin/sh\necho "$@" >> "$RECORD"\n')
        os.chmod(recorder, 0o755)
        self.environment = {
            **ENVIRONMENT, "HALOREC": HALOREC, "RECORD": self.path("record"),
            "PATH": self.path("bin") + ":" + os.environ["PATH"], "SLURM_JOB_ID": "4711",
            "SLURM_NTASKS": "2", "SLURM_CPUS_PER_TASK": "1", "SLURM_CPUS_ON_NODE": "2",
            "OMPI_MCA_rmaps_base_oversubscribe": "1",
        }

    def submit(self, *arguments):
        job = subprocess.Popen(["bash", SCRIPT] + [str(a) for a in arguments],
                               env=self.environment, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, start_new_session=True)
        self.addCleanup(end_group, job)
        return job

    def record(self):
        if not os.path.exists(self.path("record")):
            return []
        with open(self.path("record")) as file:
            return file.read().splitlines()

    def steps(self, folder):
        log = os.path.join(folder, "log.jsonl")
        if not os.path.exists(log):
            return []
        with open(log) as file:
            return [json.loads(line)["step"] for line in file if '"event":"step"' in line and
                    line.endswith("}\n")]

    def test_runs_to_the_end(self):
        result = finish(self.submit(self.data, self.path("run"), "--epochs", 2, "--dim", 8,
                                    "--select", "none", "--json"))
        self.assertEqual(result.status, 0, result)
        self.assertEqual(result.events()[-1]["event"], "result")
        self.assertEqual(result.events()[-1]["ranks"], 2)
        self.assertEqual(self.record(), [])

    def test_no_rank_is_narrowed_to_a_core(self):
        arguments = [self.data, self.path("run"), "--epochs", 1, "--dim", 8, "--select", "none"]
        self.environment["OMP_PROC_BIND"] = "close"
        self.assertEqual(finish(self.submit(*arguments)).status, 0)
        succeed("train", self.data, "--run", self.path("unbound"), *arguments[2:], ranks=2)
        cores = []
        for name in ("run", "unbound"):
            with open(self.path(name, "log.jsonl")) as log:
                started = json.loads(log.readline())
            cores.append([rank["cores"] for rank in started["ranks"]])
        self.assertEqual(cores[0], cores[1])

    def test_a_binding_by_openmp_is_named(self):
        job = subprocess.run(command_line(["describe", self.data, "--threads", 2], ranks=2),
                             env={**ENVIRONMENT, "OMP_PROC_BIND": "close"}, timeout=60,
                             capture_output=True, text=True)
        self.assertEqual(job.returncode, 0, job)
        self.assertIn("unset OMP_PROC_BIND", job.stderr)

    def test_goes_back_into_the_queue_and_on(self):
        folder = self.path("run")
        arguments = [self.data, folder, "--epochs", 100000, "--dim", 8, "--select", "none",
                     "--log-every", 1]
        last = 0
        for attempt, name in enumerate(["SIGUSR1", "SIGTERM"], 1):
            job = self.submit(*arguments)
            end = time.monotonic() + 60
            while max(self.steps(folder), default=0) <= last + 3:
                self.assertLess(time.monotonic(), end, "no step is logged")
                self.assertIsNone(job.poll())
                time.sleep(0.05)
            os.kill(job.pid, getattr(signal, name))
            result = finish(job)
            self.assertEqual(result.status, 75, result)
            self.assertEqual(self.record(), ["requeue 4711"] * attempt)
            steps = self.steps(folder)
            self.assertEqual(steps, list(range(1, max(steps) + 1)))  # none lost, none twice
            last = max(steps)

    def test_a_failure_is_not_queued_again(self):
        result = finish(self.submit(self.path("nowhere.h5"), self.path("run")))
        self.assertIn(result.status, (1, 2), result)
        self.assertEqual(len(result.errors()), 1, result)
        self.assertEqual(self.record(), [])

    def test_usage(self):
        result = finish(self.submit(self.data))
        self.assertEqual(result.status, 2, result)
        self.assertIn("usage", result.err)


if __name__ == "__main__":
    unittest.main()
