# What `cpack` in a build folder makes: netstall_VERSION_ARCH.deb, of what
# `cmake --install` installs, and the files that Debian asks of a package.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME netstall)
set(CPACK_PACKAGE_VENDOR netstall)
set(NETSTALL_PACKAGE_CONTACT "netstall maintainers <netstall@users.noreply.github.com>"
  CACHE STRING "Whom a package made here names as its maintainer")
set(CPACK_PACKAGE_CONTACT ${NETSTALL_PACKAGE_CONTACT})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "profiler of blocked TCP senders")
set(CPACK_PACKAGE_DESCRIPTION
"Finds out how long, how often and why a Linux TCP sender is blocked, and
which kernel setting or socket option changes that: opens real TCP
connections across network namespaces, makes some receivers slow, sweeps
sysctls, watches the kernel with eBPF while traffic runs, and puts
everything back.")
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
# For the root qdiscs of a link, which most scenarios have not.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS iproute2)
# For guests (`netstall run --guest`).
set(CPACK_DEBIAN_PACKAGE_SUGGESTS
  "qemu-system-x86, busybox-static, python3, xz-utils, zstd, lz4")
set(debian_dir ${CMAKE_CURRENT_BINARY_DIR}/debian)
# Runs leave empty lock files in /run, which must not vanish while one is held.
file(WRITE ${debian_dir}/postrm
"#!/bin/sh
set -e
if [ \"$1\" = purge ] && [ -d /run/netstall ]; then
  for file in /run/netstall/*.lock /run/netstall/*.gate; do
    [ ! -e \"$file\" ] || flock -n \"$file\" rm -f \"$file\" || true
  done
  rmdir --ignore-fail-on-non-empty /run/netstall
fi
")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${debian_dir}/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION TRUE)
include(CPack)

# Debian's changelog has one entry, of this build; what changed is in CHANGELOG.md.
execute_process(COMMAND git -C ${PROJECT_SOURCE_DIR} log -1 --format=%aD
  OUTPUT_VARIABLE changed_at OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT changed_at)
  string(TIMESTAMP changed_at "%a, %d %b %Y %H:%M:%S +0000" UTC)
endif()
file(WRITE ${debian_dir}/changelog.Debian
"netstall (${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) unstable; urgency=medium

  * Built from source; changelog.gz says what changed.

 -- ${CPACK_PACKAGE_CONTACT}  ${changed_at}
")
find_program(GZIP gzip REQUIRED)
execute_process(COMMAND ${GZIP} -9nf ${debian_dir}/changelog.Debian COMMAND_ERROR_IS_FATAL ANY)
# What changed, under the name that Debian has for it.
execute_process(COMMAND ${GZIP} -9nc ${PROJECT_SOURCE_DIR}/CHANGELOG.md
  OUTPUT_FILE ${debian_dir}/changelog.gz COMMAND_ERROR_IS_FATAL ANY)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/CHANGELOG.md)
configure_file(${CMAKE_CURRENT_LIST_DIR}/debian_copyright.txt ${debian_dir}/copyright COPYONLY)
install(FILES ${debian_dir}/changelog.Debian.gz ${debian_dir}/changelog.gz ${debian_dir}/copyright
  DESTINATION ${CMAKE_INSTALL_DOCDIR})
