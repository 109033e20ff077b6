// The script of a report page. It reads the data elements of the page and draws;
// it makes no request and keeps nothing but the address's fragment. The files of
// this folder stand in the page one after another, in the order of
// bench/report/CMakeLists.txt. Text of reports only ever becomes text nodes and
// attributes, never HTML.
"use strict";
