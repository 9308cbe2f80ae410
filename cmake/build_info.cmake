# build_info.h: version, git branch, git commit and date of this build. A commit or checkout configures anew.
find_package(Git QUIET)
set(KALAM_GIT_COMMIT "")
set(KALAM_GIT_BRANCH "")
if(Git_FOUND)
  execute_process(COMMAND "${GIT_EXECUTABLE}" rev-parse --short=12 HEAD
                  WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}" OUTPUT_VARIABLE KALAM_GIT_COMMIT
                  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  execute_process(COMMAND "${GIT_EXECUTABLE}" rev-parse --abbrev-ref HEAD
                  WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}" OUTPUT_VARIABLE KALAM_GIT_BRANCH
                  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  execute_process(COMMAND "${GIT_EXECUTABLE}" rev-parse --path-format=absolute --git-path logs/HEAD
                  WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}" OUTPUT_VARIABLE KALAM_GIT_LOG
                  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(EXISTS "${KALAM_GIT_LOG}")
    set_property(DIRECTORY "${CMAKE_SOURCE_DIR}" APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${KALAM_GIT_LOG}")
  endif()
endif()
string(TIMESTAMP KALAM_BUILD_DATE "%Y-%m-%dT%H:%M:%SZ" UTC)
file(WRITE "${CMAKE_BINARY_DIR}/generated/build_info.tmp"
"#define BUILD_VERSION \"${PROJECT_VERSION}\"
#define BUILD_GIT_COMMIT \"${KALAM_GIT_COMMIT}\"
#define BUILD_GIT_BRANCH \"${KALAM_GIT_BRANCH}\"
#define BUILD_DATE \"${KALAM_BUILD_DATE}\"
")
# The date alone rebuilds nothing: the file changes when the commit does.
if(NOT EXISTS "${CMAKE_BINARY_DIR}/generated/build_info.h")
  configure_file("${CMAKE_BINARY_DIR}/generated/build_info.tmp"
                 "${CMAKE_BINARY_DIR}/generated/build_info.h" COPYONLY)
else()
  file(READ "${CMAKE_BINARY_DIR}/generated/build_info.h" KALAM_BUILD_INFO_OLD)
  if(NOT KALAM_BUILD_INFO_OLD MATCHES "GIT_COMMIT \"${KALAM_GIT_COMMIT}\"")
    configure_file("${CMAKE_BINARY_DIR}/generated/build_info.tmp"
                   "${CMAKE_BINARY_DIR}/generated/build_info.h" COPYONLY)
  endif()
endif()
