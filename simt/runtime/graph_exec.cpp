// graph_exec.cpp: executable graphs. An executable graph is a list of nodes in an order that
// respects their dependencies; a launch runs them one after another.
#include <unordered_map>

#include "capture.h"

namespace simt {

struct Step {
  simt_graph_node node;             // a copy: the graph may be changed or destroyed
  const simt_graph_node* original;  // by which it is named
  std::vector<size_t> dependencies;
};

// The nodes in the order in which they were added, but each after those that it depends on. False
// if they depend on one another in a circle.
static bool arrange(const simt_graph& graph, std::vector<Step>* steps) {
  std::unordered_map<const simt_graph_node*, size_t> done;
  size_t before;
  do {
    before = done.size();
    for (auto& node : graph.nodes) {
      if (done.count(node.get())) continue;
      std::vector<size_t> dependencies;
      for (const simt_graph_node* needed : node->dependencies) {
        auto found = done.find(needed);
        if (found != done.end()) dependencies.push_back(found->second);
      }
      if (dependencies.size() < node->dependencies.size()) continue;
      done[node.get()] = steps->size();
      steps->push_back({*node, node.get(), dependencies});
    }
  } while (done.size() > before);
  return done.size() == graph.nodes.size();
}

static cudaError_t run_steps(const std::vector<Step>& steps) {
  return run_uncaptured([&] {
    for (const Step& step : steps)
      if (cudaError_t error = step.node.work()) return error;
    return sticky_error();
  });
}

Work graph_work(cudaGraph_t graph) {
  auto steps = std::make_shared<std::vector<Step>>();
  if (!arrange(*graph, steps.get())) return [] { return failed(cudaErrorInvalidValue); };
  return [steps] { return run_steps(*steps); };
}

}  // namespace simt

struct simt_graph_exec {
  std::shared_ptr<std::vector<simt::Step>> steps = std::make_shared<std::vector<simt::Step>>();

  simt_graph_node* find(cudaGraphNode_t original, cudaGraphNodeType type) {
    for (simt::Step& step : *steps)
      if (step.original == original && step.node.type == type) return &step.node;
    return nullptr;
  }
};

using namespace simt;

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  if (!exec || !graph) return failed(cudaErrorInvalidValue);
  std::unique_ptr<simt_graph_exec> made(new simt_graph_exec());
  *exec = nullptr;
  if (!arrange(*graph, made->steps.get())) return failed(cudaErrorInvalidValue);
  *exec = made.release();
  return sticky_error();
}
cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* exec, cudaGraph_t graph,
                                          unsigned long long flags) {
  return cudaGraphInstantiate(exec, graph, flags);
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  if (!exec) return failed(cudaErrorInvalidValue);
  if (sticky_error()) return sticky_error();
  return submit(stream, cudaGraphNodeTypeGraph,
                [steps = exec->steps] { return run_steps(*steps); });
}
cudaError_t cudaGraphUpload(cudaGraphExec_t exec, cudaStream_t) {
  return exec ? sticky_error() : failed(cudaErrorInvalidValue);
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  if (!exec) return failed(cudaErrorInvalidValue);
  delete exec;
  return sticky_error();
}

// --- changes. The nodes must stay what they are; all that they do may change.
cudaError_t cudaGraphExecUpdate(cudaGraphExec_t exec, cudaGraph_t graph,
                                cudaGraphExecUpdateResultInfo* info) {
  if (!exec || !graph || !info) return failed(cudaErrorInvalidValue);
  *info = {cudaGraphExecUpdateSuccess, nullptr, nullptr};
  std::vector<Step> steps;
  bool same = arrange(*graph, &steps) && steps.size() == exec->steps->size();
  if (!same) info->result = cudaGraphExecUpdateErrorTopologyChanged;
  for (size_t i = 0; same && i < steps.size(); i++) {
    const Step &before = (*exec->steps)[i], &after = steps[i];
    if (before.dependencies != after.dependencies)
      info->result = cudaGraphExecUpdateErrorTopologyChanged;
    else if (before.node.type != after.node.type)
      info->result = cudaGraphExecUpdateErrorNodeTypeChanged;
    else
      continue;
    info->errorNode = const_cast<cudaGraphNode_t>(after.original);
    same = false;
  }
  if (!same) return failed(cudaErrorGraphExecUpdateFailure);
  for (size_t i = 0; i < steps.size(); i++) (*exec->steps)[i].node = steps[i].node;
  return sticky_error();
}
cudaError_t cudaGraphExecKernelNodeSetParams(cudaGraphExec_t exec, cudaGraphNode_t node,
                                             const cudaKernelNodeParams* parameters) {
  simt_graph_node* found = exec ? exec->find(node, cudaGraphNodeTypeKernel) : nullptr;
  if (!found) return failed(cudaErrorInvalidValue);
  cudaError_t error = set_kernel(parameters, &found->kernel, &found->work);
  return error ? failed(error) : sticky_error();
}
cudaError_t cudaGraphExecMemcpyNodeSetParams1D(cudaGraphExec_t exec, cudaGraphNode_t node, void* to,
                                               const void* from, size_t size, cudaMemcpyKind kind) {
  simt_graph_node* found = exec ? exec->find(node, cudaGraphNodeTypeMemcpy) : nullptr;
  if (!found) return failed(cudaErrorInvalidValue);
  found->work = [=] { return copy(to, from, size, kind); };
  return sticky_error();
}
cudaError_t cudaGraphExecMemsetNodeSetParams(cudaGraphExec_t exec, cudaGraphNode_t node,
                                             const cudaMemsetParams* parameters) {
  simt_graph_node* found = exec ? exec->find(node, cudaGraphNodeTypeMemset) : nullptr;
  if (!found || !parameters) return failed(cudaErrorInvalidValue);
  found->work = memset_work(*parameters);
  return sticky_error();
}
cudaError_t cudaGraphExecHostNodeSetParams(cudaGraphExec_t exec, cudaGraphNode_t node,
                                           const cudaHostNodeParams* parameters) {
  simt_graph_node* found = exec ? exec->find(node, cudaGraphNodeTypeHost) : nullptr;
  if (!found || !parameters || !parameters->fn) return failed(cudaErrorInvalidValue);
  found->work = host_work(*parameters);
  return sticky_error();
}
