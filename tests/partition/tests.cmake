halorec_test(shared_data partition)
target_compile_definitions(shared_data_test PRIVATE HALOREC_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
