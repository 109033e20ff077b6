# Writes revision.hpp: the git revision this tree was built from, "-dirty" when
# it was changed, "unknown" outside a checkout. Runs at every build; the file is
# touched only when its content changes.
execute_process(COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12
  OUTPUT_VARIABLE revision OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed OR revision STREQUAL "")
  set(revision unknown)
endif()
file(CONFIGURE OUTPUT ${OUTPUT} @ONLY CONTENT
"// Made by cmake/write_revision.cmake.
#pragma once
inline constexpr const char* kRevision = \"@revision@\";
")
