"""A small run of every benchmark and of plan: the figures that must be there, and how they hang
together. No figure is judged for its size: that depends on the machine."""

import os
import re
import unittest
import xml.etree.ElementTree

from support import FolderTest, run, succeed

TRAINING = ["--layers", 2, "--loss", "bpr", "--dim", 16, "--batch", 256]
QUICK = ["--steps", 3, "--warm-up", 1]


def events_named(result, name):
    return [e for e in result.events() if e["event"] == name]


class BenchTest(FolderTest):

    def setUp(self):
        super().setUp()
        self.data = self.generate()

    def assert_summary(self, summary, count=None):
        self.assertLessEqual(summary["smallest"], summary["lower"])
        self.assertLessEqual(summary["lower"], summary["median"])
        self.assertLessEqual(summary["median"], summary["upper"])
        self.assertLessEqual(summary["upper"], summary["largest"])
        self.assertGreater(summary["smallest"], 0)
        if count is not None:
            self.assertEqual(summary["count"], count)

    def assert_page(self, path, num_plots):
        """One file, well-formed, that fetches nothing."""
        with open(path, encoding="utf-8") as file:
            text = file.read()
        root = xml.etree.ElementTree.fromstring(text)
        self.assertEqual(len(root.findall(".//{http://www.w3.org/2000/svg}svg")), num_plots)
        self.assertNotRegex(text, r"(src|href)\s*=|@import|url\(")
        self.assertNotIn("http", re.sub(r'xmlns="http://www.w3.org/2000/svg"', "", text))

    def assert_step(self, step, ranks):
        self.assertEqual(step["ranks"], ranks)
        self.assertEqual(len(step["threads"]), ranks)
        self.assertEqual(len(step["cores"]), ranks)
        self.assertEqual(len(step["peak_memory_bytes"]), ranks)
        self.assert_summary(step["step_seconds"], 3)
        self.assert_summary(step["product_seconds"])
        for phase in ("sample", "forward", "loss", "backward", "allreduce", "update", "other"):
            self.assertIn(phase, step["phases"])
        self.assertAlmostEqual(sum(step["phases"].values()), step["mean_seconds"], places=9)
        inner = step["propagation"]
        self.assertEqual(set(inner), {"local edges", "cross edges", "exchange"})
        self.assertLess(sum(inner.values()), step["phases"]["forward"] + step["phases"]["backward"])
        self.assertGreater(step["fraction_of_gather"], 0)
        self.assertEqual(step["propagations"], 4)
        self.assertEqual(step["propagations_per_epoch"], 4 * step["steps_per_epoch"])
        self.assertGreater(step["floor_products"], 2)
        self.assertLessEqual(step["floor_products"], 4)
        self.assertAlmostEqual(
            step["floor_seconds"], step["floor_products"] * step["product_seconds"]["median"] +
            step["phases"]["update"], places=9)
        self.assertEqual(step["bytes_sent"] > 0, ranks > 1)
        self.assertEqual(step["layer_bytes"] > 0, ranks > 1)
        self.assertGreater(step["training_loss"], 0)

    def test_kernel(self):
        page = self.path("kernel.html")
        result = succeed("bench", "kernel", self.data, "--dim", "16,48", "--thread-counts", "1,2",
                         "--repetitions", 2, "--stream-mib", 1, "--html", page, "--json")
        kernels = events_named(result, "kernel")
        targets = events_named(result, "machine")[0]["simd_targets"]
        graph = events_named(result, "graph")[0]
        self.assertEqual(len(kernels), 2 * 2 * len(targets))
        self.assertEqual({(k["dim"], k["threads"]) for k in kernels},
                         {(16, 1), (16, 2), (48, 1), (48, 2)})
        for k in kernels:
            self.assert_summary(k["seconds"], 2)
            self.assert_summary(k["fraction_of_gather"], 2)
            self.assertEqual(k["edges"], 2 * graph["interactions"])
            self.assertEqual(k["gathered_bytes"], 4 * k["dim"] * k["edges"])
            self.assertAlmostEqual(
                k["gathered_bytes_per_second"] * k["seconds"]["median"] / k["gathered_bytes"], 1)
            self.assertGreater(k["peak_flops_per_second"], 0)
            self.assertGreater(k["stream_bytes_per_second"], 0)
        rankings = events_named(result, "ranking")
        self.assertEqual([(r["dim"], r["threads"]) for r in rankings],
                         [(16, 1), (48, 1), (16, 2), (48, 2)])
        for r in rankings:
            self.assertEqual((r["users"], r["k"]), (graph["users"], 20))
            self.assertLessEqual(r["items"], graph["items"])
            self.assert_summary(r["fraction_of_matrix_product"], 2)
            self.assertAlmostEqual(r["flops_per_second"] * r["seconds"]["median"],
                                   2 * r["users"] * r["items"] * r["dim"], delta=1)
        self.assert_page(page, 2)

    def test_kernel_makes_a_graph_when_it_is_given_none(self):
        result = succeed("bench", "kernel", "--edges", 3000, "--dim", 16, "--simd", "best",
                         "--repetitions", 1, "--stream-mib", 1, "--threads", 1)
        self.assertIn("Medges/s", result.out)
        self.assertIn("of gather", result.out)

    def test_step_on_one_and_two_ranks(self):
        losses = []
        for ranks in (1, 2):
            page = self.path(f"step{ranks}.html")
            result = succeed("bench", "step", self.data, *TRAINING, *QUICK, "--repetitions", 2,
                             "--html", page, "--json", ranks=ranks)
            step = events_named(result, "step")[0]
            self.assert_step(step, ranks)
            graph = events_named(result, "graph")[0]
            for name in ("read_seconds", "cut_seconds", "shard_seconds"):
                self.assertGreaterEqual(graph[name], 0)
            for name in ("node_imbalance", "edge_imbalance", "halo_imbalance"):
                self.assertGreaterEqual(graph[name], 1)
            losses.append(step["training_loss"])
            self.assert_page(page, 1)
        self.assertAlmostEqual(losses[0], losses[1], places=5)

    def test_stored_rows(self):
        losses = []
        for ranks, exchange in ((1, "hybrid"), (2, "hybrid"), (2, "halo"), (3, "columns")):
            result = succeed("bench", "step", self.data, *TRAINING, *QUICK, "--init", 1,
                             "--repetitions", 1, "--store", "bf16", "--exchange", exchange,
                             "--json", ranks=ranks)
            losses.append(events_named(result, "step")[0]["training_loss"])
        for loss in losses[1:]:
            self.assertLess(abs(loss / losses[0] - 1), 2e-6)

    def test_columns(self):
        losses = {}
        for exchange in ("hybrid", "columns"):
            result = succeed("bench", "step", self.data, *TRAINING, *QUICK, "--repetitions", 1,
                             "--exchange", exchange, "--wire", "bf16" if exchange == "columns"
                             else "fp32", "--json", ranks=2)
            step = events_named(result, "step")[0]
            self.assertEqual(step["columns"], exchange == "columns")
            self.assertEqual(step["layer_bytes"] > 0, exchange == "hybrid")
            self.assertEqual("--wire bf16 is without effect" in result.err, exchange == "columns")
            losses[exchange] = step["training_loss"]
        self.assertAlmostEqual(losses["hybrid"], losses["columns"], places=5)
        few = run("bench", "step", self.data, "--layers", 2, "--dim", 2, "--exchange", "columns",
                  ranks=3)
        self.assertEqual(few.status, 2, few)
        self.assertIn("--dim 2 columns, and there are 3 ranks", few.errors()[0])
        result = succeed("plan", self.data, *TRAINING, *QUICK, "--ranks", 2, "--repetitions", 1,
                         "--exchange", "columns", "--json")
        steps = events_named(result, "prediction")
        self.assertEqual([s["columns"] for s in steps], [False, True])
        self.assertGreater(steps[1]["bytes_a_step"], 0)

    def test_partition(self):
        page = self.path("partition.html")
        result = succeed("bench", "partition", self.data, "--parts", "2,3", "--methods",
                         "metis,hash", "--steps", 1, *TRAINING, "--html", page, "--json")
        cuts = events_named(result, "cut")
        self.assertEqual([(c["parts"], c["method"]) for c in cuts],
                         [(2, "metis"), (2, "hash"), (3, "metis"), (3, "hash")])
        for c in cuts:
            self.assertTrue(0 < c["cut"] <= 1)
            self.assertTrue(0 < c["hybrid_vectors_per_node"] <= c["halo_vectors_per_node"])
            self.assertGreaterEqual(c["edge_imbalance"], 1)
            self.assertAlmostEqual(c["epochs"], c["seconds"] / c["epoch_seconds"], places=9)
            self.assertGreater(c["peak_memory_bytes"], 1 << 20)
        self.assert_page(page, 1)

    def test_one_rank_stands_beside_many(self):
        result = succeed("bench", "step", self.data, *TRAINING, *QUICK, "--repetitions", 1,
                         "--threads", 1, "--json", ranks=2)
        one, step = events_named(result, "one-rank")[0], events_named(result, "step")[0]
        self.assertEqual(one["threads"], [2])
        self.assertEqual(one["cores"], step["cores"][:1])  # no rank is bound here
        self.assertAlmostEqual(one["training_loss"], step["training_loss"], places=4)
        if len(one["cores"][0]) >= 2:
            self.assertEqual(one["not_compared"], "")
            self.assertAlmostEqual(
                one["speed_of_one_rank"],
                one["step_seconds"]["median"] / step["step_seconds"]["median"], places=9)
        # More threads than cores: measured, but not compared.
        result = succeed("bench", "step", self.data, *TRAINING, *QUICK, "--repetitions", 1,
                         "--threads", 99, "--json", ranks=2)
        one = events_named(result, "one-rank")[0]
        self.assertIsNone(one["speed_of_one_rank"])
        self.assertIn("99 threads on", one["not_compared"])
        self.assertIn("not compared with one rank", result.err)
        result = succeed("bench", "step", self.data, *TRAINING, *QUICK, "--repetitions", 1,
                         "--without-one-rank", "--json", ranks=2)
        self.assertEqual(events_named(result, "one-rank"), [])

    def test_exchange(self):
        page = self.path("exchange.html")
        result = succeed("bench", "exchange", self.data, "--dim", 16, "--repetitions", 2, "--html",
                         page, "--json", ranks=2)
        graph = events_named(result, "graph")[0]
        network = events_named(result, "network")[0]
        self.assertGreater(network["bytes_per_second"], 0)
        self.assertGreater(network["latency_seconds"], 0)
        sent = {e["what"]: e for e in events_named(result, "exchange")}
        for what in ("gather", "scatter-add"):
            self.assertEqual(sent[f"{what}, fp32"]["bytes_sent"], 64 * sum(graph["ghosts"]))
            self.assertEqual(sent[f"{what}, bf16"]["bytes_sent"], 32 * sum(graph["ghosts"]))
            self.assertEqual(sent[f"{what}, int8"]["bytes_sent"], 20 * sum(graph["ghosts"]))
        self.assertLessEqual(sent["product, hybrid, fp32"]["bytes_sent"],
                             sent["product, halo, fp32"]["bytes_sent"])
        for plan in ("halo", "hybrid"):
            self.assertEqual(sent[f"exchange, {plan}, fp32"]["bytes_sent"],
                             sent[f"product, {plan}, fp32"]["bytes_sent"])
        for e in sent.values():  # no moment is counted twice
            for figure in ("smallest", "median", "largest"):
                self.assertLessEqual(e["wait_seconds"][figure], e["seconds"][figure])
        one = events_named(result, "one-rank")[0]
        self.assertGreater(one["product_seconds"]["smallest"], 0)
        compared = {what for what in sent if what.startswith("product")}
        self.assertEqual(set(one["speed_of_one_rank"]),
                         set() if one["not_compared"] else compared)
        overlaps = events_named(result, "overlap")
        self.assertEqual(len(overlaps), 6)
        for overlap in overlaps:
            self.assertGreater(overlap["wait_alone_seconds"], 0)
            self.assertGreater(overlap["wait_exposed_seconds"], 0)
            self.assertAlmostEqual(
                overlap["hidden_fraction"],
                1 - overlap["wait_exposed_seconds"] / overlap["wait_alone_seconds"], places=9)
        self.assert_page(page, 1)
        self.assertIn("mpirun -n 2", run("bench", "exchange", self.data).err)

    def test_scaling_with_replay(self):
        page = self.path("scaling.html")
        result = run("bench", "scaling", self.data, *TRAINING, *QUICK, "--ranks", "1,2", "--rounds",
                     1, "--repetitions", 2, "--replay", 3, "--quality-epochs", 1, "--html", page,
                     "--json", timeout=120)
        jobs = events_named(result, "scaling")
        self.assertEqual([j["ranks"] for j in jobs], [1, 2])
        compared = [j["speed_of_one_rank"] is not None for j in jobs]
        self.assertEqual(result.status, 0 if all(compared) else 1, result)
        self.assertEqual(len(set(compared)), 1)
        self.assertEqual({j["best_single_rank_seconds"] for j in jobs},
                         {jobs[0]["step_seconds"]["median"]})
        if all(compared):
            self.assertEqual(jobs[0]["speed_of_one_rank"]["median"], 1)
        quality = events_named(result, "quality")
        self.assertEqual([q["ranks"] for q in quality], [1, 2])
        self.assertAlmostEqual(quality[0]["recall@20"], quality[1]["recall@20"], places=3)
        self.assertEqual([p["ranks"] for p in events_named(result, "prediction")], [1, 3])
        self.assert_page(page, 5)

    def test_scaling_starts_its_own_ranks(self):
        result = run("bench", "scaling", self.data, ranks=1)
        self.assertEqual(result.status, 2, result)
        self.assertIn("start it without", result.err)

    def test_scaling_refuses_skewed_bindings(self):
        # Two ranks of one core each against one rank with as many threads on the same one core.
        launcher = "mpirun --oversubscribe --cpu-set 0 --bind-to core"
        result = run("bench", "scaling", self.data, *TRAINING, *QUICK, "--ranks", 2, "--rounds", 1,
                     "--threads", 2, "--repetitions", 1, "--launcher", launcher, "--json",
                     timeout=120)
        self.assertEqual(result.status, 1, result)
        jobs = events_named(result, "scaling")
        self.assertEqual([job["ranks"] for job in jobs], [1, 2])
        for job in jobs:
            self.assertIsNone(job["speed_of_one_rank"])
        self.assertIn("forbid to compare", result.err)

    def test_plan(self):
        page, script = self.path("plan.html"), self.path("plan.sbatch")
        result = succeed("plan", self.data, *TRAINING, *QUICK, "--ranks", "2,4", "--repetitions",
                         2, "--threads", 1, "--network-latency", 5, "--network-bandwidth", 1,
                         "--network-message", 1, "--slurm", script, "--html", page, "--json")
        network = events_named(result, "network")[0]
        self.assertEqual(network["how"], "given")
        self.assertAlmostEqual(network["latency_seconds"], 5e-6)
        steps = events_named(result, "prediction")
        self.assertEqual([s["ranks"] for s in steps], [1, 2, 4])
        base = events_named(result, "base")[0]
        demanded = events_named(result, "demanded")[0]
        self.assertTrue(0 < demanded["nonzeros_share"] <= 1)
        self.assertTrue(0 < demanded["share"] <= 1)
        self.assertGreaterEqual(base["equivalent_products"],
                                2 + 2 * demanded["nonzeros_share"] - 1e-9)
        for s in steps:
            self.assertAlmostEqual(sum(s["terms"].values()), s["step_seconds"], places=9)
            self.assertAlmostEqual(s["speedup"], base["step_seconds"] / s["step_seconds"], places=6)
            self.assertAlmostEqual(s["efficiency"], s["speedup"] / s["ranks"], places=6)
            self.assertEqual(s["shards_run"], s["ranks"])
            self.assertEqual(s["bytes_a_step"] > 0, s["ranks"] > 1)
            peaks = [s[f"{name}_memory_bytes"] for name in ("dealing", "step", "evaluation")]
            self.assertGreater(min(peaks), 0)
            self.assertEqual(s["memory_bytes"], max(peaks))
            self.assertEqual(s["cut_memory_bytes"] is not None, s["ranks"] > 1)
        self.assertGreater(steps[0]["memory_bytes"], steps[2]["memory_bytes"])
        plan = events_named(result, "plan")[0]
        self.assertIn(plan["best_ranks"], [1, 2, 4])
        with open(script, encoding="utf-8") as file:
            text = file.read()
        self.assertIn(f"#SBATCH --ntasks={plan['best_ranks']}\n", text)
        self.assertIn("'--layers' '2'", text)
        self.assertIn(os.path.abspath(self.data), text)
        self.assertEqual(os.system(f"bash -n {script}"), 0)
        self.assert_page(page, 3)

    def test_plan_refuses_what_it_cannot_foretell(self):
        for words, options in (("contrastive", ("--loss", "softmax:1,contrastive:0.1")),
                               ("dropout", ("--edge-dropout", 0.5)),
                               ("single precision", ("--precision", "double")),
                               ("--fanout", ("--fanout", "5,5"))):
            result = run("plan", self.data, "--layers", 2, "--dim", 16, *options, "--ranks", 2)
            self.assertEqual((result.status, len(result.errors())), (2, 1), result)
            self.assertIn(words, result.errors()[0])

    def test_plan_says_when_nothing_fits(self):
        result = run("plan", self.data, *TRAINING, *QUICK, "--ranks", 2, "--repetitions", 1,
                     "--memory", 0.001)
        self.assertEqual(result.status, 1, result)
        self.assertIn("fits into 0.001 GiB", result.err)

    def test_a_group_names_its_commands(self):
        for arguments in (["bench"], ["bench", "--help"], ["help", "bench"]):
            result = run(*arguments)
            self.assertEqual(result.status, 2, result)
            self.assertIn("bench kernel, bench step", result.err)
        self.assertIn("did you mean 'bench step'", run("bench", "stp").err)


if __name__ == "__main__":
    unittest.main()
