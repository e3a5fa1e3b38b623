"""halorec partition and train's own cuts from outside: the method that auto picks and says, the same
figures on any number of ranks, files that train takes."""

import json
import os
import unittest

from support import FolderTest, run, succeed

FIGURES = ["nodes", "edges", "cut", "halo_vectors_per_node", "hybrid_vectors_per_node",
           "node_imbalance", "edge_imbalance", "interaction_imbalance", "empty_parts"]


class PartitionTest(FolderTest):

    def partition(self, data, *options, ranks=0):
        plan, result = succeed("partition", data, "--parts", 4, "--json", *options,
                               ranks=ranks).events()
        self.assertEqual((plan["event"], result["event"]), ("cut", "partition"))
        self.assertEqual(plan["method"], result["method"])
        return plan, result

    def log_of(self, run_folder):
        with open(os.path.join(run_folder, "log.jsonl")) as file:
            return [json.loads(line) for line in file]

    def test_auto_takes_metis_where_it_fits(self):
        data = self.generate()
        plan, result = self.partition(data)
        self.assertEqual(plan["method"], "metis")
        self.assertGreater(plan["metis_memory_bytes"], 160 * result["edges"])
        self.assertGreater(plan["memory_limit_bytes"], plan["metis_memory_bytes"])
        said = succeed("partition", data, "--parts", 4).out
        self.assertRegex(said.splitlines()[0],
                         r"^cutting by metis: METIS would take about [0-9.]+ GiB, [0-9.]+ GiB may")

    def test_auto_takes_cluster_where_metis_does_not_fit(self):
        data = self.generate()
        plan, _ = self.partition(data, "--memory-limit", "0.0004")
        self.assertEqual(plan["method"], "cluster")
        self.assertEqual(plan["memory_limit_bytes"], int(0.0004 * 2**30))
        # Named, METIS is taken all the same.
        plan, _ = self.partition(data, "--memory-limit", "0.0004", "--method", "metis")
        self.assertEqual(plan["method"], "metis")

    def test_the_same_cut_on_any_number_of_ranks(self):
        data = self.generate(users=900, items=400, edges=9000)
        for method in ("cluster", "metis", "hash"):
            figures = []
            for ranks in (0, 2, 3):
                _, result = self.partition(data, "--method", method, ranks=ranks)
                figures.append([result[name] for name in FIGURES])
            self.assertEqual(figures[0], figures[1], method)
            self.assertEqual(figures[0], figures[2], method)

    def test_figures_make_sense(self):
        data = self.generate(users=900, items=400, edges=9000)
        _, cluster = self.partition(data, "--method", "cluster", ranks=2)
        _, by_hash = self.partition(data, "--method", "hash")
        self.assertLess(cluster["cut"], by_hash["cut"])
        for result in (cluster, by_hash):
            self.assertLess(0, result["hybrid_vectors_per_node"])
            self.assertLessEqual(result["hybrid_vectors_per_node"],
                                 result["halo_vectors_per_node"])
            self.assertGreater(result["peak_memory_bytes"], 1 << 20)

    def test_what_travels_between_hosts(self):
        data = self.generate(users=900, items=400, edges=9000)
        _, plain = self.partition(data)
        self.assertNotIn("hosts", plain)
        figures = []
        for ranks in (0, 3):
            _, result = self.partition(data, "--ranks-per-host", 2, ranks=ranks)
            self.assertEqual(result["hosts"], 2)
            self.assertLess(0, result["between_hosts_per_node"])
            self.assertLessEqual(result["between_hosts_per_node"],
                                 result["between_hosts_as_cut_per_node"])
            figures.append((result["between_hosts_per_node"],
                            result["between_hosts_as_cut_per_node"]))
        self.assertEqual(figures[0], figures[1])
        _, alone = self.partition(data, "--ranks-per-host", 1)
        self.assertEqual(alone["hosts"], 4)
        for name in ("between_hosts_per_node", "between_hosts_as_cut_per_node"):
            self.assertAlmostEqual(alone[name], alone["hybrid_vectors_per_node"])
        _, together = self.partition(data, "--ranks-per-host", 4)
        self.assertEqual(together["between_hosts_as_cut_per_node"], 0)

    def test_train_takes_the_file(self):
        data, parts, folder = self.generate(), self.path("p.h5"), self.path("run")
        succeed("partition", data, "--parts", 2, "--method", "cluster", "--out", parts, ranks=3)
        succeed("train", data, "--run", folder, "--partition", parts, "--epochs", 1, "--dim", 8,
                "--select", "none", ranks=2)
        owners = [e for e in self.log_of(folder) if e["event"] == "owners"]
        self.assertEqual(owners[0]["how"], f"read from {parts}")

    def test_train_cuts_by_cluster_and_caches_it(self):
        data = self.generate(seed=7)
        options = ("--epochs", 1, "--dim", 8, "--select", "none", "--memory-limit", "0.0004")
        succeed("train", data, "--run", self.path("one"), *options, ranks=2)
        events = {e["event"]: e for e in self.log_of(self.path("one"))}
        self.assertEqual(events["cut"]["method"], "cluster")
        self.assertIn("METIS would take", events["cut"]["reason"])
        self.assertEqual(events["owners"]["how"], "cut by cluster")
        succeed("train", data, "--run", self.path("two"), *options, ranks=2)
        events = {e["event"]: e for e in self.log_of(self.path("two"))}
        self.assertNotIn("cut", events)
        self.assertRegex(events["owners"]["how"], "^from the cache")

    def test_train_finds_what_partition_cut(self):
        data = self.generate(seed=8)
        for graph, select in (((), "validation"), (("--graph", "train+validation"), "none")):
            succeed("partition", data, "--parts", 3, *graph, ranks=2)
            folder = self.path(select)
            succeed("train", data, "--run", folder, "--epochs", 1, "--dim", 8, "--select", select,
                    ranks=3)
            owners = [e for e in self.log_of(folder) if e["event"] == "owners"]
            self.assertRegex(owners[0]["how"], "^from the cache")

    def test_a_folder_that_is_missing_is_told_before_the_cut(self):
        result = run("partition", self.generate(), "--parts", 2, "--out", self.path("no/p.h5"))
        self.assertEqual(result.status, 2)
        self.assertIn("make it first", result.err)
        self.assertEqual(result.out, "")

    def test_only_a_partition_is_overwritten(self):
        data = self.generate()
        with open(data, "rb") as file:
            before = file.read()
        refused = run("partition", data, "--parts", 2, "--out", data)
        self.assertEqual(refused.status, 2)
        self.assertIn("exists and is not a partition made by Halorec", refused.err)
        with open(data, "rb") as file:
            self.assertEqual(file.read(), before)
        parts = self.path("parts.h5")
        for number in (2, 3):
            succeed("partition", data, "--parts", number, "--out", parts)

    def test_raw_data_is_cut_on_several_ranks(self):
        lines = ["user,item,rating,timestamp"]
        lines += [f"u{k % 40},i{(k * k) % 23},4,{1000 + k}" for k in range(400)]
        data = self.write("r.csv", "\n".join(lines) + "\n")
        _, result = self.partition(data, "--method", "cluster", ranks=2)
        self.assertGreater(result["edges"], 50)

    def test_a_memory_limit_of_nothing_is_refused(self):
        result = run("partition", self.generate(), "--parts", 4, "--memory-limit", "0", ranks=2)
        self.assertEqual(result.status, 2)
        self.assertIn("--memory-limit", result.err)


if __name__ == "__main__":
    unittest.main()
