// shadow.cpp: where the cells of shadow.h lie.
#include "shadow.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>

namespace simt {

char* reserve_memory(size_t size) {
  void* p = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                 -1, 0);
  return p == MAP_FAILED ? nullptr : static_cast<char*>(p);
}

void release_pages(void* p, size_t size) {
  auto first = ((uintptr_t)p + kPageBytes - 1) / kPageBytes * kPageBytes;
  auto end = ((uintptr_t)p + size) / kPageBytes * kPageBytes;
  if (end > first) madvise((void*)first, end - first, MADV_DONTNEED);
}

bool Shadow::reserve(size_t bytes) {
  size_t pages = bytes / kPageBytes + 1;
  cells_ = (Cell*)reserve_memory(pages * kPageBytes / 4 * sizeof(Cell));
  byte_pages_ = (Cell**)reserve_memory(pages * sizeof(Cell*));
  bytes_ = bytes;
  return cells_ && byte_pages_;
}

Cell* Shadow::byte_cells(size_t offset) {
  Cell*& page = byte_pages_[offset / kPageBytes];
  Cell& cell = cells_[offset >> 2];
  if (!page || cell.writer != kByteCells) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!page) page = (Cell*)calloc(kPageBytes, sizeof(Cell));
    if (cell.writer != kByteCells) {
      std::fill_n(page + (offset % kPageBytes & ~(size_t)3), 4, cell);
      cell = {kByteCells, 0, 0, 0};
    }
  }
  return page + (offset % kPageBytes & ~(size_t)3);
}

void Shadow::forget(size_t offset, size_t size) {
  size_t first = offset >> 2, end = (offset + size + 3) >> 2;
  if (end - first < 1u << 16)
    std::fill(cells_ + first, cells_ + end, Cell{});
  else {
    release_pages(cells_ + first, (end - first) * sizeof(Cell));
    // What shares a page with other cells is cleared by hand.
    size_t per_page = kPageBytes / sizeof(Cell) + 1;
    std::fill(cells_ + first, cells_ + first + per_page, Cell{});
    std::fill(cells_ + end - per_page, cells_ + end, Cell{});
  }
}

}  // namespace simt
