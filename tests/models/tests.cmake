halorec_test(baselines models RANKS 1 2 3 5)
halorec_test(recommender models RANKS 1 2 3 5)
halorec_test(golden models RANKS 1 2 3 5)
target_compile_definitions(golden_test PRIVATE
                           HALOREC_GOLDEN_FILE="${CMAKE_CURRENT_SOURCE_DIR}/models/golden/golden.json")
halorec_test(layered models RANKS 1 2 3 5 TIMEOUT 600)
halorec_test(training models RANKS 1 2 3 5 TIMEOUT 600)
halorec_test(row_storage_training models RANKS 1 2 3 4 5 TIMEOUT 300)
halorec_test(trainer models RANKS 1 2 3 5 TIMEOUT 300)
