// mma.h: tiles of matrices, multiplied by the 32 lanes of a warp together (CUDA C++ Programming
// Guide, "Warp Matrix Functions"): D = A B + C, where A is m x k, B is k x n, C and D are m x n.
//
// A fragment is what one lane holds of a tile. Which elements those are is unspecified in CUDA;
// here the elements are dealt out to the lanes in turn, in the order of rows (of columns:
// col_major). Sums are kept in float, and rounded once where the result is half. A GPU adds in
// another order.
#pragma once
#include "cuda_runtime.h"
#include "simt/tile.h"

namespace nvcuda {
namespace wmma {

template <class Use, int m, int n, int k, class T, class Layout = void>
struct fragment {
  static_assert(simt::tile::exists<Use, m, n, k, T>(),
                "wmma has no such tile: half, __nv_bfloat16, signed char and unsigned char have "
                "16x16x16, 32x8x16 and 8x32x16 (and are added up as float, half or int), "
                "precision::tf32 has 16x16x8, double has 8x8x4");
  static_assert(std::is_same<Use, accumulator>::value
                    ? std::is_same<Layout, void>::value
                    : simt::tile::is_any<Layout, row_major, col_major>(),
                "a matrix_a or matrix_b needs row_major or col_major, an accumulator neither");

  static constexpr int rows = simt::tile::rows<Use, m, n, k>;
  static constexpr int columns = simt::tile::columns<Use, m, n, k>;
  static constexpr bool by_columns = std::is_same<Layout, col_major>::value;
  static constexpr int num_elements = rows * columns / 32;
  static constexpr int num_storage_elements = num_elements;
  using element_type = typename simt::tile::Element<T>::Stored;
  using storage_element_type = element_type;

  element_type x[num_elements];
};

}  // namespace wmma
}  // namespace nvcuda

namespace simt {
namespace tile {

// Where element i of a lane stands.
struct Place {
  int row, column;
};
template <class Fragment>
SIMT_INLINE Place place(int lane, int i) {
  int number = i * 32 + lane;
  if (Fragment::by_columns) return {number % Fragment::rows, number / Fragment::rows};
  return {number / Fragment::columns, number % Fragment::columns};
}
// ... and how far that is from the tile's first element in memory.
SIMT_INLINE size_t offset(Place at, unsigned ldm, layout_t layout) {
  return layout == mem_row_major ? (size_t)at.row * ldm + at.column
                                 : (size_t)at.column * ldm + at.row;
}

SIMT_INLINE void meet(const char* what, const char* file, int line) {
  warp_meet(0xffffffffu, {}, what, file, line);
}

template <class Fragment>
SIMT_INLINE void load(Fragment& f, const typename Fragment::element_type* p, unsigned ldm,
                      layout_t layout) {
  for (int i = 0, lane = lane_id(); i < Fragment::num_elements; i++)
    f.x[i] = p[offset(place<Fragment>(lane, i), ldm, layout)];
}

template <class Fragment>
SIMT_INLINE void store(typename Fragment::element_type* p, const Fragment& f, unsigned ldm,
                       layout_t layout) {
  for (int i = 0, lane = lane_id(); i < Fragment::num_elements; i++)
    p[offset(place<Fragment>(lane, i), ldm, layout)] = f.x[i];
}

// The fragments that one lane was called with.
template <class A, class B, class C, class D>
struct Operands {
  const A* a = nullptr;
  const B* b = nullptr;
  const C* c = nullptr;
  D* d = nullptr;
};

// What a lane that is not there should have held is undefined: NaN makes it visible.
template <class Element, class Sum, int rows, int columns, class Fragment>
SIMT_UNSEEN inline void spread(Sum (&tile)[rows][columns], const Fragment* f, int lane) {
  for (int i = 0; i < Fragment::num_elements; i++) {
    Place at = place<Fragment>(lane, i);
    tile[at.row][at.column] = f ? Element::widen(f->x[i]) : std::numeric_limits<Sum>::quiet_NaN();
  }
}

// One lane multiplies for all, while they wait: it spreads out their fragments as whole tiles.
template <class T, class D, class A, class B, class C>
SIMT_UNSEEN inline void multiply(const Operands<A, B, C, D> (&lanes)[32], bool saturate) {
  using Sum = typename Element<T>::Sum;
  Sum a[A::rows][A::columns], b[B::rows][B::columns], c[C::rows][C::columns];
  for (int lane = 0; lane < 32; lane++) {
    spread<Element<T>>(a, lanes[lane].a, lane);
    spread<Element<T>>(b, lanes[lane].b, lane);
    spread<Element<typename C::element_type>>(c, lanes[lane].c, lane);
  }
  for (int i = 0; i < A::rows; i++)
    for (int j = 0; j < A::columns; j++)
      for (int l = 0; l < B::columns; l++) c[i][l] += a[i][j] * b[j][l];
  for (int lane = 0; lane < 32; lane++) {
    D* d = lanes[lane].d;
    for (int i = 0; d && i < D::num_elements; i++) {
      Place at = place<D>(lane, i);
      d->x[i] = narrowed<typename D::element_type>(c[at.row][at.column], saturate);
    }
  }
}

}  // namespace tile
}  // namespace simt

namespace nvcuda {
namespace wmma {

template <class Use, int m, int n, int k, class T, class Layout>
SIMT_INLINE void fill_fragment(
    fragment<Use, m, n, k, T, Layout>& f,
    const typename fragment<Use, m, n, k, T, Layout>::element_type& value) {
  for (auto& x : f.x) x = value;
}

// From p, where rows (of a col_major tile: columns) lie ldm elements apart.
template <class Use, int m, int n, int k, class T, class Layout>
SIMT_INLINE void load_matrix_sync(fragment<Use, m, n, k, T, Layout>& f,
                                  const typename fragment<Use, m, n, k, T, Layout>::element_type* p,
                                  unsigned ldm, SIMT_HERE) {
  static_assert(!std::is_same<Use, accumulator>::value,
                "to load an accumulator, say mem_row_major or mem_col_major after ldm");
  simt::tile::meet("load_matrix_sync", file, line);
  simt::tile::load(f, p, ldm, f.by_columns ? mem_col_major : mem_row_major);
}
template <int m, int n, int k, class T>
SIMT_INLINE void load_matrix_sync(fragment<accumulator, m, n, k, T>& f,
                                  const typename fragment<accumulator, m, n, k, T>::element_type* p,
                                  unsigned ldm, layout_t layout, SIMT_HERE) {
  simt::tile::meet("load_matrix_sync", file, line);
  simt::tile::load(f, p, ldm, layout);
}
template <int m, int n, int k, class T>
SIMT_INLINE void store_matrix_sync(typename fragment<accumulator, m, n, k, T>::element_type* p,
                                   const fragment<accumulator, m, n, k, T>& f, unsigned ldm,
                                   layout_t layout, SIMT_HERE) {
  simt::tile::meet("store_matrix_sync", file, line);
  simt::tile::store(p, f, ldm, layout);
}

// d = a b + c. saturate: an int that overflows stays at its limit.
template <int m, int n, int k, class T, class LayoutA, class LayoutB, class C, class D>
SIMT_UNSEEN inline void mma_sync(fragment<accumulator, m, n, k, D>& d,
                                 const fragment<matrix_a, m, n, k, T, LayoutA>& a,
                                 const fragment<matrix_b, m, n, k, T, LayoutB>& b,
                                 const fragment<accumulator, m, n, k, C>& c, bool saturate = false,
                                 SIMT_HERE) {
  static_assert(simt::tile::add_up<T, C, D>(),
                "half is added up as float or half, __nv_bfloat16 and precision::tf32 as float, "
                "signed char and unsigned char as int, double as double");
  using Operands =
      simt::tile::Operands<fragment<matrix_a, m, n, k, T, LayoutA>,
                           fragment<matrix_b, m, n, k, T, LayoutB>,
                           fragment<accumulator, m, n, k, C>, fragment<accumulator, m, n, k, D>>;
  Operands mine{&a, &b, &c, &d};
  const Operands* address = &mine;
  simt::LaneValue value{};
  memcpy(value.bytes, &address, sizeof address);
  simt::WarpMeeting meeting = simt::warp_meet(0xffffffffu, value, "mma_sync", file, line);
  bool is_first = !(meeting.present & ((1u << simt::lane_id()) - 1));
  if (is_first) {
    Operands lanes[32];
    for (int lane = 0; lane < 32; lane++) {
      if (!(meeting.present >> lane & 1)) continue;
      memcpy(&address, meeting.values[lane].bytes, sizeof address);
      lanes[lane] = *address;
    }
    simt::tile::multiply<T>(lanes, saturate);
  }
  simt::tile::meet("mma_sync", file, line);
}

// To the nearest number that tf32 has; ties go away from zero (PTX: cvt.rna.tf32.f32).
inline float __float_to_tf32(float x) {
  unsigned all = simt::bits<unsigned>(x);
  bool finite = (all & 0x7f800000) != 0x7f800000;
  return finite ? simt::bits<float>((all + 0x1000) & 0xffffe000) : x;
}

}  // namespace wmma
}  // namespace nvcuda
