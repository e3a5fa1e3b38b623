halorec_test(metrics engine RANKS 1 2 3 5)
halorec_test(ranking engine RANKS 1 2 3 5)
halorec_test(exposure engine RANKS 1 2 3 5)
halorec_test(kernels engine)
halorec_test(spmm engine)
halorec_test(propagation engine RANKS 1 2 3 5)
halorec_test(row_storage engine RANKS 1 2 3 5)
# Once with the matrix units hidden, once with those of this machine: skipped, and reported so, where
# there are none.
halorec_test(bf16_product engine)
set_property(TEST engine.bf16_product.1 APPEND PROPERTY ENVIRONMENT DNNL_MAX_CPU_ISA=AVX2)
add_test(NAME engine.bf16_units COMMAND ${HALOREC_MPIRUN} -n 1 $<TARGET_FILE:bf16_product_test>)
set_tests_properties(engine.bf16_units PROPERTIES TIMEOUT 120 PROCESSORS 2
                     SKIP_REGULAR_EXPRESSION "no bf16 matrix units on this machine"
                     ENVIRONMENT "${HALOREC_TEST_ENVIRONMENT}")
halorec_test(score_format engine RANKS 1 2 3 5)
halorec_test(sampler engine RANKS 1 2 3 5)
halorec_test(gradient engine RANKS 1 2 3 5 TIMEOUT 300)
halorec_test(loss_gradient engine RANKS 1 2 3 5 TIMEOUT 300)
halorec_test(pointwise_loss engine RANKS 1 2 3 5 TIMEOUT 300)
halorec_test(perturbation engine RANKS 1 2 3 5 TIMEOUT 300)
halorec_test(tape engine)
halorec_test(checkpoint engine RANKS 1 2 3 5 TIMEOUT 300)
