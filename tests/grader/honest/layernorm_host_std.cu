// the C++ library on the host: vectors, maps, strings, streams, clocks, random numbers
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <optional>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

struct Choice {
  int threads;
  std::string why;
};

// A static object with a constructor and a destructor.
std::unordered_map<int, std::unique_ptr<Choice>> chosen;
std::mutex guard;

const Choice& choose(int cols) {
  const std::lock_guard<std::mutex> lock(guard);
  if (!chosen.count(cols)) {
    const std::array<int, 4> sizes = {32, 64, 128, 256};
    std::vector<int> fit(sizes.begin(), sizes.end());
    fit.erase(std::remove_if(fit.begin(), fit.end(), [&](int t) { return t > 32 && t > cols; }),
              fit.end());
    std::ostringstream why;
    why << "columns: " << std::setw(4) << cols << ", "
        << std::accumulate(fit.begin(), fit.end(), 0);
    chosen[cols] = std::make_unique<Choice>(Choice{fit.back(), why.str()});
  }
  return *chosen.at(cols);
}

}  // namespace

__global__ void layernorm_warps(float* out, const float* in, const float* weight, const float* bias,
                                float eps, int num_rows, int num_cols) {
  const int row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32, lane = threadIdx.x % 32;
  if (row >= num_rows) return;
  const float* x = in + (size_t)row * num_cols;
  float sum = 0.0f, squares = 0.0f;
  for (int c = lane; c < num_cols; c += 32) sum += x[c];
  for (int far = 16; far; far /= 2) sum += __shfl_xor_sync(0xffffffff, sum, far);
  const float mean = sum / num_cols;
  for (int c = lane; c < num_cols; c += 32) squares += (x[c] - mean) * (x[c] - mean);
  for (int far = 16; far; far /= 2) squares += __shfl_xor_sync(0xffffffff, squares, far);
  const float scale = rsqrtf(squares / num_cols + eps);
  for (int c = lane; c < num_cols; c += 32) {
    out[(size_t)row * num_cols + c] = (x[c] - mean) * scale * weight[c] + bias[c];
  }
}

void layernorm(float* out, const float* in, const float* weight, const float* bias, float eps,
               int num_rows, int num_cols, cudaStream_t stream) {
  const auto begun = std::chrono::steady_clock::now();
  const Choice& choice = choose(num_cols);
  std::optional<int> seed;
  if (std::getenv("LAYERNORM_SEED")) seed = std::random_device()();
  const int warps = choice.threads / 32;
  layernorm_warps<<<(num_rows + warps - 1) / warps, choice.threads, 0, stream>>>(
      out, in, weight, bias, eps, num_rows, num_cols);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  if (took.count() > 60 || seed)
    std::cerr << choice.why << ": " << took.count() << " s" << std::endl;
  if (num_cols < 0) throw std::invalid_argument("num_cols = " + std::to_string(num_cols));
}
