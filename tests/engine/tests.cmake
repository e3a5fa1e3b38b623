halorec_test(metrics engine RANKS 1 2 3 5)
halorec_test(ranking engine RANKS 1 2 3 5)
halorec_test(kernels engine)
