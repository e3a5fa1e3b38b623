#!/usr/bin/env python3
"""Writes golden.json: losses and gradients of whole training steps by PyTorch's autograd.

Written from the papers alone: dense float64 matrices, A = D^-1/2 [[0 R] [R^T 0]] D^-1/2,
rows = sum_k w_k A^k E (LightGCN, SIGIR 2020, eq. 7-8; without layers: matrix factorisation),
BPR (UAI 2009), sampled softmax with two temperatures (BSL, ICDE 2024), and
lambda / (2 batch) times the squared norms of the batch's rows of E.

    apt-get install python3-torch python3-numpy
    /usr/bin/python3 make_golden.py > golden.json

The negatives are inputs: those that the sampler draws for these positions; the test that reads
golden.json checks that it still does.
"""
import json
import re

import numpy as np
import torch

NUM_USERS, NUM_ITEMS, DIM = 6, 7, 4
# User 4 and item 5 have no edges.
EDGES = [(0, 0), (0, 1), (0, 3), (1, 1), (1, 2), (2, 0), (2, 3), (2, 4), (2, 6),
         (3, 1), (3, 6), (5, 1), (5, 4)]
# (user, item) at each position of the batch; a user and an item stand in several.
BATCH = [(2, 6), (0, 1), (5, 1), (1, 2), (0, 3)]

CASES = {
    "lightgcn bpr": dict(layers=3, loss="bpr", each=1, l2=0.05),
    "lightgcn bpr three negatives": dict(layers=3, loss="bpr", each=3, l2=0.05),
    "lightgcn softmax": dict(layers=3, loss="softmax", tau=0.2, tau2=0.84, l2=0.05),
    "lightgcn softmax one layer": dict(layers=1, loss="softmax", tau=0.15, tau2=1.0, l2=0.0),
    "mf bpr": dict(layers=0, loss="bpr", each=1, l2=0.05),
    "mf softmax": dict(layers=0, loss="softmax", tau=0.2, tau2=0.84, l2=0.05),
}
# Drawn by the sampler with seed 7 at step 1 (softmax: a pool of 9, by degree^0.5).
NEGATIVES = {
    1: [1, 6, 3, 3, 4],
    3: [1, 2, 2, 2, 4, 4, 0, 2, 2, 3, 4, 6, 2, 4, 6],
    "pool": [0, 2, 1, 2, 2, 0, 4, 4, 3],
}


def adjacency():
    interactions = torch.zeros(NUM_USERS, NUM_ITEMS, dtype=torch.float64)
    for user, item in EDGES:
        interactions[user, item] = 1
    n = NUM_USERS + NUM_ITEMS
    a = torch.zeros(n, n, dtype=torch.float64)
    a[:NUM_USERS, NUM_USERS:] = interactions
    a[NUM_USERS:, :NUM_USERS] = interactions.T
    degree = a.sum(1)
    scale = torch.where(degree > 0, degree.clamp(min=1) ** -0.5, torch.zeros_like(degree))
    return scale[:, None] * a * scale[None, :]


def objective(case, embeddings, layer_weights, negatives):
    a = adjacency()
    rows = sum(w * torch.linalg.matrix_power(a, k) @ embeddings
               for k, w in enumerate(layer_weights))
    users = torch.tensor([u for u, _ in BATCH])
    items = torch.tensor([i for _, i in BATCH])
    others = torch.tensor(negatives)
    read = [embeddings[users], embeddings[NUM_USERS + items]]
    if case["loss"] == "bpr":
        others = others.reshape(len(BATCH), case["each"])
        read.append(embeddings[NUM_USERS + others])
        positive = (rows[users] * rows[NUM_USERS + items]).sum(-1)
        negative = (rows[users][:, None, :] * rows[NUM_USERS + others]).sum(-1)
        loss = -torch.nn.functional.logsigmoid(positive[:, None] - negative).mean()
    else:
        unit = torch.nn.functional.normalize(rows, dim=1)
        total = 0
        for user, item in BATCH:
            # The user's own items are left out.
            pool = torch.stack([unit[user] @ unit[NUM_USERS + j] for j in negatives
                                if (user, j) not in EDGES])
            positive = unit[user] @ unit[NUM_USERS + item]
            total = total + (-positive / case["tau"]
                             + case["tau2"] * torch.logsumexp(pool / case["tau"], 0))
        loss = total / len(BATCH)
    squares = sum((block ** 2).sum() for block in read)
    return loss + case["l2"] / (2 * len(BATCH)) * squares


def main():
    generator = np.random.Generator(np.random.PCG64(20))
    start = np.round(generator.normal(0, 0.5, (NUM_USERS + NUM_ITEMS, DIM)), 3)
    results = []
    for name, case in CASES.items():
        embeddings = torch.tensor(start, dtype=torch.float64, requires_grad=True)
        num = case["layers"] + 1
        # Not equal, so that a confusion of layers shows.
        weights = [round(0.4 - 0.1 * k, 1) if num > 1 else 1.0 for k in range(num)]
        layer_weights = torch.tensor(weights, dtype=torch.float64, requires_grad=True)
        negatives = NEGATIVES["pool" if case["loss"] == "softmax" else case["each"]]
        loss = objective(case, embeddings, layer_weights, negatives)
        loss.backward()
        results.append({
            "name": name, "model": name.split()[0], **case, "layer_weights": weights,
            "negatives": negatives, "value": loss.item(),
            "embeddings_gradient": embeddings.grad.tolist(),
            "layer_weights_gradient": layer_weights.grad.tolist(),
        })
    golden = {"num_users": NUM_USERS, "num_items": NUM_ITEMS, "dim": DIM, "edges": EDGES,
              "batch": BATCH, "embeddings": start.tolist(), "cases": results}
    text = json.dumps(golden, indent=1)
    # Rows on a line each.
    print(re.sub(r"\[\s+([-0-9.e,\s]+?)\s+\]",
                 lambda m: "[" + re.sub(r"\s+", " ", m[1]) + "]", text))


if __name__ == "__main__":
    main()
