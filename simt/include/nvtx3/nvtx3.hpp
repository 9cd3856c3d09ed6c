// nvtx3.hpp: NVTX for C++. A range lasts as long as its object.
#pragma once
#include "nvToolsExt.h"

namespace nvtx3 {
inline namespace v1 {

struct rgb {
  uint8_t red, green, blue;
  constexpr rgb(uint8_t r, uint8_t g, uint8_t b) : red(r), green(g), blue(b) {}
};
struct color {
  explicit constexpr color(uint32_t) {}
  constexpr color(rgb) {}
};
struct category {
  explicit constexpr category(uint32_t) {}
};
struct payload {
  template <class T>
  explicit constexpr payload(T) {}
};
struct event_attributes {
  template <class... Attributes>
  explicit constexpr event_attributes(const Attributes&...) {}
};

// In any domain, with a message, a color, ... in any order.
template <class Domain = void>
class scoped_range_in {
 public:
  template <class... Attributes>
  explicit scoped_range_in(const Attributes&...) {
    nvtxRangePushA("");
  }
  ~scoped_range_in() { nvtxRangePop(); }
  scoped_range_in(const scoped_range_in&) = delete;
  scoped_range_in& operator=(const scoped_range_in&) = delete;
};
using scoped_range = scoped_range_in<>;
template <class Domain = void>
using scoped_thread_range_in = scoped_range_in<Domain>;
using scoped_thread_range = scoped_range;

template <class... Attributes>
void mark(const Attributes&...) {}
template <class Domain, class... Attributes>
void mark_in(const Attributes&...) {}

}  // namespace v1
}  // namespace nvtx3

#define NVTX3_FUNC_RANGE() ::nvtx3::scoped_range nvtx3_func_range__(__func__)
#define NVTX3_FUNC_RANGE_IN(domain) ::nvtx3::scoped_range_in<domain> nvtx3_func_range__(__func__)
