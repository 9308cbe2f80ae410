# DuckDB: -DDUCKDB_ROOT=/path (include/duckdb.h, lib/libduckdb.so) or the pinned npm packages that
# scripts/setup installs into third_party/duckdb/node_modules.
set(DUCKDB_ROOT "" CACHE PATH "folder with include/duckdb.h and lib/libduckdb.so")
if(DUCKDB_ROOT)
  set(duckdb_include "${DUCKDB_ROOT}/include")
  set(duckdb_library "${DUCKDB_ROOT}/lib/libduckdb.so")
else()
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
    set(duckdb_arch arm64)
  else()
    set(duckdb_arch x64)
  endif()
  set(duckdb_modules "${CMAKE_SOURCE_DIR}/third_party/duckdb/node_modules")
  set(duckdb_include "${duckdb_modules}/duckdb/src/duckdb/src/include")
  set(duckdb_library "${duckdb_modules}/@duckdb/node-bindings-linux-${duckdb_arch}/libduckdb.so")
endif()
if(NOT EXISTS "${duckdb_library}" OR NOT EXISTS "${duckdb_include}/duckdb.h")
  message(FATAL_ERROR "DuckDB is missing: run scripts/setup, or pass -DDUCKDB_ROOT=…")
endif()
# Only duckdb.h is exposed, not the C++ headers beside it. A copy of the library stands beside the
# binaries, so that they run from anywhere with an $ORIGIN rpath.
file(MAKE_DIRECTORY "${CMAKE_BINARY_DIR}/duckdb/include" "${CMAKE_BINARY_DIR}/lib")
file(COPY "${duckdb_include}/duckdb.h" DESTINATION "${CMAKE_BINARY_DIR}/duckdb/include")
file(COPY "${duckdb_library}" DESTINATION "${CMAKE_BINARY_DIR}")
add_library(duckdb SHARED IMPORTED GLOBAL)
set_target_properties(duckdb PROPERTIES
  IMPORTED_LOCATION "${CMAKE_BINARY_DIR}/libduckdb.so"
  INTERFACE_INCLUDE_DIRECTORIES "${CMAKE_BINARY_DIR}/duckdb/include") # imported: counts as system
