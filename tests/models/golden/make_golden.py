#!/usr/bin/env python3
"""Writes golden.json: losses and gradients of whole training steps by PyTorch's autograd.

Written from the papers alone: dense float64 matrices, A = D^-1/2 [[0 R] [R^T 0]] D^-1/2,
rows = sum_k w_k A^k E (LightGCN, SIGIR 2020, eq. 7-8; without layers: matrix factorisation),
or layers over E (NGCF, SIGIR 2019, eq. 7; GATv2, ICLR 2022, eq. 7; LightGCN with GATv2's scores;
NGAT4Rec, arXiv:2010.12256; GGNN, ICLR 2016, by torch.nn.GRUCell; GraphSAGE, NeurIPS 2017,
algorithm 1; R-GCN, ESWC 2018, eq. 2 and 3; ROLAND, KDD 2022, algorithm 1, whose states start from
E), links beside the interactions (LightGCN: A + sum_r w_r A_r), BPR (UAI 2009), sampled softmax with two temperatures (BSL, ICDE 2024), and lambda / (2 batch) times the squared norms of the batch's rows of E.

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
# When they were: the first six in the older of two slices.
TIMES = [1000 + 10 * k for k in range(len(EDGES))]
# Links (from, to, weight), directed and not. Those of user 4 say nothing in training.
LINKS = {
    "trust": dict(kind="user", directed=True,
                  links=[(0, 1, 1), (0, 4, 1), (1, 0, 1), (1, 5, 1), (2, 1, 1), (3, 0, 1)]),
    "alike": dict(kind="item", directed=False, links=[(0, 2, 2.0), (1, 6, 0.5), (2, 3, 1.5)]),
}
# (user, item) at each position of the batch; a user and an item stand in several.
BATCH = [(2, 6), (0, 1), (5, 1), (1, 2), (0, 3)]

CASES = {
    "lightgcn bpr": dict(layers=3, loss="bpr", each=1, l2=0.05),
    "lightgcn bpr three negatives": dict(layers=3, loss="bpr", each=3, l2=0.05),
    "lightgcn softmax": dict(layers=3, loss="softmax", tau=0.2, tau2=0.84, l2=0.05),
    "lightgcn softmax one layer": dict(layers=1, loss="softmax", tau=0.15, tau2=1.0, l2=0.0),
    "mf bpr": dict(layers=0, loss="bpr", each=1, l2=0.05),
    "mf softmax": dict(layers=0, loss="softmax", tau=0.2, tau2=0.84, l2=0.05),
    "ngcf bpr": dict(layers=2, loss="bpr", each=1, l2=0.05),
    "ngcf softmax": dict(layers=2, loss="softmax", tau=0.2, tau2=0.84, l2=0.05),
    "gat bpr": dict(layers=2, loss="bpr", each=1, l2=0.05, heads=2),
    "gat softmax one layer": dict(layers=1, loss="softmax", tau=0.2, tau2=0.84, l2=0.05, heads=1),
    "ngat4rec softmax": dict(layers=2, loss="softmax", tau=0.2, tau2=0.84, l2=0.05),
    "ggnn bpr": dict(layers=2, loss="bpr", each=1, l2=0.05),
    "ggnn softmax": dict(layers=2, loss="softmax", tau=0.2, tau2=0.84, l2=0.05),
    "sage bpr": dict(layers=2, loss="bpr", each=1, l2=0.05, aggregate="mean"),
    "sage softmax max": dict(layers=2, loss="softmax", tau=0.2, tau2=0.84, l2=0.05,
                             aggregate="max"),
    "lightgat softmax": dict(layers=2, loss="softmax", tau=0.2, tau2=0.84, l2=0.05, heads=2),
    "rgcn softmax": dict(layers=2, loss="softmax", tau=0.2, tau2=0.84, l2=0.05, bases=2),
    "rgcn bpr links": dict(layers=2, loss="bpr", each=1, l2=0.05, bases=3,
                           relations=[("trust", 1), ("alike", 1)]),
    "lightgcn softmax links": dict(layers=2, loss="softmax", tau=0.2, tau2=0.84, l2=0.05,
                                   relations=[("trust", 0.5), ("alike", -0.3)]),
    "roland softmax": dict(layers=2, loss="softmax", tau=0.2, tau2=0.84, l2=0.05, slices=2),
}
# Drawn by the sampler with seed 7 at step 1 (softmax: a pool of 9, by degree^0.5).
NEGATIVES = {
    1: [1, 6, 3, 3, 4],
    3: [1, 2, 2, 2, 4, 4, 0, 2, 2, 3, 4, 6, 2, 4, 6],
    "pool": [0, 2, 1, 2, 2, 0, 4, 4, 3],
}


def normalised(a):
    degree = a.sum(1)
    scale = torch.where(degree > 0, degree.clamp(min=1e-9) ** -0.5, torch.zeros_like(degree))
    return scale[:, None] * a * scale[None, :]


def adjacency(edges=EDGES):
    a = torch.zeros(NUM_USERS + NUM_ITEMS, NUM_USERS + NUM_ITEMS, dtype=torch.float64)
    for user, item in edges:
        a[user, NUM_USERS + item] = a[NUM_USERS + item, user] = 1
    return normalised(a)


def link_matrix(name):
    """Row i: whom node i links to, between nodes with interactions."""
    table = LINKS[name]
    a = torch.zeros(NUM_USERS + NUM_ITEMS, NUM_USERS + NUM_ITEMS, dtype=torch.float64)
    first = 0 if table["kind"] == "user" else NUM_USERS
    trained = adjacency().sum(1) > 0
    for start, end, weight in table["links"]:
        if trained[first + start] and trained[first + end]:
            a[first + start, first + end] = weight
            if not table["directed"]:
                a[first + end, first + start] = weight
    return a


def mean_over(a, x):
    total = a.sum(1, keepdim=True)
    return a @ x / torch.where(total > 0, total, torch.ones_like(total))


def heard_by_relation(case, x):
    """What R-GCN's nodes hear: users, items, then of each kind of link."""
    interactions = (adjacency() > 0).double()
    of_users = interactions.clone()
    of_users[NUM_USERS:] = 0
    heard = [mean_over(of_users, x), mean_over(interactions - of_users, x)]
    for name, _ in case.get("relations", []):
        a = link_matrix(name)
        heard += [mean_over(a, x)] + ([mean_over(a.T, x)] if LINKS[name]["directed"] else [])
    return heard


def rgcn_layer(case, x, p, prefix, is_last):
    bases = p[prefix + "bases"].reshape(case["bases"], DIM, DIM)
    y = x @ p[prefix + "self"] + p[prefix + "bias"]
    for r, heard in enumerate(heard_by_relation(case, x)):
        y = y + heard @ torch.einsum("b,bio->io", p[prefix + "coefficients"][r], bases)
    return y if is_last else torch.relu(y)


def over_links(case):
    """A + sum_r w_r A_r; a directed link goes both ways."""
    a = adjacency()
    for name, weight in case.get("relations", []):
        links = link_matrix(name)
        a = a + weight * normalised(torch.maximum(links, links.T))
    return a


def roland_rows(case, embeddings, p):
    middle = (TIMES[-1] - TIMES[0]) / 2
    states = [embeddings] * case["layers"]
    for is_old in (True, False):
        slice_ = adjacency([edge for edge, time in zip(EDGES, TIMES)
                            if (time - TIMES[0] < middle) == is_old])
        x = embeddings
        for k in range(case["layers"]):
            x = states[k] = gru_cell(slice_ @ x, states[k], p, f"layer{k + 1}.")
    return sum([embeddings] + states) / (1 + len(states))


def shapes(case):
    """The parameters of a model beside its embeddings."""
    model, d = case["model"], DIM
    if model == "lightgcn":
        return {"layer_weights": (1, case["layers"] + 1)}
    if model == "ggnn":
        return {"layer1.input": (d, 3 * d), "layer1.input-bias": (1, 3 * d),
                "layer1.state": (d, 3 * d), "layer1.state-bias": (1, 3 * d)}
    num_relations = 0
    if model == "rgcn":
        num_relations = len(heard_by_relation(case, torch.zeros(NUM_USERS + NUM_ITEMS, d).double()))
    of_layer = {
        "ngcf": {"sum": (d, d), "product": (d, d)},
        "lightgat": {"target": (d, d), "attention": (1, d)},
        "gat": {"source": (d, d), "target": (d, d), "attention": (1, d)},
        "sage": {"self": (d, d), "neighbours": (d, d), "bias": (1, d)},
        "rgcn": {"self": (d, d), "bases": (case.get("bases", 0) * d, d),
                 "coefficients": (num_relations, case.get("bases", 0)), "bias": (1, d)},
        "roland": {"input": (d, 3 * d), "input-bias": (1, 3 * d), "state": (d, 3 * d),
                   "state-bias": (1, 3 * d)},
    }.get(model, {})
    if case.get("aggregate") == "max":
        of_layer = {**of_layer, "pool": (d, d), "pool-bias": (1, d)}
    return {f"layer{k}.{name}": shape for k in range(1, case["layers"] + 1)
            for name, shape in of_layer.items()}


def sage_layer(case, x, p, prefix, is_last):
    connected = adjacency() > 0
    if case["aggregate"] == "mean":
        degree = connected.sum(1, keepdim=True).clamp(min=1)
        received = connected.double() @ x / degree
    else:
        pooled = torch.relu(x @ p[prefix + "pool"] + p[prefix + "pool-bias"])
        received = torch.stack([pooled[c].max(0).values if c.any() else torch.zeros(DIM).double()
                                for c in connected])
    y = x @ p[prefix + "self"] + received @ p[prefix + "neighbours"] + p[prefix + "bias"]
    return y if is_last else torch.relu(y)


def gat_layer(case, x, p, prefix, is_last):
    heads, width = case["heads"], DIM // case["heads"]
    connected = (adjacency() > 0) | torch.eye(len(x), dtype=torch.bool)
    target, source = x @ p[prefix + "target"], x @ p[prefix + "source"]
    mixed = torch.nn.functional.leaky_relu(target[:, None, :] + source[None, :, :], 0.2)
    scores = (mixed * p[prefix + "attention"]).reshape(len(x), len(x), heads, width).sum(-1)
    weights = torch.softmax(scores.masked_fill(~connected[:, :, None], -torch.inf), 1)
    y = torch.einsum("ijh,jhc->ihc", weights, source.reshape(len(x), heads, width)).flatten(1)
    return y if is_last else torch.nn.functional.elu(y)


def lightgat_layer(case, x, p, prefix):
    heads, width = case["heads"], DIM // case["heads"]
    connected = (adjacency() > 0).double()
    degree = connected.sum(1, keepdim=True)
    source = x / degree.clamp(min=1) ** 0.5
    mixed = torch.nn.functional.leaky_relu((x @ p[prefix + "target"])[:, None, :] + x, 0.2)
    scores = (mixed * p[prefix + "attention"]).reshape(len(x), len(x), heads, width).sum(-1)
    shares = torch.exp(scores) * connected[:, :, None]
    shares = shares / shares.sum(1, keepdim=True).clamp(min=1e-300)
    y = torch.einsum("ijh,jhc->ihc", shares, source.reshape(len(x), heads, width)).flatten(1)
    return y * degree ** 0.5


def ngat4rec_layer(x):
    rows = []
    for node, connected in enumerate(adjacency() > 0):
        if not connected.any():
            rows.append(torch.zeros(DIM).double())
            continue
        near = x[connected]
        unit = torch.nn.functional.normalize(near, dim=1)
        weights = torch.relu((unit @ unit.T).mean(0))
        rows.append(weights @ near / connected.sum().double() ** 0.5)
    return torch.stack(rows)


def gru_cell(received, state, p, prefix):
    cell = torch.nn.GRUCell(DIM, DIM).double()
    own = {"weight_ih": p[prefix + "input"].T, "bias_ih": p[prefix + "input-bias"][0],
           "weight_hh": p[prefix + "state"].T, "bias_hh": p[prefix + "state-bias"][0]}
    return torch.nn.utils.stateless.functional_call(cell, own, (received, state))


def gru_layer(x, p):
    connected = (adjacency() > 0).double()
    received = connected @ x / connected.sum(1, keepdim=True).clamp(min=1)
    return gru_cell(received, x, p, "layer1.")


def final_rows(case, embeddings, p):
    a, model = over_links(case), case["model"]
    if model == "mf":
        return embeddings
    if model == "roland":
        return roland_rows(case, embeddings, p)
    if model == "lightgcn":
        return sum(w * torch.linalg.matrix_power(a, k) @ embeddings
                   for k, w in enumerate(p["layer_weights"][0]))
    layers = [embeddings]
    for k in range(1, case["layers"] + 1):
        x, prefix, is_last = layers[-1], f"layer{k}.", k == case["layers"]
        if model == "ngcf":
            y = torch.nn.functional.leaky_relu(
                (a @ x + x) @ p[prefix + "sum"] + (a @ x * x) @ p[prefix + "product"], 0.2)
        elif model == "gat":
            y = gat_layer(case, x, p, prefix, is_last)
        elif model == "lightgat":
            y = lightgat_layer(case, x, p, prefix)
        elif model == "ngat4rec":
            y = ngat4rec_layer(x)
        elif model == "ggnn":
            y = gru_layer(x, p)
        elif model == "rgcn":
            y = rgcn_layer(case, x, p, prefix, is_last)
        else:
            y = sage_layer(case, x, p, prefix, is_last)
        layers.append(y)
    if model == "ngcf":
        return torch.cat(layers, 1)
    return sum(layers) / len(layers) if model in ("lightgat", "ngat4rec") else layers[-1]


def objective(case, embeddings, parameters, negatives):
    rows = final_rows(case, embeddings, parameters)
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
        case = {"model": name.split()[0], **case}
        embeddings = torch.tensor(start, dtype=torch.float64, requires_grad=True)
        values = {key: np.round(generator.normal(0, 0.6, shape), 3)
                  for key, shape in shapes(case).items()}
        if case["model"] == "lightgcn":
            # Not equal, so that a confusion of layers shows.
            values["layer_weights"] = np.array(
                [[round(0.4 - 0.1 * k, 1) for k in range(case["layers"] + 1)]])
        parameters = {key: torch.tensor(value, dtype=torch.float64, requires_grad=True)
                      for key, value in values.items()}
        negatives = NEGATIVES["pool" if case["loss"] == "softmax" else case["each"]]
        loss = objective(case, embeddings, parameters, negatives)
        loss.backward()
        results.append({
            "name": name, **case, "negatives": negatives, "value": loss.item(),
            "parameters": {key: value.tolist() for key, value in values.items()},
            "embeddings_gradient": embeddings.grad.tolist(),
            "gradients": {key: value.grad.tolist() for key, value in parameters.items()},
        })
    golden = {"num_users": NUM_USERS, "num_items": NUM_ITEMS, "dim": DIM, "edges": EDGES,
              "times": TIMES, "links": LINKS, "batch": BATCH, "embeddings": start.tolist(), "cases": results}
    text = json.dumps(golden, indent=1)
    # Rows on a line each.
    print(re.sub(r"\[\s+([-0-9.e,\s]+?)\s+\]",
                 lambda m: "[" + re.sub(r"\s+", " ", m[1]) + "]", text))


if __name__ == "__main__":
    main()
