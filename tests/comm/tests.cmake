halorec_test(hdf5_file comm)
