"""What the end-to-end tests share: running the program under mpirun with a limit, reading what it
says, temporary folders, and small data. Standard library alone."""

import atexit
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

HALOREC = os.environ.get("HALOREC", "build/release/halorec")
MPIRUN = os.environ.get("HALOREC_MPIRUN", "mpirun")
SOURCE_DIR = os.environ.get("HALOREC_SOURCE_DIR", os.getcwd())
# The public data that some tests read where it stands; never part of the repository.
SHARED = os.environ.get("HALOREC_SHARED", os.path.join(SOURCE_DIR, "..", "shared", "data"))

COMMANDS = ["import", "generate", "perturb", "describe", "partition", "train", "evaluate",
            "recommend", "similar", "export", "bench kernel", "bench step", "bench partition",
            "bench exchange", "bench scaling", "plan"]


# The program keeps cuts in the user's cache folder; tests leave nothing there.
_CACHE = tempfile.mkdtemp(prefix="halorec_cache_")
atexit.register(shutil.rmtree, _CACHE, ignore_errors=True)
ENVIRONMENT = {**os.environ, "HALOREC_CACHE": _CACHE}


def command_line(arguments, ranks):
    """ranks 0: started by hand, without mpirun."""
    line = [HALOREC] + [str(a) for a in arguments]
    if ranks > 0:
        line = [MPIRUN, "--oversubscribe", "--bind-to", "none", "-n", str(ranks)] + line
    return line


class Result:
    """How a run of the program ended."""

    def __init__(self, status, out, err, seconds):
        self.status, self.out, self.err, self.seconds = status, out, err, seconds

    def errors(self):
        """The program's own error lines."""
        return [l for l in self.err.splitlines() if l.startswith("halorec: error:")]

    def events(self):
        """Every line of --json output; anything else on stdout raises."""
        return [json.loads(l) for l in self.out.splitlines()]

    def __str__(self):
        return f"status {self.status} in {self.seconds:.1f} s\n-- stdout\n{self.out}-- stderr\n{self.err}"


def start(arguments, ranks=0, out=subprocess.PIPE, err=subprocess.PIPE):
    """A running program, in a process group of its own."""
    return subprocess.Popen(command_line(arguments, ranks), stdout=out, stderr=err,
                            start_new_session=True, stdin=subprocess.DEVNULL, env=ENVIRONMENT)


def end_group(process):
    """Ends the program and all that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def finish(process, timeout=60):
    """Waits for the end; a run that hangs fails the test."""
    begin = time.monotonic()
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        for rank in ranks_of(process):
            try:
                os.kill(rank, signal.SIGKILL)
            except ProcessLookupError:
                pass
        end_group(process)
        raise AssertionError(f"hangs for more than {timeout} s: {process.args}") from None
    return Result(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"),
                  time.monotonic() - begin)


def run(*arguments, ranks=0, timeout=60):
    return finish(start(arguments, ranks), timeout)


def succeed(*arguments, ranks=0, timeout=120):
    result = run(*arguments, ranks=ranks, timeout=timeout)
    if result.status != 0:
        raise AssertionError(f"{command_line(arguments, ranks)}: {result}")
    return result


def ranks_of(process):
    """Process ids of the ranks that a mpirun of ours started."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat") as file:
                parent = int(file.read().rsplit(")", 1)[1].split()[1])
            program = os.readlink(f"/proc/{entry}/exe")
        except OSError:
            continue  # ended meanwhile
        if parent == process.pid and os.path.realpath(program) == os.path.realpath(HALOREC):
            found.append(int(entry))
    return sorted(found)


class FolderTest(unittest.TestCase):
    """A test with a fresh folder, self.folder, removed at the end."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="halorec_")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def write(self, name, content):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return path

    def generate(self, name="data.h5", users=300, items=120, edges=4000, seed=1):
        path = self.path(name)
        succeed("generate", "--users", users, "--items", items, "--edges", edges, "--seed", seed,
                "--communities", 6, "--out", path)
        return path
