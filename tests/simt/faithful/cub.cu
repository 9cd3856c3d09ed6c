// CUB's collectives: reductions, scans, loads and stores, sorting, and whole arrays.
#include <cuda_runtime.h>

#include <climits>
#include <cstdio>
#include <cub/cub.cuh>
#include <cuda/functional>
#include <cuda/std/functional>

constexpr int kBlock = 96;

__global__ void warps(const int* in, int* out) {
  using Reduce32 = cub::WarpReduce<int>;
  using Reduce8 = cub::WarpReduce<int, 8>;
  using Scan = cub::WarpScan<int>;
  using Scan16 = cub::WarpScan<int, 16>;
  __shared__ typename Reduce32::TempStorage r32[kBlock / 32];
  __shared__ typename Reduce8::TempStorage r8[kBlock / 8];
  __shared__ typename Scan::TempStorage s32[kBlock / 32];
  __shared__ typename Scan16::TempStorage s16[kBlock / 16];
  int t = threadIdx.x, x = in[t], *o = out + 12 * t;
  int a = Reduce32(r32[t / 32]).Sum(x);
  __syncwarp();
  int b = Reduce32(r32[t / 32]).Reduce(x, cuda::maximum<>{});
  __syncwarp();
  int c = Reduce32(r32[t / 32]).Sum(x, 11);
  int d = Reduce8(r8[t / 8]).Reduce(x, [](int p, int q) { return p < q ? p : q; });
  o[0] = t % 32 ? 0 : a, o[1] = t % 32 ? 0 : b, o[2] = t % 32 ? 0 : c, o[3] = t % 8 ? 0 : d;
  Scan(s32[t / 32]).InclusiveSum(x, o[4]);
  __syncwarp();
  int total;
  Scan(s32[t / 32]).ExclusiveSum(x, o[5], total);
  o[6] = total;
  __syncwarp();
  Scan(s32[t / 32]).ExclusiveScan(x, o[7], INT_MIN, cuda::maximum<>{});
  Scan16(s16[t / 16]).InclusiveScan(x, o[8], cuda::minimum<>{}, total);
  o[9] = total;
  __syncwarp();
  o[10] = Scan(s32[t / 32]).Broadcast(x, 9);
  o[11] = 0;
}

struct Point {
  double x;
  int n[5];
};
struct AddPoints {
  __host__ __device__ Point operator()(const Point& a, const Point& b) const {
    Point c = a;
    c.x += b.x;
    for (int i = 0; i < 5; i++) c.n[i] += b.n[i];
    return c;
  }
};

__global__ void blocks(const int* in, int* out) {
  using Reduce = cub::BlockReduce<int, kBlock>;
  using Raking = cub::BlockReduce<int, kBlock, cub::BLOCK_REDUCE_RAKING>;
  using Points = cub::BlockReduce<Point, kBlock>;
  __shared__ union {
    typename Reduce::TempStorage reduce;
    typename Raking::TempStorage raking;
    typename Points::TempStorage points;
  } temp;
  int t = threadIdx.x, x = in[t], r[8];
  r[0] = Reduce(temp.reduce).Sum(x);
  __syncthreads();
  r[1] = Reduce(temp.reduce).Reduce(x, cuda::minimum<>{});
  __syncthreads();
  r[2] = Reduce(temp.reduce).Sum(x, 50);
  __syncthreads();
  r[3] = Raking(temp.raking).Reduce(x, cuda::maximum<>{}, 40);
  __syncthreads();
  int items[3] = {x, 2 * x, -x + t};
  r[4] = Reduce(temp.reduce).Sum(items);
  __syncthreads();
  Point p = Points(temp.points).Reduce(Point{0.5 * t, {1, t, 2 * t, -t, x}}, AddPoints());
  r[5] = (int)p.x, r[6] = p.n[0] + p.n[3], r[7] = p.n[4];
  if (t == 0)
    for (int i = 0; i < 8; i++) out[i] = r[i];
}

__global__ void block2d(int* out) {  // threads of a block in two dimensions
  using Reduce = cub::BlockReduce<int, 8, cub::BLOCK_REDUCE_WARP_REDUCTIONS, 6>;
  using Scan = cub::BlockScan<int, 8, cub::BLOCK_SCAN_WARP_SCANS, 6>;
  __shared__ typename Reduce::TempStorage reduce;
  __shared__ typename Scan::TempStorage scan;
  int x = threadIdx.x + 10 * threadIdx.y, sum;
  Scan(scan).InclusiveSum(x, sum);
  out[1 + threadIdx.y * 8 + threadIdx.x] = sum;
  int total = Reduce(reduce).Sum(x);
  if (threadIdx.x + threadIdx.y == 0) out[0] = total;
}

struct RunningPrefix {  // what came before this tile
  int running;
  __device__ int operator()(int tile_total) {
    int before = running;
    running += tile_total;
    return before;
  }
};

__global__ void scans(const int* in, int* out) {
  using Scan = cub::BlockScan<int, kBlock>;
  __shared__ typename Scan::TempStorage temp;
  int t = threadIdx.x, x = in[t], total, *o = out + 16 * t;
  for (int i = 0; i < 16; i++) o[i] = 0;
  Scan(temp).InclusiveSum(x, o[0]);
  __syncthreads();
  Scan(temp).ExclusiveSum(x, o[1], total);
  o[2] = total;
  __syncthreads();
  Scan(temp).InclusiveScan(x, o[3], cuda::maximum<>{});
  __syncthreads();
  Scan(temp).ExclusiveScan(x, o[4], 5000, cuda::minimum<>{});
  __syncthreads();
  int items[3] = {x, t, x % 5}, sums[3], before[3];
  Scan(temp).InclusiveSum(items, sums);
  __syncthreads();
  Scan(temp).ExclusiveSum(items, before, total);
  for (int i = 0; i < 3; i++) o[5 + i] = sums[i], o[8 + i] = before[i];
  o[11] = total;
  __syncthreads();
  Scan(temp).ExclusiveScan(items, items, -1, cuda::maximum<>{});
  for (int i = 0; i < 3; i++) o[12 + i] = items[i];
  RunningPrefix prefix{1000};
  for (int tile = 0; tile < 2; tile++) {
    __syncthreads();
    Scan(temp).ExclusiveSum(x + tile, o[15], prefix);
  }
}

template <cub::BlockLoadAlgorithm LOAD, cub::BlockStoreAlgorithm STORE>
__global__ void load_store(const int* in, int* out, int valid) {
  using Load = cub::BlockLoad<int, 32, 4, LOAD>;
  using Store = cub::BlockStore<int, 32, 4, STORE>;
  __shared__ typename Load::TempStorage load;
  __shared__ typename Store::TempStorage store;
  int items[4];
  Load(load).Load(in, items);
  for (int i = 0; i < 4; i++) items[i] = items[i] * 10 + i;
  Store(store).Store(out, items);
  __syncthreads();
  Load(load).Load(in, items, valid, -7);
  for (int i = 0; i < 4; i++) items[i] += threadIdx.x;
  Store(store).Store(out + 128, items, valid + 3);
}

__global__ void sorts(const int* in, int* out) {
  using Sort = cub::BlockRadixSort<int, 64, 2>;
  using Pairs = cub::BlockRadixSort<float, 64, 2, int>;
  __shared__ typename Sort::TempStorage sort;
  __shared__ typename Pairs::TempStorage pairs;
  int t = threadIdx.x, keys[2] = {in[2 * t] - 500, in[2 * t + 1] - 500},
      values[2] = {2 * t, 2 * t + 1};
  Sort(sort).Sort(keys);
  out[2 * t] = keys[0], out[2 * t + 1] = keys[1];
  __syncthreads();
  float numbers[2] = {(in[2 * t] % 40 - 20) * 0.5f, (in[2 * t + 1] % 40 - 20) * 0.5f};
  Pairs(pairs).SortDescending(numbers, values);
  for (int i = 0; i < 2; i++) {
    out[128 + 2 * t + i] = (int)(numbers[i] * 2);
    out[256 + 2 * t + i] = values[i];
  }
  __syncthreads();
  Sort(sort).SortBlockedToStriped(keys, 2, 5);
  out[384 + t] = keys[0], out[384 + 64 + t] = keys[1];
}

static int numbers[5000], h[2048], *in, *out;
static void print(const char* name, int n, int each) {
  cudaMemcpy(h, out, sizeof h, cudaMemcpyDeviceToHost);
  cudaMemset(out, 0, sizeof h);
  for (int i = 0; i < n; i++)
    printf("%s%d%s", i % each ? "" : name, h[i], i % each == each - 1 || i == n - 1 ? "\n" : " ");
}

template <class Call>
static void on_array(const char* name, int n, Call call) {
  size_t bytes = 0;
  cudaError_t asked = call(nullptr, bytes);
  void* temp = nullptr;
  cudaMalloc(&temp, bytes);
  cudaError_t done = call(temp, bytes);
  printf("errors of %s%d %d %d\n", name, (int)asked, (int)done, bytes > 0);
  print(name, n, 10);
  cudaFree(temp);
}

int main() {
  const int n = 5000;
  for (int i = 0; i < n; i++) numbers[i] = i * 7919 % 1009;
  cudaMalloc(&in, sizeof numbers);
  cudaMalloc(&out, sizeof h);
  cudaMemset(out, 0, sizeof h);
  cudaMemcpy(in, numbers, sizeof numbers, cudaMemcpyHostToDevice);
  warps<<<1, kBlock>>>(in, out);
  print("warps = ", kBlock * 12, 12);
  blocks<<<1, kBlock>>>(in, out);
  print("blocks = ", 8, 8);
  block2d<<<1, dim3(8, 6)>>>(out);
  print("block2d = ", 49, 49);
  scans<<<1, kBlock>>>(in, out);
  print("scans = ", kBlock * 16, 16);
  load_store<cub::BLOCK_LOAD_DIRECT, cub::BLOCK_STORE_STRIPED><<<1, 32>>>(in, out, 77);
  print("direct_striped = ", 256, 32);
  load_store<cub::BLOCK_LOAD_STRIPED, cub::BLOCK_STORE_DIRECT><<<1, 32>>>(in, out, 50);
  print("striped_direct = ", 256, 32);
  load_store<cub::BLOCK_LOAD_WARP_TRANSPOSE, cub::BLOCK_STORE_VECTORIZE><<<1, 32>>>(in, out, 101);
  print("transpose_vectorize = ", 256, 32);
  sorts<<<1, 64>>>(in, out);
  print("sorts = ", 512, 32);

  long long* sum = (long long*)out;
  on_array("sum = ", 2, [=](void* temp, size_t& bytes) {
    return cub::DeviceReduce::Sum(temp, bytes, in, sum, n);
  });
  on_array("max = ", 1, [=](void* temp, size_t& bytes) {
    return cub::DeviceReduce::Max(temp, bytes, in, out, n);
  });
  on_array("min = ", 1, [=](void* temp, size_t& bytes) {
    return cub::DeviceReduce::Min(temp, bytes, in + 1, out, 900);
  });
  on_array("reduce = ", 1, [=](void* temp, size_t& bytes) {
    return cub::DeviceReduce::Reduce(temp, bytes, in, out, n, cuda::std::bit_xor<>{}, 12345);
  });
  on_array("inclusive = ", 50, [=](void* temp, size_t& bytes) {
    return cub::DeviceScan::InclusiveSum(temp, bytes, in, out, 1000);
  });
  on_array("exclusive = ", 50, [=](void* temp, size_t& bytes) {
    return cub::DeviceScan::ExclusiveSum(temp, bytes, in, out, 1000);
  });
  on_array("exclusive_max = ", 50, [=](void* temp, size_t& bytes) {
    return cub::DeviceScan::ExclusiveScan(temp, bytes, in, out, cuda::maximum<>{}, 300, 1000);
  });
  printf("error = %d\n", (int)cudaGetLastError());
}
