# Where sanitizers look, common headers are precompiled: a third less to compile. Not in other builds, so
# that these tell of an include that is missing.
#
#   eventstore_precompile(<target> library|test)
#
# What is compiled with a precompiled header has to be compiled as that was: as a library is, or as a test.

if(NOT EVENTSTORE_SANITIZE OR NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  function(eventstore_precompile target kind)
  endfunction()
  return()
endif()

# Otherwise ccache would keep nothing of what is compiled with one.
if(CMAKE_CXX_COMPILER_LAUNCHER STREQUAL EVENTSTORE_CCACHE)
  list(PREPEND CMAKE_CXX_COMPILER_LAUNCHER
    "${CMAKE_COMMAND}" -E env CCACHE_SLOPPINESS=pch_defines,time_macros)
endif()

file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/precompiled.cpp" CONTENT "int main() {}\n")

# The time of a precompiled header would keep ccache from knowing it again.
set(eventstore_no_timestamp "SHELL:-Xclang -fno-pch-timestamp")

add_library(eventstore_library_headers OBJECT "${PROJECT_BINARY_DIR}/precompiled.cpp")
eventstore_set_flags(eventstore_library_headers)
target_compile_options(eventstore_library_headers PRIVATE ${eventstore_no_timestamp})
target_precompile_headers(eventstore_library_headers PRIVATE "${PROJECT_SOURCE_DIR}/cmake/library_headers.hpp")

if(EVENTSTORE_BUILD_TESTS)
  add_executable(eventstore_test_headers "${PROJECT_BINARY_DIR}/precompiled.cpp")
  eventstore_set_flags(eventstore_test_headers)
  target_compile_options(eventstore_test_headers PRIVATE -O0 ${eventstore_no_timestamp})
  target_link_libraries(eventstore_test_headers PRIVATE GTest::gtest)
  target_precompile_headers(eventstore_test_headers PRIVATE "${PROJECT_SOURCE_DIR}/cmake/test_headers.hpp")
endif()

function(eventstore_precompile target kind)
  target_compile_options(${target} PRIVATE ${eventstore_no_timestamp})
  target_precompile_headers(${target} REUSE_FROM eventstore_${kind}_headers)
endfunction()
