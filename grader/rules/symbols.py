"""What a built library needs: of other libraries, and which names its own code asks for.

The linked file's undefined names tell too little, for the runtime inside of it (simt's, CUDA's)
opens libraries and starts threads. So the build notes what the submission's own objects need
(simt/needs.py), however they come to ask for it, and these names are judged: a submission may use
what the library has itself, and of the rest what is on the lists.

Not seen: code that finds functions by itself, in the process's memory or by system calls of its
own (machine code kept as data). The worker's isolation is there for that.
"""

import re
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from grader.rules.broken import Broken, words
from simt.needs import SECTION

RULE = "symbols"

LIBRARIES = re.compile(
    r"(lib(stdc\+\+|c\+\+|c\+\+abi|gcc_s|unwind|atomic|c|m|mvec|dl|pthread|rt|cudart)|ld-linux[\w-]*)"
    r"\.so(\.[\d.]+)?"
)

_BASES = words("functions") | {f"{name}{end}" for name in words("math") for end in ("", "f", "l")}
FAMILIES = re.compile(
    r"__isoc\d\d_v?sscanf|__isoc\d\d_strto\w+"
    r"|_ZGV[a-z]N\d+v+_\w+"  # vectors of libm's
    r"|__(cxa|gcc|gthrw|atomic)_\w+|_Unwind_\w+|_ITM_\w+"
    # arithmetic of libgcc's
    r"|__(add|sub|mul|u?div|u?mod|u?divmod|neg|fix|fixuns|float|floatun|trunc|extend|pow|u?cmp|ash[lr]"
    r"|lshr|eq|ne|lt|le|gt|ge|unord|clz|ctz|ffs|parity|popcount|bswap)\w*[sdtxhbq][fic]\w*"
    r"|_Z(n[wa]|d[la])\w+"  # new and delete
    r"|_Z(T[VISTC]|THN?|TWN?|GV|Tv0_n\d+_|Thn\d+_)?(NV?K?)?(S[atbosid]|N?10__cxxabiv1|N?9__gnu_cxx)\w*"
    r"|_ZT[IS]P?K?[a-z]"  # of plain types
)

REFUSED = {  # families that the lists above, or the library itself, would let pass
    r"_Z\w*(6thread|7jthread|14__future_base|17_State_baseV2)\w*": "it starts threads",
    r"_Z\w*(filebuf|fstream|10filesystem|11__basic_file|12__basic_file)\w*": "it opens files",
    r"simt_(clear|reports|last_report|profiles|forget_profiles|record|recordings|set_\w+)": (
        "it steers the checker"
    ),
    r"mingpt_\w+": "it is the loader's",
    r"cudaIpc\w+": "it shares memory with other processes",
    r"cudaDeviceSetLimit": "it takes what is everybody's: the L2, for example",
    r"cudaLibrary\w+": "it loads code that was compiled elsewhere",
}
REASONS = {
    r"dl(open|mopen|sym|vsym|addr|info|_iterate_phdr)|__libc_dl\w+": "it opens other libraries",
    r"cu(blas|dnn|fft|sparse|solver|rand|tensor)\w+": "what it computes is for you to write",
    r"cu[A-Z]\w+": "the driver's API is not linked: use the runtime's (cuda...)",
    r"_?_?P[yY]\w+": "gpt.cu knows nothing of Python",
    r"_ZN2at\w+|_ZN?K?3c10\w+|_ZN5torch\w+|aten\w*": "what it computes is for you to write",
    r"syscall|ptrace|process_vm_\w+|prctl": "a submission asks the system for nothing itself",
    r"(v?fork|exec\w+|system|popen|posix_spawn\w*|clone|pthread_create)": (
        "it starts processes or threads"
    ),
    r"(f?re?open\w*|fopen\w*|open\w*|creat\w*|socket\w*|connect|bind|shm_open|memfd_create)": (
        "a submission opens no files and no connections"
    ),
    r"(mmap\w*|mprotect|munmap|mremap)": "it changes the process's memory map",
    r"(kill|tgkill|signal|sig\w+|setitimer|alarm)": "a submission handles no signals",
    r"GOMP_\w+|omp_\w+": "it starts threads: parallel work belongs in a kernel",
}
RESERVED = words("reserved")


def check(library: Path) -> list[Broken]:
    """All that breaks the rule. Raises ValueError for a file that is no library of ours."""
    try:
        with open(library, "rb") as file:
            elf = ELFFile(file)
            section = elf.get_section_by_name(SECTION)
            if section is None:
                raise ValueError(f"it has no section {SECTION}")
            names = section.data().rstrip(b"\0").decode(errors="replace").split("\0")
            defined = set(_defined(elf))
            needed = list(_needed(elf))
    except (ELFError, KeyError, AttributeError) as error:
        raise ValueError(f"it is no shared library: {error}") from None
    found = [
        Broken(RULE, "gpt.cu", 0, f"the library needs {name}: {_not_listed(name)}")
        for name in needed
        if not LIBRARIES.fullmatch(name)
    ]
    found += [
        Broken(RULE, "gpt.cu", 0, f"it uses {name}: {why}")
        for name in names
        if name and (why := why_not(name, defined))
    ]
    found += [
        Broken(RULE, "gpt.cu", 0, f"it defines {name}, which is the C library's: name it otherwise")
        for name in sorted(defined & RESERVED)
    ]
    return found


def why_not(name: str, defined: set[str] = frozenset()) -> str:
    """Why a submission's code may not use a name; "" if it may. defined: what the library has."""
    for pattern, why in REFUSED.items():
        if re.fullmatch(pattern, name):
            return why
    if name in defined or name in _BASES or FAMILIES.fullmatch(name):
        return ""
    fortified = re.fullmatch(r"__(\w+?)_(chk|finite)", name)
    if fortified and fortified[1] in _BASES:
        return ""
    for pattern, why in REASONS.items():
        if re.fullmatch(pattern, name):
            return why
    return "it is not among the functions that a submission may use"


def _not_listed(library: str) -> str:
    if "cublas" in library or "cudnn" in library:
        return "what it computes is for you to write"
    return "a submission stands on the C, C++ and CUDA runtime alone"


def _defined(elf: ELFFile):
    """The names that the library defines, local ones too."""
    for section in elf.iter_sections():
        if isinstance(section, SymbolTableSection):
            for symbol in section.iter_symbols():
                if symbol.entry["st_shndx"] != "SHN_UNDEF" and symbol.name:
                    yield symbol.name


def _needed(elf: ELFFile):
    for section in elf.iter_sections():
        if isinstance(section, DynamicSection):
            for tag in section.iter_tags("DT_NEEDED"):
                yield tag.needed
