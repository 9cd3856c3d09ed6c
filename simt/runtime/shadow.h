// shadow.h: what simt check remembers of each granule (4 bytes) of shared and global memory: who
// wrote it last, and who has read it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace simt {

constexpr size_t kPageBytes = 4096;

// When something happened, and who did it; every (block, thread) between two of its meetings with
// others has one of its own. From the top bit: run (26 bits: a number for each block that was ever
// run), generation (14: barriers that the block has passed), thread (10), clock (14: meetings of
// the warp that the thread took part in since that barrier). 0: never.
using Moment = uint64_t;
constexpr int kThreadShift = 14, kGenerationShift = 24, kRunShift = 38;
constexpr uint32_t kMaxRuns = 1u << 26, kMaxGenerations = 1u << 14, kMaxClock = (1u << 14) - 1;

inline uint32_t run_of(Moment m) { return (uint32_t)(m >> kRunShift); }
inline uint32_t generation_of(Moment m) { return m >> kGenerationShift & (kMaxGenerations - 1); }
inline unsigned thread_of(Moment m) { return m >> kThreadShift & 1023; }
inline unsigned clock_of(Moment m) { return m & kMaxClock; }
// An earlier access by this very thread; at a place with no barrier between, whoever it was.
inline bool same_thread(Moment a, Moment b) { return (a ^ b) >> kThreadShift == 0; }
inline bool same_generation(Moment a, Moment b) { return (a ^ b) >> kGenerationShift == 0; }
inline bool same_run(Moment a, Moment b) { return (a ^ b) >> kRunShift == 0; }

inline Moment generation_start(Moment m) { return m >> kGenerationShift << kGenerationShift; }

constexpr Moment kByHost = 1ull << kRunShift;  // run 1: written before any kernel ran
constexpr Moment kByteCells = ~0ull;           // as a writer: each byte has a cell of its own
constexpr uint32_t kPcMask = (1u << 28) - 1;   // code, as an offset into the program
constexpr uint32_t kStrong = 1u << 28;         // an atomic, or volatile in global memory
constexpr uint32_t kOthersInWarp = 1u << 29;   // lanes of the warp have read it too ...
constexpr uint32_t kOthersInBlock = 1u << 30;  // ... other warps, with no barrier since ...
constexpr uint32_t kOthersInGrid = 1u << 31;   // ... other blocks of this launch

struct Cell {
  Moment writer, reader;          // the last of each
  uint32_t writer_pc, reader_pc;  // where in the code, and flags
};

// Blocks on other OS threads look at the same cells: who sees a moment sees what goes with it.
inline void publish(Moment& m, Moment now) { __atomic_store_n(&m, now, __ATOMIC_RELEASE); }
inline Moment published(const Moment& m) { return __atomic_load_n(&m, __ATOMIC_ACQUIRE); }

// The cells of a region of memory. Untouched ones cost nothing but addresses.
class Shadow {
 public:
  bool reserve(size_t bytes);  // of memory to be shadowed; false if there is no room for it
  Cell& cell(size_t offset) { return cells_[offset >> 2]; }
  // The cells of the four bytes of the granule at `offset`; made from its one cell on first use.
  Cell* byte_cells(size_t offset);
  void forget(size_t offset, size_t size);  // as if never touched

 private:
  Cell* cells_ = nullptr;
  Cell** byte_pages_ = nullptr;  // by page of 4 KB: its 4096 cells
  size_t bytes_ = 0;
  std::mutex mutex_;
};

// Addresses with nothing behind them until they are written. Null if there is no room.
char* reserve_memory(size_t size);
void release_pages(void* p, size_t size);  // whole pages within: they read as 0 again

}  // namespace simt
