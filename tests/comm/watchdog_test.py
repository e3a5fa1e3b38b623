#!/usr/bin/env python3
"""No hang, no silence: starts watchdog_victim and reads what it says and how it ends.

Usage: watchdog_test.py MPIRUN VICTIM CHECKED_VICTIM [unittest arguments]
MPIRUN is the launcher with its options, separated by ';'. CHECKED_VICTIM is the same program with
the collective assertions on.
"""
import os
import signal
import subprocess
import sys
import time
import unittest

MPIRUN, VICTIM, CHECKED_VICTIM = sys.argv[1].split(";"), sys.argv[2], sys.argv[3]
PATIENCE = 40  # seconds after which a job that still runs has hung


class Job:
    def __init__(self, scene, stall=0, ranks=3, victim=VICTIM, launcher=True):
        command = (MPIRUN + ["-n", str(ranks)] if launcher else []) + [victim, scene, str(stall)]
        self.start = time.monotonic()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, start_new_session=True)

    def wait_until_ready(self, ranks):
        """Process ids of the ranks, once all have reported."""
        pids = {}
        while len(pids) < ranks:
            line = self.process.stdout.readline()
            if not line:
                raise AssertionError("the job ended early: " + self.process.stderr.read())
            if line.startswith("ready"):
                _, rank, pid = line.split()
                pids[int(rank)] = int(pid)
        return pids

    def end(self):
        """Waits; (exit status, stdout, stderr, seconds). A job that hangs is killed, and fails."""
        try:
            out, err = self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            out, err = self.process.communicate()
            raise AssertionError(f"the job hangs; it said: {out}\n{err}") from None
        return self.process.returncode, out, err, time.monotonic() - self.start


def own_lines(text):
    return [line for line in text.splitlines() if line.startswith("halorec: ")]


class Watchdog(unittest.TestCase):
    def test_a_stall_is_named_and_ends_the_job(self):
        status, _, err, seconds = Job("stall-sum", stall=1).end()
        self.assertNotEqual(status, 0)
        self.assertLess(seconds, 20)
        self.assertEqual(own_lines(err), [
            "halorec: error: rank 0 has waited 1 s in sum over ranks at step 7: another rank is "
            "stuck or lost (--stall-seconds 1); the job ends here; go on with: halorec train "
            "--resume"])

    def test_a_stall_in_a_halo_exchange_is_named(self):
        status, _, err, seconds = Job("stall-halo", stall=1).end()
        self.assertNotEqual(status, 0)
        self.assertLess(seconds, 20)
        self.assertEqual(len(own_lines(err)), 1, err)
        self.assertIn("has waited 1 s in halo gather at step 7", err)

    def test_a_stall_of_rank_0_is_told_by_one_other(self):
        status, _, err, seconds = Job("stall-root", stall=1, ranks=5).end()
        self.assertNotEqual(status, 0)
        self.assertLess(seconds, 25)
        self.assertEqual(len(own_lines(err)), 1, err)
        self.assertIn("rank 1 has waited 4 s in barrier", err)

    def test_work_on_the_root_is_no_stall(self):
        status, _, err, _ = Job("patience", stall=1).end()
        self.assertEqual(status, 0, err)
        self.assertEqual(own_lines(err), [])

    def test_an_error_between_start_and_finish_is_told_at_once(self):
        status, _, err, seconds = Job("error-in-flight", stall=30).end()
        self.assertNotEqual(status, 0)
        self.assertLess(seconds, 15)
        self.assertEqual(own_lines(err), ["halorec: error: rank 0: the disk is full"])

    def test_a_killed_rank_ends_the_job(self):
        status, _, _, seconds = Job("killed", stall=30).end()
        self.assertNotEqual(status, 0)
        self.assertLess(seconds, 15)

    def test_a_suspended_job_goes_on(self):
        job = Job("suspended", stall=3, ranks=2)
        pids = job.wait_until_ready(2)
        for pid in pids.values():
            os.kill(pid, signal.SIGSTOP)
        time.sleep(5)
        for pid in pids.values():
            os.kill(pid, signal.SIGCONT)
        status, out, err, _ = job.end()
        self.assertEqual(status, 0, err)
        self.assertIn("went on", out)

    def test_ranks_that_call_different_collectives_are_caught(self):
        status, _, err, seconds = Job("different-collectives", stall=30, ranks=2,
                                      victim=CHECKED_VICTIM).end()
        self.assertNotEqual(status, 0)
        self.assertLess(seconds, 20)
        self.assertRegex(err, r"halorec: bug: rank [01] calls (barrier|sum over ranks) where "
                              r"another rank calls something else")

    def test_sigusr1_to_the_launcher_asks_every_rank_to_stop(self):
        job = Job("stop", ranks=2)
        job.wait_until_ready(2)
        os.kill(job.process.pid, signal.SIGUSR1)
        status, out, err, _ = job.end()
        self.assertEqual(status, 75, err)
        self.assertEqual(out.count("stopped by"), 2)
        self.assertEqual(len(own_lines(err)), 1, err)
        self.assertRegex(err, r"halorec: SIGUSR1: stopping after step \d+ with a checkpoint")

    def test_sigterm_to_the_program_asks_it_to_stop(self):
        job = Job("stop", launcher=False)
        pid = job.wait_until_ready(1)[0]
        os.kill(pid, signal.SIGTERM)
        status, out, err, _ = job.end()
        self.assertEqual(status, 75, err)
        self.assertIn(f"stopped by {int(signal.SIGTERM)}", out)
        self.assertRegex(err, r"halorec: SIGTERM: stopping after step \d+ with a checkpoint")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]] + sys.argv[4:], verbosity=2)
