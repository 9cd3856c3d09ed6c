"""What gpt.cu and its own headers include: headers on a list, named as they are.

And the other ways in which a text steers the preprocessor or the linker: #embed, #line, some pragmas
and attributes, digraphs.
"""

import re
from collections.abc import Iterator

from grader.rules.broken import Broken
from grader.rules.sources import Directive, SourceFile, Sources
from simt.rewrite.includes import Include
from simt.rewrite.tokens import Token, match_forward

RULE = "includes"

# The C++ library, less what starts threads, opens files or asks the system.
CPP = """
algorithm any array atomic bit bitset cassert cctype cerrno cfenv cfloat charconv chrono cinttypes
ciso646 climits clocale cmath codecvt compare complex concepts condition_variable csetjmp cstdarg
cstdbool cstddef cstdint cstdio cstdlib cstring ctgmath ctime cuchar cwchar cwctype deque exception
forward_list functional initializer_list iomanip ios iosfwd iostream istream iterator limits list locale
map memory memory_resource mutex new numbers numeric optional ostream queue random ranges ratio regex
scoped_allocator set shared_mutex source_location span sstream stack stdexcept streambuf string
string_view strstream system_error tuple type_traits typeindex typeinfo unordered_map unordered_set
utility valarray variant vector version
""".split()
C = """
assert.h complex.h ctype.h errno.h fenv.h float.h inttypes.h iso646.h limits.h locale.h math.h memory.h
setjmp.h stdalign.h stdarg.h stdbool.h stddef.h stdint.h stdio.h stdlib.h string.h tgmath.h time.h
uchar.h values.h wchar.h wctype.h
""".split()
CUDA = """
builtin_types.h channel_descriptor.h cooperative_groups.h cuComplex.h cuda.h cuda_awbarrier.h
cuda_awbarrier_primitives.h cuda_bf16.h cuda_device_runtime_api.h cuda_fp16.h cuda_fp4.h cuda_fp6.h
cuda_fp8.h cuda_occupancy.h cuda_pipeline.h cuda_pipeline_primitives.h cuda_profiler_api.h
cuda_runtime.h cuda_runtime_api.h cudaTypedefs.h curand_kernel.h device_atomic_functions.h
device_functions.h device_launch_parameters.h device_types.h driver_types.h helper_math.h
host_defines.h library_types.h math_constants.h math_functions.h mma.h sm_20_intrinsics.h
sm_30_intrinsics.h sm_32_intrinsics.h sm_35_intrinsics.h sm_60_atomic_functions.h
sm_61_intrinsics.h surface_indirect_functions.h surface_types.h texture_indirect_functions.h
texture_types.h vector_functions.h vector_types.h nvToolsExt.h
""".split()
ALLOWED = frozenset((*CPP, *C, *CUDA))
# Whole folders of CUDA's: libcu++, cooperative groups, cub and Thrust (neither has a matrix product).
FAMILIES = re.compile(r"(cuda|cooperative_groups|cub|thrust|nv|nvtx3)/[\w./-]+")
# CPU vector units, for what the host does; they are the compiler's own.
INTRINSICS = re.compile(r"(x86|[a-z]{1,3}mm)intrin\.h")

YOURSELF = "what it computes is what you are to write yourself"
REASONS = {  # by how a header's name begins
    "cublas": f"cuBLAS is not allowed: {YOURSELF}",
    "cudnn": f"cuDNN is not allowed: {YOURSELF}",
    "cutlass": f"CUTLASS is not allowed: {YOURSELF}",
    "cute/": f"CuTe is not allowed: {YOURSELF}",
    "torch": f"torch is not allowed in gpt.cu: {YOURSELF}",
    "ATen": f"torch is not allowed in gpt.cu: {YOURSELF}",
    "c10": f"torch is not allowed in gpt.cu: {YOURSELF}",
    "dlfcn.h": "loading other libraries is not allowed",
    "thread": "starting threads is not allowed: parallel work belongs in a kernel",
    "future": "starting threads is not allowed: parallel work belongs in a kernel",
    "pthread": "starting threads is not allowed: parallel work belongs in a kernel",
    "omp.h": "starting threads is not allowed: parallel work belongs in a kernel",
    "fstream": "a submission opens no files (std::cerr and printf are fine)",
    "filesystem": "a submission opens no files",
    "Python.h": "gpt.cu knows nothing of Python: its functions get addresses and sizes",
}
DIRECTIVES = frozenset(
    "define undef if ifdef ifndef elif elifdef elifndef else endif include pragma error warning".split()
)
PRAGMAS = {  # by their first words: what they would do
    ("GCC", "dependency"): "looks at another file",
    ("GCC", "pch_preprocess"): "loads a precompiled header",
    ("GCC", "plugin"): "loads a compiler plugin",
    ("GCC", "system_header"): "hides the rest of the file from the compiler's warnings",
    ("clang", "module"): "loads a module",
    ("comment",): "steers the linker",
    ("include_alias",): "gives a header another name",
    ("redefine_extname",): "gives a function another name for the linker",
    ("weak",): "gives a function another name for the linker",
}
ATTRIBUTES = ("section", "alias", "weakref", "ifunc", "symver")


def check(sources: Sources) -> list[Broken]:
    """All that breaks the rule, file by file."""
    found = list(sources.broken)
    for file in sources.files.values():
        found += [broken for include in file.includes if (broken := _include(sources, file, include))]
        for directive in file.directives:
            found += _directive(sources, file, directive)
        found += _tokens(file)
    return sorted(found, key=lambda broken: (broken.file != "gpt.cu", broken.file, broken.line))


def is_allowed(name: str) -> bool:
    """Whether a header of the system may be included."""
    if name in ALLOWED or INTRINSICS.fullmatch(name):
        return True
    return bool(FAMILIES.fullmatch(name)) and ".." not in name


def _include(sources: Sources, file: SourceFile, include: Include) -> Broken | None:
    found = sources.find(include, file)
    if found and sources.is_inside(found):
        return None
    if found or include.name.startswith(("/", "../")) or "/../" in include.name:
        text = f'"{include.name}" lies outside of your submission'
        return file.broken(RULE, include.start, f"{text}: copy what you need into its folder")
    if sources.is_given(include.name) or is_allowed(include.name):
        return None
    shown = f'"{include.name}"' if include.quoted else f"<{include.name}>"
    because = next((why for name, why in REASONS.items() if include.name.startswith(name)), "")
    if include.quoted and not because:
        because = "there is no such file in your submission, and it is none of the headers allowed"
    because = because or "it is not among the headers that a submission may include"
    return file.broken(RULE, include.start, f"#include {shown}: {because}")


def _directive(sources: Sources, file: SourceFile, directive: Directive) -> Iterator[Broken]:
    name, rest = directive.name, directive.rest

    def broken(text: str) -> Broken:
        return file.broken(RULE, directive.token, text)

    if name and name not in DIRECTIVES:
        shown = name if name.isidentifier() else repr(name)
        yield broken(f"#{shown} is not a directive that a submission may use")
    elif name == "include" and not (rest and rest[0].text[:1] in ("<", '"')):
        yield broken("#include must name its file itself, in quotes or <>, not through a macro")
    elif name == "pragma":
        if why := _pragma([token.text for token in rest]):
            yield broken(why)
    for i, token in enumerate(rest):
        if token.text in ("__has_include", "__has_include_next", "__has_embed"):
            tested = file.text[token.end : rest[-1].end].strip(" \t()")
            tested = tested[1:].split(">" if tested[:1] == "<" else '"')[0]
            local = (sources.folder / file.name).parent / tested
            known = is_allowed(tested) or sources.is_given(tested)
            if token.text != "__has_include" or not (known or _is_inside(sources, local)):
                yield broken(f"{token.text} may ask only for headers that may be included")
            if i == 0 and name == "define":
                yield broken("__has_include can't be defined")


def _is_inside(sources: Sources, path) -> bool:
    try:
        return sources.is_inside(path.resolve())
    except (OSError, ValueError):
        return False


def _pragma(words: list[str]) -> str:
    """Why a pragma is not allowed; "" if it is. Those that no compiler knows do nothing."""
    for first, why in PRAGMAS.items():
        if tuple(words[: len(first)]) == first:
            return f"#pragma {' '.join(first)} is not allowed: it {why}"
    return ""


def _tokens(file: SourceFile) -> Iterator[Broken]:
    tokens = file.tokens
    for token in file.split_raw_strings():
        yield file.broken(RULE, token, "a raw string may not hold a backslash at the end of a line")
    for i, token in enumerate(tokens):
        following = tokens[i + 1] if i + 1 < len(tokens) else token
        if token.text == "%" and following.text in (":", "::") and following.start == token.end:
            yield file.broken(RULE, token, "write # for the digraph %:")
        elif token.text == "?" and file.text.startswith(("??=", "??/"), token.start):
            yield file.broken(RULE, token, "trigraphs are not allowed")
        elif token.text in ("_Pragma", "__pragma"):
            yield from _pragma_operator(file, i)
        elif token.text in ("__attribute__", "__attribute"):
            inside = tokens[i + 1 : match_forward(tokens, i + 1)]
            yield from _attributes(file, inside)
        elif token.text == "[" and following.text == "[":
            yield from _attributes(file, tokens[i + 1 : match_forward(tokens, i + 1)], "gnu")


def _pragma_operator(file: SourceFile, i: int) -> Iterator[Broken]:
    text = "".join(t.text for t in file.tokens[i + 1 : i + 8] if t.kind == "string")
    words = re.findall(r"\w+", text.removeprefix("L"))
    if why := _pragma(words):
        yield file.broken(RULE, file.tokens[i], why)


def _attributes(file: SourceFile, inside: list[Token], space: str = "") -> Iterator[Broken]:
    """space: the name must be in this namespace, as in [[gnu::section("...")]]."""
    for i, token in enumerate(inside):
        name = token.text.strip("_")
        if token.kind != "name" or name not in ATTRIBUTES:
            continue
        if space and not (i >= 2 and inside[i - 1].text == "::" and space in inside[i - 2].text):
            continue
        text = f"the attribute {name} is not allowed: it steers the linker"
        yield file.broken(RULE, token, text)
