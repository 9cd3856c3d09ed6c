// cub::BlockRadixSort: the keys of all threads of the block sorted by some of their bits, equal
// ones in the order in which they came; values go along. Here the first thread sorts them, in the
// runtime (runtime/sort.cpp).
#pragma once
#include "simt/cub/collective.h"

namespace cub {
struct NullType {};
}  // namespace cub

namespace simt {

// A number whose order as an unsigned integer is the key's: the sign bit turned over, and of
// negative floats the other bits too.
template <class Key>
inline unsigned long long sort_bits(Key key) {
  static_assert(std::is_arithmetic<Key>::value, "keys to sort by their bits are numbers");
  constexpr int kBits = 8 * sizeof(Key);
  const unsigned long long sign = 1ull << (kBits - 1), all = sign | (sign - 1);
  unsigned long long bits = 0;
  memcpy(&bits, &key, sizeof key);
  if (std::is_floating_point<Key>::value) return bits & sign ? ~bits & all : bits | sign;
  return std::is_signed<Key>::value ? bits ^ sign : bits;
}

// Puts the numbers of `n` items into the stable order of their keys.
SIMT_HIDDEN void sort_stably(int* order, int n, const void* items,
                             unsigned long long (*key)(const void* items, int item));

}  // namespace simt

namespace cub {

template <class Key, int BLOCK_X, int ITEMS, class Value = NullType>
class BlockRadixSort {
  using Shape = simt::BlockShape<BLOCK_X, 1, 1>;
  static constexpr int kItems = BLOCK_X * ITEMS, kBits = 8 * sizeof(Key);

 public:
  struct TempStorage {
    Key keys[kItems];
    Value values[kItems];
    int order[kItems];
  };
  explicit BlockRadixSort(SIMT_HERE)
      : storage_(simt::private_storage<TempStorage>()), site_{file, line} {}
  explicit BlockRadixSort(TempStorage& storage, SIMT_HERE) : storage_(storage), site_{file, line} {}

  SIMT_INLINE void Sort(Key (&keys)[ITEMS], int begin_bit = 0, int end_bit = kBits) {
    sort(keys, nullptr, false, false, begin_bit, end_bit);
  }
  SIMT_INLINE void Sort(Key (&keys)[ITEMS], Value (&values)[ITEMS], int begin_bit = 0,
                        int end_bit = kBits) {
    sort(keys, values, false, false, begin_bit, end_bit);
  }
  SIMT_INLINE void SortDescending(Key (&keys)[ITEMS], int begin_bit = 0, int end_bit = kBits) {
    sort(keys, nullptr, true, false, begin_bit, end_bit);
  }
  SIMT_INLINE void SortDescending(Key (&keys)[ITEMS], Value (&values)[ITEMS], int begin_bit = 0,
                                  int end_bit = kBits) {
    sort(keys, values, true, false, begin_bit, end_bit);
  }
  // The result striped: item i of a thread is number i * BLOCK + thread.
  SIMT_INLINE void SortBlockedToStriped(Key (&keys)[ITEMS], int begin_bit = 0,
                                        int end_bit = kBits) {
    sort(keys, nullptr, false, true, begin_bit, end_bit);
  }
  SIMT_INLINE void SortBlockedToStriped(Key (&keys)[ITEMS], Value (&values)[ITEMS],
                                        int begin_bit = 0, int end_bit = kBits) {
    sort(keys, values, false, true, begin_bit, end_bit);
  }

 private:
  SIMT_INLINE void sort(Key* keys, Value* values, bool descending, bool striped, int begin_bit,
                        int end_bit) {
    int thread = Shape::thread();
    for (int i = 0; i < ITEMS; i++) {
      storage_.keys[thread * ITEMS + i] = keys[i];
      if (values) storage_.values[thread * ITEMS + i] = values[i];
    }
    simt::barrier(0, site_.file, site_.line);
    if (thread == 0) sort_order(descending, begin_bit, end_bit);
    simt::barrier(0, site_.file, site_.line);
    for (int i = 0; i < ITEMS; i++) {
      int from = place(striped ? i * BLOCK_X + thread : thread * ITEMS + i);
      keys[i] = storage_.keys[from];
      if (values) values[i] = storage_.values[from];
    }
  }
  struct Items {
    const Key* keys;
    int begin_bit;
    unsigned long long mask, turned;  // turned: ~0 for a descending order
  };
  SIMT_UNSEEN static unsigned long long key_of(const void* items, int item) {
    auto& s = *static_cast<const Items*>(items);
    return (simt::sort_bits(s.keys[item]) ^ s.turned) >> s.begin_bit & s.mask;
  }
  SIMT_UNSEEN void sort_order(bool descending, int begin_bit, int end_bit) {
    int width = end_bit - begin_bit;
    unsigned long long mask = width >= 64 ? ~0ull : (1ull << width) - 1;
    Items items{storage_.keys, begin_bit, mask, descending ? ~0ull : 0};
    simt::sort_stably(storage_.order, kItems, &items, key_of);
  }
  SIMT_UNSEEN int place(int item) const { return storage_.order[item]; }
  TempStorage& storage_;
  simt::CallSite site_;
};

}  // namespace cub
