halorec_test(shared_data partition)
target_compile_definitions(shared_data_test PRIVATE HALOREC_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
halorec_test(partitioner partition)
halorec_test(shard partition RANKS 1 2 3 5)
