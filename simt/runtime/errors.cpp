// errors.cpp: the names of errors, and what they mean. report.cpp has the error itself.
#include "runtime.h"

const char* cudaGetErrorName(cudaError_t error) {
  switch ((int)error) {
#define SIMT_NAME(name, number, text) \
  case number:                        \
    return #name;
    SIMT_ERRORS(SIMT_NAME)
#undef SIMT_NAME
  }
  return "unrecognized error code";
}
const char* cudaGetErrorString(cudaError_t error) {
  switch ((int)error) {
#define SIMT_TEXT(name, number, text) \
  case number:                        \
    return text;
    SIMT_ERRORS(SIMT_TEXT)
#undef SIMT_TEXT
  }
  return "unrecognized error code";
}
