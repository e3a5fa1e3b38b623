#!/usr/bin/python3
"""torch_spmm.py DATA.h5: PyTorch's sparse products beside Halorec's, on the graph and the matrix that
`halorec bench kernel DATA.h5` multiplies. JSON lines on stdout, as halorec_peers prints them.

PyTorch: torch.sparse.mm on a coalesced COO tensor, which is what LightGCN's PyTorch release calls,
and on a CSR tensor with 32-bit indices, the faster of the two kinds, whose rows its threads share.
Without gradients. Each once with rows by index, which is what whoever reads the file gets, and once
with rows in the order that Halorec found, which it may have too.

Halorec runs in a child, `halorec_peers --serve`, and all take turns: once a round, each round beginning
with another one; what counts is a library's seconds over Halorec's of the same round. A turn is one
product that is not timed and one that is. Before each the others' threads, which spin for a while
when they are done, get the time to fall asleep. The matrix is built here, from the file alone, so
that equal answers also say that both mean the same matrix; Halorec only tells its order of rows.

/usr/bin/python3 is the one that sees Debian's python3-torch and python3-h5py."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

TOLERANCE = 1e-4  # largest relative difference of an element
ASLEEP_SECONDS = 0.05
WARM_UP = 2


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", help="dataset file")
    parser.add_argument("--halorec", default="build/release/halorec_peers", metavar="PATH",
                        help="the program halorec_peers (default: %(default)s)")
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repetitions", type=int, default=20)
    return parser.parse_args()


def adjacency(path):
    """(row, column, value) of D^-1/2 A D^-1/2 over users and then items, sorted by row and column:
    the distinct pairs of the training and the validation part."""
    with h5py.File(path, "r") as file:
        users = len(file["users/id_offsets"]) - 1
        items = len(file["items/id_offsets"]) - 1
        parts = [part for part in ("train", "validation") if part in file]
        user = numpy.concatenate([file[part + "/user"][:] for part in parts]).astype(numpy.int64)
        item = numpy.concatenate([file[part + "/item"][:] for part in parts]).astype(numpy.int64)
    rows = users + items
    pair = numpy.unique(user * items + item)
    user, item = pair // items, users + pair % items
    key = numpy.sort(numpy.concatenate([user * rows + item, item * rows + user]))
    row, column = key // rows, key % rows
    degree = numpy.bincount(row, minlength=rows)
    scale = 1 / numpy.sqrt(numpy.maximum(degree, 1))
    return rows, row, column, (scale[row] * scale[column]).astype(numpy.float32)


def reordered(rows, row, column, value, node):
    """The same matrix, its row k that of node[k]."""
    place = numpy.empty(rows, numpy.int64)
    place[node] = numpy.arange(rows)
    row, column = place[row], place[column]
    order = numpy.argsort(row * rows + column)
    return rows, row[order], column[order], value[order]


def tensors(rows, row, column, value):
    begin = numpy.concatenate([[0], numpy.cumsum(numpy.bincount(row, minlength=rows))])
    value = torch.from_numpy(value)
    coo = torch.sparse_coo_tensor(numpy.stack([row, column]), value, (rows, rows)).coalesce()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that CSR is in beta
        csr = torch.sparse_csr_tensor(torch.from_numpy(begin.astype(numpy.int32)),
                                      torch.from_numpy(column.astype(numpy.int32)), value,
                                      (rows, rows))
    return {"COO": coo, "CSR": csr}


class Halorec:
    """The child, and a turn of it."""

    def __init__(self, arguments, folder):
        self.child = subprocess.Popen(
            [arguments.halorec, arguments.data, "--dim", str(arguments.dim),
             "--threads", str(arguments.threads), "--serve", folder],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ready = self.read()

    def read(self):
        line = self.child.stdout.readline()
        if not line:
            sys.exit("torch_spmm.py: halorec_peers ended, its words stand above")
        return json.loads(line)

    def turn(self):
        self.child.stdin.write("turn\n")
        self.child.stdin.flush()
        return self.read()["seconds"]

    def end(self):
        self.child.stdin.close()
        self.child.wait()


def turn_of(matrix, x):
    def turn():
        torch.sparse.mm(matrix, x)
        start = time.perf_counter()
        torch.sparse.mm(matrix, x)
        return time.perf_counter() - start
    return turn


def summary(values):
    lower, median, upper = (statistics.quantiles(values, n=4, method="inclusive")
                            if len(values) > 1 else 3 * values)
    return {"median": median, "lower": lower, "upper": upper, "smallest": min(values),
            "largest": max(values), "count": len(values)}


def spread(s):
    return (s["upper"] - s["lower"]) / s["median"]


def main(arguments):
    torch.set_num_threads(arguments.threads)
    torch.set_grad_enabled(False)
    matrix = adjacency(arguments.data)
    rows, value = matrix[0], matrix[3]
    with tempfile.TemporaryDirectory() as folder:
        halorec = Halorec(arguments, folder)
        read = lambda name: numpy.fromfile(os.path.join(folder, name), numpy.float32).reshape(
            -1, arguments.dim)
        x, expected = read("x.f32"), read("y.f32")
        node = numpy.fromfile(os.path.join(folder, "node.i32"), numpy.int32)
    if len(x) != rows or halorec.ready["nonzeros"] != len(value):
        sys.exit("torch_spmm.py: halorec_peers has {} rows and {} nonzeros, the file {} and {}"
                 .format(len(x), halorec.ready["nonzeros"], rows, len(value)))
    by_index = numpy.argsort(node)

    libraries = [("halorec", halorec.ready["version"], halorec.ready["call"], halorec.turn, None)]
    orders = (("rows by index", matrix, by_index),
              ("rows as Halorec's", reordered(*matrix, node), numpy.arange(rows)))
    for order, parts, places in orders:
        own_x = torch.from_numpy(x[places])
        for name, tensor in tensors(*parts).items():
            answer = numpy.empty_like(expected)
            answer[places] = torch.sparse.mm(tensor, own_x).numpy()
            libraries.append(("torch", torch.__version__, "torch.sparse.mm, {}, {}".format(name, order),
                              turn_of(tensor, own_x), answer))
    seconds = [[] for _ in libraries]
    for k in range(-WARM_UP, arguments.repetitions):
        for position in range(len(libraries)):
            which = (k + WARM_UP + position) % len(libraries)
            time.sleep(ASLEEP_SECONDS)
            taken = libraries[which][3]()
            if k >= 0:
                seconds[which].append(taken)
    halorec.end()

    agree = True
    for (library, version, call, _, y), taken in zip(libraries, seconds):
        times = summary(taken)
        ratio = summary([a / b for a, b in zip(taken, seconds[0])])
        error = 0.0
        if y is not None:
            error = float(numpy.max(numpy.abs(y - expected)
                                    / numpy.where(expected == 0, 1, numpy.abs(expected))))
        agree = agree and error <= TOLERANCE
        print(json.dumps({
            "event": "peer", "library": library, "version": version, "call": call,
            "threads": arguments.threads, "dim": arguments.dim, "rows": rows,
            "nonzeros": len(value), "repetitions": len(taken), "median_seconds": times["median"],
            "min_seconds": times["smallest"], "spread": spread(times),
            "ratio_to_halorec": ratio["median"], "ratio_spread": spread(ratio), "ratio": ratio,
            "max_relative_error": error, "agrees": error <= TOLERANCE}), flush=True)
    if not agree:
        sys.exit("torch_spmm.py: PyTorch's product differs by more than {} from Halorec's"
                 .format(TOLERANCE))


if __name__ == "__main__":
    given = parse_arguments()
    os.environ["OMP_NUM_THREADS"] = str(given.threads)  # read when torch is loaded
    import h5py
    import numpy
    import torch
    main(given)
