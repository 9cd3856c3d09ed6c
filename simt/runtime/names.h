// names.h: what a learner calls an address: tile[3][5], in[1024].
#pragma once
#include "runtime.h"
#include "shadow.h"

namespace simt {

struct Named {
  std::string text;         // "tile[3][5]", or an address
  std::string extent;       // how large it is: "tile[32][33]", "out has 1000 elements"
  std::string argument;     // the kernel's parameter that points there, or ""
  uintptr_t start = 0;      // where that points
  size_t element_size = 4;  // bytes
};
Named name_shared(const Worker& w, uintptr_t address);
Named name_global(const Worker& w, uintptr_t address, size_t access_size);
std::string block_name(const Worker& w, uint64_t block);  // "(2,0,0)"

// A variable of the program, by its symbol; without a name if there is none.
struct Variable {
  std::string name;
  uintptr_t start;
  size_t size;
};
Variable variable_at(uintptr_t address);  // symbols.cpp

// The program or library that this runtime is part of.
uintptr_t program_code();                                   // its base address
bool in_program(uintptr_t address);                         // code, constants or variables
bool is_constant(uintptr_t address);                        // a __constant__ variable
Shadow* program_shadow(uintptr_t address, size_t* offset);  // null: not one of its variables

}  // namespace simt
