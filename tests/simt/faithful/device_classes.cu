// Structs and classes on the device: inheritance without virtual functions (CRTP), members,
// overloaded operators, a kernel as a static member, copies of objects with pointers inside.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>

#define CHECK(call)                                                                  \
  do {                                                                               \
    cudaError_t error = (call);                                                      \
    if (error != cudaSuccess) {                                                      \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, cudaGetErrorString(error)); \
      exit(1);                                                                       \
    }                                                                                \
  } while (0)

namespace geometry {

struct Vec2 {
  float x, y;
  __host__ __device__ constexpr Vec2(float x = 0, float y = 0) : x(x), y(y) {}
  __host__ __device__ Vec2 operator+(const Vec2& o) const { return {x + o.x, y + o.y}; }
  __host__ __device__ Vec2& operator*=(float s) {
    x *= s, y *= s;
    return *this;
  }
  __host__ __device__ friend float dot(const Vec2& a, const Vec2& b) {
    return a.x * b.x + a.y * b.y;
  }
};

template <class Derived>
struct Shape {
  Vec2 centre;
  __host__ __device__ explicit Shape(Vec2 centre) : centre(centre) {}
  __host__ __device__ float scaledArea(float s) const {
    return s * s * static_cast<const Derived*>(this)->area();
  }
  __host__ __device__ bool contains(Vec2 p) const {
    return static_cast<const Derived*>(this)->inside({p.x - centre.x, p.y - centre.y});
  }
};

struct Square : Shape<Square> {
  float side;
  __host__ __device__ Square(Vec2 centre, float side) : Shape(centre), side(side) {}
  __host__ __device__ float area() const { return side * side; }
  __host__ __device__ bool inside(Vec2 p) const {
    return p.x >= -side / 2 && p.x <= side / 2 && p.y >= -side / 2 && p.y <= side / 2;
  }
};

struct Disc : Shape<Disc> {
  float radius;
  __host__ __device__ Disc(Vec2 centre, float radius) : Shape(centre), radius(radius) {}
  __host__ __device__ float area() const { return 3 * radius * radius; }  // exact enough
  __host__ __device__ bool inside(Vec2 p) const { return dot(p, p) <= radius * radius; }
};

}  // namespace geometry

using geometry::Vec2;

template <class S>
__global__ void countInside(S shape, int* count, float* area) {
  Vec2 p((float)threadIdx.x - 16, (float)blockIdx.x - 16);
  p *= 0.5f;
  if (shape.contains(p)) atomicAdd(count, 1);
  if (threadIdx.x == 0 && blockIdx.x == 0) *area = shape.scaledArea(2);
}

class Matrix;
__global__ void multiply(Matrix a, Matrix b, Matrix c);

// A matrix whose copies share the memory, as kernels get it by value.
class Matrix {
 public:
  Matrix(int rows, int cols) : rows_(rows), cols_(cols), data_(nullptr) {
    CHECK(cudaMallocManaged(&data_, rows * cols * sizeof(float)));
  }
  void release() { CHECK(cudaFree(data_)); }
  __host__ __device__ float& operator()(int r, int c) { return data_[r * cols_ + c]; }
  __host__ __device__ int rows() const { return rows_; }
  __host__ __device__ int cols() const { return cols_; }

  friend Matrix operator*(Matrix a, Matrix b) {
    Matrix c(a.rows(), b.cols());
    multiply<<<1, dim3(8, 8)>>>(a, b, c);
    CHECK(cudaGetLastError());
    CHECK(cudaDeviceSynchronize());
    return c;
  }

 private:
  int rows_, cols_;
  float* data_;
};

__global__ void multiply(Matrix a, Matrix b, Matrix c) {
  int row = threadIdx.y, col = threadIdx.x;
  if (row >= c.rows() || col >= c.cols()) return;
  float sum = 0;
  for (int k = 0; k < a.cols(); k++) sum += a(row, k) * b(k, col);
  c(row, col) = sum;
}

// An object of the device that holds a pointer into the device.
struct Line {
  int length;
  Vec2* points;
};
__global__ void shift(Line* line, Vec2 by) {
  for (int i = threadIdx.x; i < line->length; i += blockDim.x)
    line->points[i] = line->points[i] + by;
}

int main() {
  int *count, inside;
  float *area, scaled;
  CHECK(cudaMalloc(&count, sizeof(int)));
  CHECK(cudaMalloc(&area, sizeof(float)));
  CHECK(cudaMemset(count, 0, sizeof(int)));
  countInside<<<32, 32>>>(geometry::Square({1, 1}, 5), count, area);
  CHECK(cudaMemcpy(&inside, count, sizeof inside, cudaMemcpyDeviceToHost));
  CHECK(cudaMemcpy(&scaled, area, sizeof scaled, cudaMemcpyDeviceToHost));
  printf("square = %d inside, area %g\n", inside, scaled);
  CHECK(cudaMemset(count, 0, sizeof(int)));
  countInside<<<32, 32>>>(geometry::Disc({-1, 0.5f}, 3), count, area);
  CHECK(cudaMemcpy(&inside, count, sizeof inside, cudaMemcpyDeviceToHost));
  CHECK(cudaMemcpy(&scaled, area, sizeof scaled, cudaMemcpyDeviceToHost));
  printf("disc = %d inside, area %g\n", inside, scaled);

  Matrix a(4, 3), b(3, 5);
  for (int r = 0; r < 4; r++)
    for (int k = 0; k < 3; k++) a(r, k) = (float)(r + k);
  for (int k = 0; k < 3; k++)
    for (int c = 0; c < 5; c++) b(k, c) = (float)(k * c - 2);
  Matrix c = a * b;
  printf("matrix = %g %g %g\n", c(0, 0), c(2, 3), c(3, 4));
  a.release(), b.release(), c.release();

  Vec2 host[3] = {{1, 2}, {3, 4}, {5, 6}};
  Line line = {3, nullptr}, *d_line;
  CHECK(cudaMalloc(&line.points, sizeof host));
  CHECK(cudaMemcpy(line.points, host, sizeof host, cudaMemcpyHostToDevice));
  CHECK(cudaMalloc(&d_line, sizeof line));
  CHECK(cudaMemcpy(d_line, &line, sizeof line, cudaMemcpyHostToDevice));
  shift<<<1, 32>>>(d_line, Vec2(10, -1));
  CHECK(cudaMemcpy(host, line.points, sizeof host, cudaMemcpyDeviceToHost));
  printf("line = %g %g\n", host[2].x, host[2].y);
  CHECK(cudaFree(line.points));
  CHECK(cudaFree(d_line));
  CHECK(cudaFree(count));
  CHECK(cudaFree(area));
}
