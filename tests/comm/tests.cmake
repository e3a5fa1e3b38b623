halorec_test(large_memory comm)
halorec_test(hdf5_file comm)
halorec_test(random comm)
halorec_test(run_log comm)
halorec_test(communicator comm RANKS 1 2 3 5)
halorec_test(halo comm RANKS 1 2 3 5)
halorec_test(wire_format comm RANKS 1 2 3 4)
halorec_test(batch_gather comm RANKS 1 2 3 5)

# A program that fails on purpose, as people run it and with the collective assertions on.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_executable(watchdog_victim comm/watchdog_victim.cpp)
target_link_libraries(watchdog_victim PRIVATE halorec_comm)
set(checked_sources check communicator halo host_peers large_memory random watchdog wire_format)
list(TRANSFORM checked_sources PREPEND ${PROJECT_SOURCE_DIR}/comm/)
list(TRANSFORM checked_sources APPEND .cpp)
add_executable(watchdog_victim_checked comm/watchdog_victim.cpp ${checked_sources})
target_include_directories(watchdog_victim_checked PRIVATE ${PROJECT_SOURCE_DIR})
target_include_directories(watchdog_victim_checked SYSTEM PRIVATE ${RANDOM123_INCLUDE_DIR})
target_compile_definitions(watchdog_victim_checked PRIVATE HALOREC_ASSERT_LEVEL=3 OMPI_SKIP_MPICXX)
target_link_libraries(watchdog_victim_checked PRIVATE MPI::MPI_C OpenMP::OpenMP_CXX fmt::fmt
                      PkgConfig::XXHASH PkgConfig::HWY)
add_test(NAME comm.watchdog
         COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/comm/watchdog_test.py
                 "${HALOREC_MPIRUN}" $<TARGET_FILE:watchdog_victim>
                 $<TARGET_FILE:watchdog_victim_checked>)
set_tests_properties(comm.watchdog PROPERTIES TIMEOUT 240 PROCESSORS 2
                     ENVIRONMENT "${HALOREC_TEST_ENVIRONMENT}")
