// Launches. The rewriter turns   kernel<<<grid, block, shared, stream>>>(a, b)
// into   simt::launch(kernel, "kernel", simt::Config(grid, block, shared, stream))(a, b).
#pragma once
#include "runtime_api.h"
#include "vector_types.h"

namespace simt {

struct Config {
  dim3 grid, block;
  size_t dynamic_shared;  // bytes
  cudaStream_t stream;
  Config(dim3 grid, dim3 block, size_t dynamic_shared = 0, cudaStream_t stream = nullptr)
      : grid(grid), block(block), dynamic_shared(dynamic_shared), stream(stream) {}
};

struct Launch {
  Config config;
  void (*call)(void* arguments);  // calls the kernel, as the thread that threadIdx says
  void* arguments;
  const void* kernel;  // the function's address: cudaFuncSetAttribute knows it by that
  const char *name, *file;
  int line;
  bool cooperative = false;  // all blocks alive together
};

// Runs all threads of all blocks. Returns why it could not be launched; that is noted for
// cudaGetLastError() too.
SIMT_HIDDEN cudaError_t run(const Launch& launch);

// What simt::launch() returns: call it with the kernel's arguments.
template <class... Params>
struct Launcher {
  void (*kernel)(Params...);
  const char* name;
  Config config;
  const char* file;
  int line;

  void operator()(Params... arguments) const {
    // Each thread gets copies of its own, as on a GPU.
    auto one_thread = [&, kernel = kernel] { kernel(arguments...); };
    auto call = [](void* p) { (*static_cast<decltype(one_thread)*>(p))(); };
    run({config, call, &one_thread, reinterpret_cast<const void*>(kernel), name, file, line});
  }
};

template <class... Params>
__attribute__((always_inline)) inline Launcher<Params...> launch(void (*kernel)(Params...),
                                                                 const char* name, Config config,
                                                                 SIMT_HERE) {
  return {kernel, name, config, file, line};
}

// The same for a kernel template that deduces its types from the arguments: it has no address yet,
// so the rewriter wraps it in a lambda.
template <class Kernel>
struct DeducingLauncher {
  Kernel kernel;
  const char* name;
  Config config;
  const char* file;
  int line;
  template <class... Arguments>
  void operator()(Arguments... arguments) const {
    auto one_thread = [&] { kernel(arguments...); };
    auto call = [](void* p) { (*static_cast<decltype(one_thread)*>(p))(); };
    run({config, call, &one_thread, nullptr, name, file, line});
  }
};
template <class Kernel>
__attribute__((always_inline)) inline DeducingLauncher<Kernel> launch(Kernel kernel,
                                                                      const char* name,
                                                                      Config config, SIMT_HERE) {
  return {kernel, name, config, file, line};
}

}  // namespace simt
