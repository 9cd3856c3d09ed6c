// arena.h: device memory in an instrumented build. All of it lies in one region, so that an address
// tells at once whether it is device memory; a table of its pages tells which bytes are allocated,
// and gaps between the allocations show an index that goes too far. A freed place is not used
// again until the whole region has been.
#pragma once
#include <array>
#include <map>
#include <string>

#include "runtime.h"
#include "shadow.h"

namespace simt {

enum class Memory : uint8_t { Device, Host, Managed, Heap };  // Heap: malloc and new in kernels

struct Allocation {
  char* start;
  size_t size;
  Memory kind;
  bool freed;
  std::array<void*, 12> frames;  // the calls that allocated it, innermost first
};

class Arena {
 public:
  bool contains(uintptr_t address) const { return address - base_ < size_; }
  size_t offset(uintptr_t address) const { return address - base_; }
  size_t size() const { return size_; }
  // Whether those bytes, which lie in one page, belong to an allocation; and whether the host has
  // written the whole page.
  bool allocated(size_t offset, size_t size) const {
    Page page = pages_[offset >> 12];
    size_t in_page = offset & 4095;
    return in_page >= page.first && in_page + size <= page.end;
  }
  bool written_by_host(size_t offset) const { return pages_[offset >> 12].written; }

  void* allocate(size_t size, Memory kind);      // null: no room
  bool release(void* p, Memory* kind);           // false: not an allocation that is alive
  void written(void* p, size_t size);            // by the host
  bool any_written(const void* p, size_t size);  // a part of it, by anyone
  // The allocation that holds the address; or else the nearest before or behind it.
  const Allocation* nearest(uintptr_t address) const;
  const Allocation* holding(uintptr_t address) const;  // also one that was freed
  std::vector<Allocation> alive() const;

  Shadow shadow;

 private:
  struct Page {
    uint16_t first, end;  // the allocated bytes of the page
    bool written;
  };
  bool reserve();

  uintptr_t base_ = 0;
  size_t size_ = 0, next_ = 0, count_ = 0;
  Page* pages_ = nullptr;
  // Freed ones too. Never destroyed: looked at when the program ends.
  std::map<uintptr_t, Allocation>& allocations_ = *new std::map<uintptr_t, Allocation>();
};

extern Arena arena;

}  // namespace simt
