# What a room is: a folder with one static library, netstall_<room>, made of all
# its sources, and its tests beside them. A file's ending tells what it is:
#   x.cpp                 part of the room
#   x_main.cpp            a program of its own, which the room's list names
#   x_test.cpp            unit tier: needs nothing
#   x_netns_test.cpp      netns tier: needs root
#   x_kernel_test.cpp     kernel tier: needs BPF here; not built with sanitizers,
#                         whose runs hold unit and netns

add_library(netstall_flags INTERFACE)
target_compile_features(netstall_flags INTERFACE cxx_std_20)
target_include_directories(netstall_flags INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
target_compile_options(netstall_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion
  $<$<COMPILE_LANGUAGE:CXX>:-Wold-style-cast -Wnon-virtual-dtor -Woverloaded-virtual>
  $<$<BOOL:${NETSTALL_WERROR}>:-Werror>)
if(NETSTALL_SANITIZE)
  # With sanitizers g++ 12 takes parts of std::regex and std::optional for
  # uninitialized; the sanitizers themselves look for that, and better.
  target_compile_options(netstall_flags INTERFACE
    -fsanitize=${NETSTALL_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -fno-pie
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(netstall_flags INTERFACE -fsanitize=${NETSTALL_SANITIZE} -no-pie)
  if(NETSTALL_SANITIZE MATCHES thread)
    # Asio has fences, which ThreadSanitizer does not see; g++ says so at each of them.
    target_compile_options(netstall_flags INTERFACE -Wno-tsan)
  endif()
endif()

# GoogleTest's headers, half of what compiling a test takes: compiled once for all
# of them, with the options that all have.
if(NETSTALL_TESTS)
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/test_headers.cpp CONTENT "")
  add_library(netstall_test_headers OBJECT ${PROJECT_BINARY_DIR}/test_headers.cpp)
  target_link_libraries(netstall_test_headers PRIVATE netstall_flags fmt::fmt GTest::gmock)
  target_compile_options(netstall_test_headers PRIVATE -O0)
  target_precompile_headers(netstall_test_headers PRIVATE <gmock/gmock.h> <gtest/gtest.h>)
endif()

# netstall_room(NAME LINKS target...): the library of the current folder. With
# NETSTALL_TOGETHER its sources are compiled together, eight at a time, but for those named
# APART (names of their anonymous namespaces are others', too) or all of them (APART ALL).
function(netstall_room name)
  cmake_parse_arguments(ROOM "" "" "LINKS;PRIVATE_LINKS;APART" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cpp)
  list(FILTER sources EXCLUDE REGEX "(_test|_fuzz|_main|/main)\\.cpp$")
  if(NOT sources)
    add_library(netstall_${name} INTERFACE)
    target_link_libraries(netstall_${name} INTERFACE netstall_flags fmt::fmt ${ROOM_LINKS})
    return()
  endif()
  add_library(netstall_${name} STATIC ${sources})
  target_link_libraries(netstall_${name} PUBLIC netstall_flags fmt::fmt ${ROOM_LINKS}
    PRIVATE ${ROOM_PRIVATE_LINKS})
  if(NETSTALL_TOGETHER AND NOT ROOM_APART STREQUAL ALL)
    set_target_properties(netstall_${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
    set_source_files_properties(${ROOM_APART} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
    # What is in an anonymous namespace of one source hides nothing in another.
    target_compile_options(netstall_${name} PRIVATE -Wno-shadow -Wno-subobject-linkage)
  endif()
  if(NETSTALL_TESTS)
    netstall_room_tests(${name} unit "_test\\.cpp$" "_(netns|kernel)_test\\.cpp$")
    netstall_room_tests(${name} netns "_netns_test\\.cpp$" "^$")
    if(NOT NETSTALL_SANITIZE)
      netstall_room_tests(${name} kernel "_kernel_test\\.cpp$" "^$")
    endif()
  endif()
endfunction()

# The test executable of one room and tier, where there are sources for it.
function(netstall_room_tests room tier include exclude)
  file(GLOB sources CONFIGURE_DEPENDS *_test.cpp)
  list(FILTER sources INCLUDE REGEX "${include}")
  list(FILTER sources EXCLUDE REGEX "${exclude}")
  if(NOT sources)
    return()
  endif()
  set(target ${room}_${tier}_test)
  add_executable(${target} ${sources})
  target_link_libraries(${target} PRIVATE netstall_${room} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${target} PRIVATE NETSTALL_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  # The rooms are what is optimised; test code itself compiles twice as fast without.
  target_compile_options(${target} PRIVATE -O0)
  target_precompile_headers(${target} REUSE_FROM netstall_test_headers)
  netstall_discover(${target} ${tier} ${room}.)
endfunction()

# Registers the GoogleTest cases of a target under a tier (a CTest label). What
# touches the network runs alone: two of them would share two cores.
function(netstall_discover target tier prefix)
  set(timeout 60)
  if(NETSTALL_SANITIZE) # ten to thirty times as slow, beside guests
    set(timeout 300)
  endif()
  set(serial)
  if(NOT tier STREQUAL unit)
    set(timeout 180)
    set(serial RUN_SERIAL TRUE)
  endif()
  gtest_discover_tests(${target} TEST_PREFIX ${prefix} DISCOVERY_TIMEOUT 60
    PROPERTIES LABELS ${tier} TIMEOUT ${timeout} ${serial})
endfunction()
