// cuda.h: the driver API's header, which many programs include for its version only.
#pragma once
#include "cuda_runtime.h"

#define CUDA_VERSION CUDART_VERSION
