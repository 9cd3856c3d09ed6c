// graphs.cpp: graphs, as they are built node by node and looked at. graph_exec.cpp runs them.
#include <unordered_map>

#include "capture.h"
#include "trace.h"

namespace simt {

simt_graph_node* add_node(simt_graph& graph, cudaGraphNodeType type, Work work,
                          const std::vector<simt_graph_node*>& dependencies) {
  graph.nodes.emplace_back(new simt_graph_node{type, std::move(work), dependencies, nullptr});
  return graph.nodes.back().get();
}

static bool contains(const simt_graph& graph, const simt_graph_node* node) {
  for (auto& one : graph.nodes)
    if (one.get() == node) return true;
  return false;
}

// --------------------------------------------------------------------------- the work of nodes

cudaError_t set_kernel(const cudaKernelNodeParams* parameters, std::shared_ptr<KeptLaunch>* kernel,
                       Work* work) {
  if (!parameters) return cudaErrorInvalidValue;
  const cudaKernelNodeParams& p = *parameters;
  if (p.extra && !p.kernelParams) return cudaErrorNotSupported;
  std::shared_ptr<KeptLaunch> kept;
  auto launch = [&] {
    Config config(p.gridDim, p.blockDim, p.sharedMemBytes);
    return launch_by_address(p.func, config, p.kernelParams, "a graph", 0);
  };
  if (cudaError_t error = keep_launch(launch, &kept)) return error;
  *kernel = kept;
  *work = [kept] { return run(kept->launch); };
  return cudaSuccess;
}

Work memset_work(const cudaMemsetParams& p) {
  return [p]() -> cudaError_t {
    if (p.elementSize != 1 && p.elementSize != 2 && p.elementSize != 4)
      return failed(cudaErrorInvalidValue);
    if (!p.dst) return failed(cudaErrorInvalidValue);
    char* row = static_cast<char*>(p.dst);
    for (size_t y = 0; y < p.height; y++, row += p.pitch) {
      if (traced_run()) trace_fill(row, p.width * p.elementSize);
      for (size_t x = 0; x < p.width; x++)  // little-endian: the low bytes come first
        memcpy(row + x * p.elementSize, &p.value, p.elementSize);
    }
    return cudaSuccess;
  };
}

Work host_work(const cudaHostNodeParams& p) {
  return [p] {
    p.fn(p.userData);
    return cudaSuccess;
  };
}

// Adds a node with its dependencies, if all is as it should be.
static cudaError_t add(cudaGraphNode_t* node, cudaGraph_t graph, cudaGraphNodeType type, Work work,
                       const cudaGraphNode_t* dependencies, size_t count) {
  if (!node || !graph || (count && !dependencies)) return failed(cudaErrorInvalidValue);
  for (size_t i = 0; i < count; i++)
    if (!contains(*graph, dependencies[i])) return failed(cudaErrorInvalidValue);
  *node = add_node(*graph, type, std::move(work), {dependencies, dependencies + count});
  return sticky_error();
}

// Copies a list to the caller: *count says how many there is room for, then how many there are.
static cudaError_t list(const std::vector<simt_graph_node*>& those, cudaGraphNode_t* nodes,
                        size_t* count) {
  if (!count) return failed(cudaErrorInvalidValue);
  if (nodes) {
    for (size_t i = 0; i < *count; i++) nodes[i] = i < those.size() ? those[i] : nullptr;
    *count = std::min(*count, those.size());
  } else {
    *count = those.size();
  }
  return sticky_error();
}

}  // namespace simt

using namespace simt;

// --- the graph
cudaError_t cudaGraphCreate(cudaGraph_t* graph, unsigned flags) {
  if (!graph || flags) return failed(cudaErrorInvalidValue);
  *graph = new simt_graph();
  return sticky_error();
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  if (!graph) return failed(cudaErrorInvalidValue);
  delete graph;
  return sticky_error();
}
cudaError_t cudaGraphClone(cudaGraph_t* clone, cudaGraph_t graph) {
  if (!clone || !graph) return failed(cudaErrorInvalidValue);
  *clone = new simt_graph();
  std::unordered_map<simt_graph_node*, simt_graph_node*> copies;
  for (auto& node : graph->nodes) {
    (*clone)->nodes.emplace_back(new simt_graph_node(*node));
    copies[node.get()] = (*clone)->nodes.back().get();
  }
  for (auto& node : (*clone)->nodes)
    for (simt_graph_node*& before : node->dependencies) before = copies[before];
  return sticky_error();
}
cudaError_t cudaGraphAddDependencies(cudaGraph_t graph, const cudaGraphNode_t* from,
                                     const cudaGraphNode_t* to, size_t count) {
  if (!graph || (count && (!from || !to))) return failed(cudaErrorInvalidValue);
  for (size_t i = 0; i < count; i++) {
    if (!contains(*graph, from[i]) || !contains(*graph, to[i]) || from[i] == to[i])
      return failed(cudaErrorInvalidValue);
    to[i]->dependencies.push_back(from[i]);
  }
  return sticky_error();
}

// --- nodes
cudaError_t cudaGraphAddKernelNode(cudaGraphNode_t* node, cudaGraph_t graph,
                                   const cudaGraphNode_t* dependencies, size_t count,
                                   const cudaKernelNodeParams* parameters) {
  std::shared_ptr<KeptLaunch> kernel;
  Work work;
  if (cudaError_t error = set_kernel(parameters, &kernel, &work)) return failed(error);
  cudaError_t error = add(node, graph, cudaGraphNodeTypeKernel, work, dependencies, count);
  if (!error) (*node)->kernel = kernel;
  return error;
}
cudaError_t cudaGraphAddMemcpyNode(cudaGraphNode_t* node, cudaGraph_t graph,
                                   const cudaGraphNode_t* dependencies, size_t count,
                                   const cudaMemcpy3DParms* parameters) {
  if (!parameters) return failed(cudaErrorInvalidValue);
  auto work = [p = *parameters] { return copy_box(p); };
  return add(node, graph, cudaGraphNodeTypeMemcpy, work, dependencies, count);
}
cudaError_t cudaGraphAddMemcpyNode1D(cudaGraphNode_t* node, cudaGraph_t graph,
                                     const cudaGraphNode_t* dependencies, size_t count, void* to,
                                     const void* from, size_t size, cudaMemcpyKind kind) {
  auto work = [=] { return copy(to, from, size, kind); };
  return add(node, graph, cudaGraphNodeTypeMemcpy, work, dependencies, count);
}
cudaError_t cudaGraphAddMemsetNode(cudaGraphNode_t* node, cudaGraph_t graph,
                                   const cudaGraphNode_t* dependencies, size_t count,
                                   const cudaMemsetParams* parameters) {
  if (!parameters) return failed(cudaErrorInvalidValue);
  return add(node, graph, cudaGraphNodeTypeMemset, memset_work(*parameters), dependencies, count);
}
cudaError_t cudaGraphAddHostNode(cudaGraphNode_t* node, cudaGraph_t graph,
                                 const cudaGraphNode_t* dependencies, size_t count,
                                 const cudaHostNodeParams* parameters) {
  if (!parameters || !parameters->fn) return failed(cudaErrorInvalidValue);
  return add(node, graph, cudaGraphNodeTypeHost, host_work(*parameters), dependencies, count);
}
cudaError_t cudaGraphAddEmptyNode(cudaGraphNode_t* node, cudaGraph_t graph,
                                  const cudaGraphNode_t* dependencies, size_t count) {
  return add(node, graph, cudaGraphNodeTypeEmpty, [] { return cudaSuccess; }, dependencies, count);
}
cudaError_t cudaGraphAddChildGraphNode(cudaGraphNode_t* node, cudaGraph_t graph,
                                       const cudaGraphNode_t* dependencies, size_t count,
                                       cudaGraph_t child) {
  if (!child) return failed(cudaErrorInvalidValue);
  return add(node, graph, cudaGraphNodeTypeGraph, graph_work(child), dependencies, count);
}

// --- what there is
cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, size_t* count) {
  if (!graph) return failed(cudaErrorInvalidValue);
  std::vector<simt_graph_node*> all;
  for (auto& node : graph->nodes) all.push_back(node.get());
  return list(all, nodes, count);
}
cudaError_t cudaGraphGetRootNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, size_t* count) {
  if (!graph) return failed(cudaErrorInvalidValue);
  std::vector<simt_graph_node*> roots;
  for (auto& node : graph->nodes)
    if (node->dependencies.empty()) roots.push_back(node.get());
  return list(roots, nodes, count);
}
cudaError_t cudaGraphGetEdges(cudaGraph_t graph, cudaGraphNode_t* from, cudaGraphNode_t* to,
                              size_t* count) {
  if (!graph || !count || !from != !to) return failed(cudaErrorInvalidValue);
  std::vector<simt_graph_node*> starts, ends;
  for (auto& node : graph->nodes)
    for (simt_graph_node* before : node->dependencies) {
      starts.push_back(before);
      ends.push_back(node.get());
    }
  size_t room = *count;
  list(starts, from, &room);
  return list(ends, to, count);
}
cudaError_t cudaGraphNodeGetDependencies(cudaGraphNode_t node, cudaGraphNode_t* nodes,
                                         size_t* count) {
  if (!node) return failed(cudaErrorInvalidValue);
  return list(node->dependencies, nodes, count);
}
cudaError_t cudaGraphNodeGetType(cudaGraphNode_t node, cudaGraphNodeType* type) {
  if (!node || !type) return failed(cudaErrorInvalidValue);
  *type = node->type;
  return sticky_error();
}
cudaError_t cudaGraphKernelNodeSetParams(cudaGraphNode_t node,
                                         const cudaKernelNodeParams* parameters) {
  if (!node || !node->kernel) return failed(cudaErrorInvalidValue);
  cudaError_t error = set_kernel(parameters, &node->kernel, &node->work);
  return error ? failed(error) : sticky_error();
}
// kernelParams is null: arguments are kept as the kernel takes them, not as a list.
cudaError_t cudaGraphKernelNodeGetParams(cudaGraphNode_t node, cudaKernelNodeParams* parameters) {
  if (!node || !node->kernel || !parameters) return failed(cudaErrorInvalidValue);
  const Launch& launch = node->kernel->launch;
  *parameters = {const_cast<void*>(launch.kernel),
                 launch.config.grid,
                 launch.config.block,
                 (unsigned)launch.config.dynamic_shared,
                 nullptr,
                 nullptr};
  return sticky_error();
}
