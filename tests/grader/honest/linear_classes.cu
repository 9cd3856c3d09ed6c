// classes with virtual functions, exceptions, dynamic_cast, thread_local, new and delete
#include <exception>
#include <new>
#include <typeinfo>

namespace student {

struct Launch {
  virtual ~Launch() = default;
  virtual void run(cudaStream_t stream) const = 0;
};

__global__ void rows_kernel(float* out, const float* in, const float* weight, const float* bias,
                            int m, int n, int k) {
  const int warp = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x % 32;
  if (warp >= m * n) return;
  const int row = warp / n, col = warp % n;
  float sum = 0.0f;
  for (int i = lane; i < k; i += 32) sum += in[(size_t)row * k + i] * weight[(size_t)col * k + i];
  for (int far = 16; far; far /= 2) sum += __shfl_down_sync(0xffffffff, sum, far);
  if (lane == 0) out[warp] = sum + (bias ? bias[col] : 0.0f);
}

class Rows final : public Launch {
 public:
  Rows(float* out, const float* in, const float* weight, const float* bias, int m, int n, int k)
      : out_(out), in_(in), weight_(weight), bias_(bias), m_(m), n_(n), k_(k) {
    if (m < 0) throw std::bad_alloc();
  }
  void run(cudaStream_t stream) const override {
    rows_kernel<<<(m_ * n_ * 32 + 127) / 128, 128, 0, stream>>>(out_, in_, weight_, bias_, m_, n_,
                                                                k_);
  }

 private:
  float* out_;
  const float *in_, *weight_, *bias_;
  int m_, n_, k_;
};

thread_local int calls = 0;

}  // namespace student

void linear(float* out, const float* in, const float* weight, const float* bias, int m, int n,
            int k, cudaStream_t stream) {
  student::Launch* launch = nullptr;
  try {
    launch = new student::Rows(out, in, weight, bias, m, n, k);
    if (auto* rows = dynamic_cast<student::Rows*>(launch)) rows->run(stream);
    student::calls += typeid(*launch) == typeid(student::Rows);
  } catch (const std::exception& error) {
    std::terminate();
  }
  delete launch;
}
