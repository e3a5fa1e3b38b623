#!/usr/bin/python3
"""Times a LightGCN training step of Halorec beside the same step in plain PyTorch.

The two take turns, so that a machine that slows down slows both; each round gives one ratio of
medians. PEER is a script that takes --train FILE --layers --dim --batch --steps --threads and
prints {"step_seconds": ..} as its last line.

    step_ratio.py --halorec build/release/halorec --peer PEER.py --data FOLDER [--threads 2,1 --rounds 5]

FOLDER holds train.txt (a line per user: `user item item ...`). Prints a JSON line per number of
threads: ratio (median, smallest, largest over the rounds) both medians in seconds, and
how near Halorec's step is to its floor.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys


def last_event(command, threads):
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads))
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--halorec", required=True)
    p.add_argument("--peer", required=True)
    p.add_argument("--data", required=True)
    p.add_argument("--threads", default="2,1")
    for name, default in (("layers", 3), ("dim", 64), ("batch", 2048), ("rounds", 5), ("steps", 20),
                          ("peer-steps", 8)):
        p.add_argument(f"--{name}", type=int, default=default)
    o = p.parse_args()
    shape = [f"--{name}={getattr(o, name)}" for name in ("layers", "dim", "batch")]
    for threads in map(int, o.threads.split(",")):
        ours, peers, floors = [], [], []
        for _ in range(o.rounds):
            peer = last_event([sys.executable, o.peer, "--train", os.path.join(o.data, "train.txt"), *shape,
                               f"--steps={o.peer_steps}", f"--threads={threads}"], threads)
            step = last_event([o.halorec, "bench", "step", o.data, "--loss=bpr", *shape, f"--steps={o.steps}",
                               f"--threads={threads}", "--json"], threads)
            peers.append(peer["step_seconds"])
            ours.append(step["step_seconds"]["median"])
            floors.append(step["floor_fraction"])
        ratios = sorted(peer / own for peer, own in zip(peers, ours))
        print(json.dumps({"event": "step_ratio", "peer": peer["peer"], "threads": threads, "rounds": o.rounds,
                          "ratio": {"median": round(statistics.median(ratios), 2), "smallest": round(ratios[0], 2),
                                    "largest": round(ratios[-1], 2)},
                          "step_seconds": round(statistics.median(ours), 5),
                          "floor_fraction": round(statistics.median(floors), 3),
                          "peer_step_seconds": round(statistics.median(peers), 5)}), flush=True)


if __name__ == "__main__":
    main()
