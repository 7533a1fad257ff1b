# What every target of the project is built with, and the helpers that make one.
#
#   eventstore_library(<name> <source>...)
#   eventstore_program(<name> <source>...)
#   eventstore_embed_migrations(<source.cpp.in> <type>)
#   eventstore_test(<name_test.cpp> <library>... [SOURCES <source>...] [LABELS <label>...] [TIMEOUT <seconds>] [POSTGRES])
#   eventstore_fuzz(<name_fuzz.cpp> <corpus folder> <library>...)
#
# Paths are relative to the CMakeLists.txt that calls. Where tests or fuzz targets are switched off,
# their helpers do nothing.

include(GoogleTest)

find_program(EVENTSTORE_CCACHE ccache)
mark_as_advanced(EVENTSTORE_CCACHE)
if(PROJECT_IS_TOP_LEVEL AND EVENTSTORE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${EVENTSTORE_CCACHE}")
endif()

function(eventstore_set_flags target)
  target_compile_features(${target} PUBLIC cxx_std_23)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)

  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion
    # libstdc++ 12 calls its own deprecated std::get_temporary_buffer, and Clang says so.
    $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety;-Wno-deprecated-declarations>
    $<$<BOOL:${EVENTSTORE_WERROR}>:-Werror>)

  if(EVENTSTORE_SANITIZE)
    # libFuzzer brings its own main(): only a fuzz target links it.
    list(TRANSFORM EVENTSTORE_SANITIZE REPLACE "^fuzzer$" "fuzzer-no-link" OUTPUT_VARIABLE sanitizers)
    list(JOIN sanitizers "," sanitizers)
    set(flags -fsanitize=${sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    if("undefined" IN_LIST EVENTSTORE_SANITIZE)
      # That check looks at an object through a pipe, and takes it for broken where no descriptor is
      # left, as campaigns have it.
      list(APPEND flags -fno-sanitize=vptr)
    endif()
    target_compile_options(${target} PRIVATE ${flags})
    target_link_options(${target} PRIVATE ${flags})
  endif()
endfunction()

include(EventstorePrecompile)

# A module: the target eventstore_<module>, also known as eventstore::<module>.
function(eventstore_library target)
  add_library(${target} STATIC ${ARGN})
  string(REGEX REPLACE "^eventstore_" "" module ${target})
  add_library(eventstore::${module} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${module} LINKER_LANGUAGE CXX)
  eventstore_set_flags(${target})
  eventstore_precompile(${target} library)
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endfunction()

# Makes a source of the numbered scripts of sql/, which become part of the library: each an element
# of @eventstore_migrations@, of that type.
function(eventstore_embed_migrations template type)
  set(eventstore_migrations "")
  file(GLOB scripts CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/sql/*.sql")
  foreach(script IN LISTS scripts)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${script}")
    cmake_path(GET script STEM name)
    string(REGEX MATCH "^[0-9]+" number "${name}")
    string(REGEX REPLACE "^0+" "" number "${number}")
    file(READ "${script}" text)
    string(APPEND eventstore_migrations
      "    ${type}{.number = ${number}, .name = \"${name}\", .script = R\"__sql__(${text})__sql__\"},\n")
  endforeach()
  cmake_path(GET template STEM LAST_ONLY source)
  configure_file("${template}" "${source}" @ONLY)
endfunction()

function(eventstore_program target)
  add_executable(${target} ${ARGN})
  eventstore_set_flags(${target})
  target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/src")
endfunction()

# One executable a test source; each of its cases is a test of ctest. A header of tests/ is included
# by its path from there: "support/temporary_directory.hpp".
#
# With POSTGRES, ctest runs a PostgreSQL server for it: support/postgres_server.hpp says where.
set(EVENTSTORE_TEST_POSTGRES_STATE "${PROJECT_BINARY_DIR}/postgres-server.json")
function(eventstore_test source)
  if(NOT EVENTSTORE_BUILD_TESTS)
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 arg "POSTGRES" "TIMEOUT" "SOURCES;LABELS")
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 600)
  endif()

  set(properties TIMEOUT ${arg_TIMEOUT})
  if(arg_POSTGRES)
    # Not ENVIRONMENT, which stays free for what else a test wants there.
    list(APPEND properties FIXTURES_REQUIRED postgres
      ENVIRONMENT_MODIFICATION "EVENTSTORE_TEST_POSTGRES_STATE=set:${EVENTSTORE_TEST_POSTGRES_STATE}")
  endif()

  cmake_path(GET source STEM target)
  eventstore_program(${target} ${source} ${arg_SOURCES})
  target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
  target_link_libraries(${target} PRIVATE ${arg_UNPARSED_ARGUMENTS} rapidcheck_gtest GTest::gtest_main)
  if(EVENTSTORE_SANITIZE)
    # Compiles in half the time; what is tested stays as fast.
    target_compile_options(${target} PRIVATE -O0)
  endif()
  eventstore_precompile(${target} test)
  gtest_discover_tests(${target}
    DISCOVERY_MODE PRE_TEST
    DISCOVERY_TIMEOUT 120
    PROPERTIES ${properties} LABELS "${arg_LABELS}")
endfunction()

# A libFuzzer program where EVENTSTORE_SANITIZE has fuzzer; elsewhere the same source with a main()
# that replays files. Either way, ctest runs it over the corpus.
function(eventstore_fuzz source corpus)
  if(NOT EVENTSTORE_BUILD_FUZZ)
    return()
  endif()
  cmake_path(GET source STEM target)
  cmake_path(ABSOLUTE_PATH corpus)
  if("fuzzer" IN_LIST EVENTSTORE_SANITIZE)
    eventstore_program(${target} ${source})
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    set(command ${target} -runs=0 -rss_limit_mb=2048)
  else()
    eventstore_program(${target} ${source} "${PROJECT_SOURCE_DIR}/fuzz/replay_main.cpp")
    set(command ${target})
  endif()
  target_link_libraries(${target} PRIVATE ${ARGN})
  add_test(NAME ${target} COMMAND ${command} "${corpus}")
  set_tests_properties(${target} PROPERTIES TIMEOUT 300 LABELS fuzz)
endfunction()
