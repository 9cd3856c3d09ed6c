// symbols.cpp: the program's variables by their addresses, from its symbol table. That has the
// static ones too, which the dynamic loader (dladdr) does not know.
#include <cxxabi.h>
#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include <fstream>
#include <iterator>

#include "names.h"

namespace simt {

static std::string readable_name(const char* symbol) {
  int status = 0;
  char* plain = abi::__cxa_demangle(symbol, nullptr, nullptr, &status);
  std::string name = plain ? plain : symbol;
  free(plain);
  return name;
}

template <class T>
static const T* part(const std::string& file, size_t offset, size_t count = 1) {
  bool fits = offset <= file.size() && count <= (file.size() - offset) / sizeof(T);
  return fits ? reinterpret_cast<const T*>(file.data() + offset) : nullptr;
}

// All that have a size.
static std::vector<Variable> read_variables() {
  Dl_info info;
  std::vector<Variable> found;
  if (!dladdr((void*)read_variables, &info) || !info.dli_fname) return found;
  std::ifstream stream(info.dli_fname, std::ios::binary);
  std::string file{std::istreambuf_iterator<char>(stream), {}};
  auto* header = part<ElfW(Ehdr)>(file, 0);
  if (!header || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return found;
  uintptr_t base = header->e_type == ET_DYN ? (uintptr_t)info.dli_fbase : 0;
  auto* sections = part<ElfW(Shdr)>(file, header->e_shoff, header->e_shnum);
  for (int i = 0; sections && i < header->e_shnum; i++) {
    const ElfW(Shdr) & s = sections[i];
    if (s.sh_type != SHT_SYMTAB || s.sh_link >= header->e_shnum) continue;
    size_t count = s.sh_size / sizeof(ElfW(Sym));
    auto* symbols = part<ElfW(Sym)>(file, s.sh_offset, count);
    const ElfW(Shdr) & names = sections[s.sh_link];
    for (size_t k = 0; symbols && k < count; k++) {
      const ElfW(Sym) & symbol = symbols[k];
      if ((symbol.st_info & 15) != STT_OBJECT || !symbol.st_size) continue;
      if (auto* name = part<char>(file, names.sh_offset + symbol.st_name))
        found.push_back({readable_name(name), base + symbol.st_value, symbol.st_size});
    }
  }
  return found;
}

Variable variable_at(uintptr_t address) {
  static const std::vector<Variable> variables = read_variables();
  for (const Variable& v : variables)
    if (address - v.start < v.size) return v;
  return {};
}

}  // namespace simt
