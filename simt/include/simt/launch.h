// Launches. The rewriter turns   kernel<<<grid, block, shared, stream>>>(a, b)
// into   simt::launch(kernel, "kernel", simt::Config(grid, block, shared, stream))(a, b).
#pragma once
#include "arguments.h"
#include "runtime_api.h"
#include "vector_types.h"

namespace simt {

struct Config {
  dim3 grid, block;
  size_t dynamic_shared;  // bytes
  cudaStream_t stream;
  bool cooperative = false;  // all blocks alive together (cooperative_launch.h)
  Config(dim3 grid, dim3 block, size_t dynamic_shared = 0, cudaStream_t stream = nullptr)
      : grid(grid), block(block), dynamic_shared(dynamic_shared), stream(stream) {}
};

// An argument of a kernel, as far as reports need to know it.
struct Argument {
  const void* pointer;  // null if it is none
  size_t element_size;  // of what it points at
};
template <class T>
inline Argument describe(const T&) {
  return {nullptr, 0};
}
template <class T>
inline Argument describe(T* const& p) {
  return {const_cast<const void*>((const volatile void*)p),
          sizeof(std::conditional_t<std::is_object<T>::value, T, char>)};
}

// A kernel with its arguments on the heap, for a launch that outlives its call (a graph's node).
struct KeptArguments {
  void* arguments;
  void (*call)(void* arguments);
  void (*destroy)(void* arguments);
};

struct Launch {
  Config config;
  void (*call)(void* arguments);  // calls the kernel, as the thread that threadIdx says
  void* arguments;
  KeptArguments (*keep)(void* arguments);
  const void* kernel;  // the function's address: cudaFuncSetAttribute knows it by that
  const char *name, *file;
  int line;
  const Argument* described;  // its arguments, for reports
  int num_described;
};

// Runs all threads of all blocks. Errors go where CUDA puts them, to cudaGetLastError(), and are
// returned as well.
SIMT_HIDDEN cudaError_t run(const Launch& launch);
SIMT_HIDDEN cudaError_t told(cudaError_t error);  // returns it to the program

// one_thread calls the kernel with the arguments in the caller's frame; copy makes a closure that
// does the same with copies of them.
template <class OneThread, class Copy>
inline cudaError_t run_closure(OneThread one_thread, Copy copy, const Config& config,
                               const void* kernel, const char* name, const char* file, int line,
                               std::initializer_list<Argument> described) {
  struct Closures {
    OneThread one_thread;
    Copy copy;
    SIMT_UNSEEN static void call(void* p) { static_cast<Closures*>(p)->one_thread(); }
  } closures{one_thread, copy};
  auto keep = [](void* p) -> KeptArguments {
    using Kept = decltype(static_cast<Closures*>(p)->copy());
    return {new Kept(static_cast<Closures*>(p)->copy()),
            [](void* p) SIMT_UNSEEN { (*static_cast<Kept*>(p))(); },
            [](void* p) { delete static_cast<Kept*>(p); }};
  };
  return run({config, Closures::call, &closures, keep, kernel, name, file, line, described.begin(),
              (int)described.size()});
}

// What simt::launch() returns: call it with the kernel's arguments.
template <class... Params>
struct Launcher {
  void (*kernel)(Params...);
  const char* name;
  Config config;
  const char* file;
  int line;

  void operator()(Params... arguments) const { start(arguments...); }

  cudaError_t start(Params&... arguments) const {
    // Each thread gets copies of its own, as on a GPU.
    auto one_thread = [&, kernel = kernel]()
                          SIMT_UNSEEN { call_kernel<Params...>(kernel, arguments...); };
    // (mutable: a parameter may be a reference, as CUDA allows to memory that the device can reach)
    auto copy = [&, kernel = kernel] {
      return [=]() mutable SIMT_UNSEEN { call_kernel<Params...>(kernel, arguments...); };
    };
    auto address = reinterpret_cast<const void*>(kernel);
    return run_closure(one_thread, copy, config, address, name, file, line,
                       {describe(arguments)...});
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
    auto one_thread = [&]() SIMT_UNSEEN { kernel(arguments...); };
    auto copy = [&] {
      return [=, kernel = kernel]() mutable SIMT_UNSEEN { kernel(arguments...); };
    };
    run_closure(one_thread, copy, config, nullptr, name, file, line, {describe(arguments)...});
  }
};
template <class Kernel>
__attribute__((always_inline)) inline DeducingLauncher<Kernel> launch(Kernel kernel,
                                                                      const char* name,
                                                                      Config config, SIMT_HERE) {
  return {kernel, name, config, file, line};
}

// --- launches by address, with a list of the arguments' addresses: launch_api.h

using ListLauncher = cudaError_t (*)(const void* kernel, const Config& config, void** arguments,
                                     const char* file, int line);
SIMT_HIDDEN void register_kernel(const void* kernel, ListLauncher launcher);
SIMT_HIDDEN const char* kernel_name(const void* kernel);
// cudaErrorInvalidDeviceFunction if the kernel was not registered.
SIMT_HIDDEN cudaError_t launch_by_address(const void* kernel, const Config& config,
                                          void** arguments, const char* file, int line);

}  // namespace simt
