// Conway's game of life on a torus: two boards that are swapped after each generation. A glider and
// a blinker are followed; the last board is printed.
#include <cuda_runtime.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK_ERROR(call)                                                           \
  {                                                                                 \
    cudaError_t err = call;                                                         \
    if (err != cudaSuccess) {                                                       \
      printf("%s in %s at line %d\n", cudaGetErrorString(err), __FILE__, __LINE__); \
      exit(EXIT_FAILURE);                                                           \
    }                                                                               \
  }

__global__ void generation(const unsigned char* board, unsigned char* next, int width, int height) {
  int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= width || y >= height) return;
  int neighbours = 0;
  for (int dy = -1; dy <= 1; dy++)
    for (int dx = -1; dx <= 1; dx++)
      if (dx || dy)
        neighbours += board[(y + dy + height) % height * width + (x + dx + width) % width];
  unsigned char alive = board[y * width + x];
  next[y * width + x] = neighbours == 3 || (alive && neighbours == 2);
}

__global__ void population(const unsigned char* board, int cells, int* count) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  int alive = __syncthreads_count(i < cells && board[i]);
  if (threadIdx.x == 0) atomicAdd(count, alive);
}

int main(int argc, char* argv[]) {
  const int width = 20, height = 12, cells = width * height;
  const int generations = argc > 1 ? atoi(argv[1]) : 24;
  unsigned char host[cells];
  memset(host, 0, sizeof host);
  const int glider[5][2] = {{1, 0}, {2, 1}, {0, 2}, {1, 2}, {2, 2}};
  for (int i = 0; i < 5; i++) host[glider[i][1] * width + glider[i][0]] = 1;
  for (int i = 0; i < 3; i++) host[2 * width + 14 + i] = 1;  // a blinker

  unsigned char *board, *next;
  int *count, alive;
  CHECK_ERROR(cudaMalloc(&board, cells));
  CHECK_ERROR(cudaMalloc(&next, cells));
  CHECK_ERROR(cudaMalloc(&count, sizeof(int)));
  CHECK_ERROR(cudaMemcpy(board, host, cells, cudaMemcpyHostToDevice));
  dim3 block(8, 8), grid((width + block.x - 1) / block.x, (height + block.y - 1) / block.y);
  for (int g = 1; g <= generations; g++) {
    generation<<<grid, block>>>(board, next, width, height);
    unsigned char* t = board;
    board = next;
    next = t;
    if (g % 8) continue;
    CHECK_ERROR(cudaMemset(count, 0, sizeof(int)));
    population<<<(cells + 63) / 64, 64>>>(board, cells, count);
    CHECK_ERROR(cudaMemcpy(&alive, count, sizeof(int), cudaMemcpyDeviceToHost));
    printf("generation %d = %d alive\n", g, alive);
  }
  CHECK_ERROR(cudaGetLastError());
  CHECK_ERROR(cudaMemcpy(host, board, cells, cudaMemcpyDeviceToHost));
  for (int y = 0; y < height; y++) {
    printf("row %d = ", y);
    for (int x = 0; x < width; x++) putchar(host[y * width + x] ? '#' : '.');
    putchar('\n');
  }
  CHECK_ERROR(cudaFree(board));
  CHECK_ERROR(cudaFree(next));
  CHECK_ERROR(cudaFree(count));
}
