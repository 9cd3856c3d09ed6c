// tile.cpp: where the threads of a tile of several warps meet (cooperative groups), each leaving a
// value. As in warp.cpp values are kept twice: a fast thread may be in the next meeting while a
// slow one still reads this one's.
#include "schedule.h"
#include "simt/groups/large_tile.h"

namespace simt {

static Tile& tile_of(Worker& w, int first, int size) {
  for (auto& tile : w.tiles)
    if (tile->first == first && tile->size == size) return *tile;
  w.tiles.emplace_back(new Tile{first, size, 0, 0, {}});
  for (auto& values : w.tiles.back()->values) values.resize((size_t)size);
  return *w.tiles.back();
}

TileMeeting tile_meet(int first, int size, const LaneValue& mine, const char* what,
                      const char* file, int line) {
  Worker& w = *worker;
  Tile& tile = tile_of(w, first, size);
  int present = std::min(size, w.num_threads - first), turn = tile.turn;
  LaneValue* values = tile.values[turn].data();
  values[w.current - first] = mine;
  traced_release(&tile);
  if (++tile.arrived == present) {
    tile.arrived = 0;
    tile.turn ^= 1;
    unpark(&tile);
  } else {
    park(&tile, what, file, line);
  }
  traced_acquire(&tile);
  return {values, present};
}

}  // namespace simt
