halorec_test(options launch)
