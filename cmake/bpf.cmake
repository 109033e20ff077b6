# Builds one BPF program: x.bpf.c → x.bpf.o → x.skel.h (a libbpf skeleton).
# Needs no BTF on the build machine: the kernel types are declared by hand with
# preserve_access_index, and libbpf relocates them where the program is loaded.
find_program(CLANG NAMES clang clang-14 REQUIRED)
find_program(LLVM_STRIP NAMES llvm-strip llvm-strip-14 REQUIRED)
find_program(BPFTOOL bpftool PATHS /usr/sbin /sbin REQUIRED)
if(NOT TARGET netstall_skeletons)
  add_library(netstall_skeletons INTERFACE)
  set(NETSTALL_SKELETON_DIR ${PROJECT_BINARY_DIR}/skeletons)
  file(MAKE_DIRECTORY ${NETSTALL_SKELETON_DIR})
  # SYSTEM: the generated code does not keep our warnings.
  target_include_directories(netstall_skeletons SYSTEM INTERFACE ${NETSTALL_SKELETON_DIR})
endif()

function(netstall_bpf_program name)
  set(source ${CMAKE_CURRENT_SOURCE_DIR}/${name}.bpf.c)
  set(object ${NETSTALL_SKELETON_DIR}/${name}.bpf.o)
  set(skeleton ${NETSTALL_SKELETON_DIR}/${name}.skel.h)
  add_custom_command(OUTPUT ${object}
    COMMAND ${CLANG} -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror
      -D__TARGET_ARCH_x86 -I ${PROJECT_SOURCE_DIR}
      -idirafter /usr/include/${CMAKE_LIBRARY_ARCHITECTURE}
      -MD -MF ${object}.d -MT ${object} -c ${source} -o ${object}
    COMMAND ${LLVM_STRIP} -g ${object}
    DEPENDS ${source} DEPFILE ${object}.d
    COMMENT "BPF ${name}" VERBATIM)
  add_custom_command(OUTPUT ${skeleton}
    # bool: strict C++ has no _Bool, and clang-tidy says so; what its analyzer finds
    # in generated code is not ours to mend.
    COMMAND ${BPFTOOL} gen skeleton ${object} name ${name}_bpf | sed -e s/_Bool/bool/
      -e "1i // NOLINTBEGIN(clang-analyzer-*)" -e "$a // NOLINTEND(clang-analyzer-*)" > ${skeleton}
    DEPENDS ${object} COMMENT "Skeleton ${name}" VERBATIM)
  add_custom_target(netstall_skeleton_${name} DEPENDS ${skeleton})
  add_dependencies(netstall_skeletons netstall_skeleton_${name})
endfunction()
