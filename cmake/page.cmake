# Writes page_assets.cpp: the page's scripts, put together in the order given, and
# its style, each with its SHA-256 for the Content-Security-Policy. A raw string
# literal holds at most 60,000 bytes, so that every compiler takes it.
#   cmake -DSCRIPTS=a.js,b.js -DSTYLES=a.css -DOUTPUT=page_assets.cpp -P page.cmake

cmake_minimum_required(VERSION 3.25)

# The text of files, one after another.
function(read_all files result)
  set(all "")
  string(REPLACE "," ";" files "${files}")
  foreach(file ${files})
    file(READ ${file} text)
    string(APPEND all "${text}")
  endforeach()
  set(${result} "${all}" PARENT_SCOPE)
endfunction()

# Base64 of bytes written as hexadecimal digits; three bytes are four digits of 64.
function(base64_of hex result)
  set(alphabet ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/)
  set(out "")
  string(LENGTH "${hex}" length)
  foreach(at RANGE 0 ${length} 6)
    string(SUBSTRING "${hex}" ${at} 6 part)
    string(LENGTH "${part}" digits)
    if(digits EQUAL 0)
      break()
    endif()
    string(SUBSTRING "${part}00000" 0 6 full)
    math(EXPR bits "0x${full}")
    math(EXPR used "(${digits} * 4 + 5) / 6")
    foreach(shift 18 12 6 0)
      if(used GREATER 0)
        math(EXPR index "(${bits} >> ${shift}) & 63")
        string(SUBSTRING ${alphabet} ${index} 1 letter)
        string(APPEND out ${letter})
      else()
        string(APPEND out "=")
      endif()
      math(EXPR used "${used} - 1")
    endforeach()
  endforeach()
  set(${result} "${out}" PARENT_SCOPE)
endfunction()

# A C++ literal of a text.
function(literal_of text result)
  set(out "")
  string(LENGTH "${text}" length)
  set(at 0)
  while(at LESS length)
    string(SUBSTRING "${text}" ${at} 15000 part)
    string(APPEND out "R\"page(${part})page\"\n")
    math(EXPR at "${at} + 15000")
  endwhile()
  set(${result} "${out}" PARENT_SCOPE)
endfunction()

function(define name text result)
  string(SHA256 hex "${text}")
  base64_of(${hex} hash)
  literal_of("${text}" literal)
  set(${result} "const std::string_view ${name} =\n${literal};\n\
const std::string_view ${name}Hash = \"${hash}\";\n" PARENT_SCOPE)
endfunction()

read_all("${SCRIPTS}" script)
read_all("${STYLES}" style)
define(kPageScript "${script}" script_part)
define(kPageStyle "${style}" style_part)
file(WRITE ${OUTPUT}
  "// Made by cmake/page.cmake.\n#include \"bench/report/page_assets.hpp\"\n\n\
namespace netstall {\n\n${script_part}\n${style_part}\n}  // namespace netstall\n")
