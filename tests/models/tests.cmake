halorec_test(baselines models RANKS 1 2 3 5)
