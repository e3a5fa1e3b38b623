halorec_test(options launch)
halorec_test(threads launch RANKS 1 2 3)
halorec_test(progress launch)
