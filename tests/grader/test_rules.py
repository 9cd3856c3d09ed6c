"""The rules of the game: what breaks one is named with its line, and nothing honest breaks one."""

import shutil
from pathlib import Path

import pytest

from gallery import entries
from grader.checks.build import build
from grader.checks.kv_cache import Cache
from grader.outcome import Failure
from grader.rules import assembly, includes, python, symbols
from grader.rules.sources import Sources
from mingpt.build import _build_cuda
from mingpt.build import build as compiled
from mingpt.errors import BuildError
from tests.grader import honest
from tests.whole import part

# What is put in front of a right gpt.cu, the line that must be named, and what the message says.
INCLUDES = {
    "a library's": ("#include <cublas_v2.h>", 1, "cuBLAS"),
    "quoted": ('\n#include "cudnn.h"', 2, "cuDNN"),
    "loader": ("# /* x */ include /* y */ <dlfcn.h>", 1, "other libraries"),
    "threads": ("#include <thread>", 1, "threads"),
    "files": ("#include <fstream>", 1, "files"),
    "system": ("#include <sys/mman.h>", 1, "not among"),
    "unix": ("#include <unistd.h>", 1, "not among"),
    "torch": ("#include <torch/extension.h>", 1, "torch"),
    "absolute": ('#include "/etc/passwd"', 1, "outside"),
    "above": ('#include "../elsewhere.h"', 1, "outside"),
    "above by a family": ("#include <cuda/../../../etc/passwd>", 1, "outside"),
    "not there": ('#include "helper.h"', 1, "no such file"),
    "by a macro": ("#define X <dlfcn.h>\n#include X", 2, "macro"),
    "next": ("#include_next <stdio.h>", 1, "include_next"),
    "import": ("#import <stdio.h>", 1, "import"),
    "embed": ('const char x[] = {\n#embed "/etc/passwd"\n};', 2, "embed"),
    "line": ('#line 1 "/usr/include/x.h"', 1, "#line"),
    "line marker": ('# 1 "/usr/include/x.h" 3', 1, "not a directive"),
    "probe": ('#if __has_include("/etc/shadow")\n#endif', 1, "__has_include"),
    "probe defined": ("#define HAS __has_include(<dlfcn.h>)", 1, "__has_include"),
    "digraph": ("%:include <dlfcn.h>", 1, "digraph"),
    "trigraph": ("??=include <dlfcn.h>", 1, "trigraph"),
    "continued": ("#incl\\\nude <dlfcn.h>", 2, "other libraries"),
    "continued twice": ("int a; /\\\n* x *\\\n/\n#include <dlfcn.h>", 4, "other libraries"),
    "other branch": ("#ifdef NEVER\n#include <dlfcn.h>\n#endif", 2, "other libraries"),
    "behind a dead branch": ("#if 0\n# /**/ endif\n#include <dlfcn.h>\n#endif", 3, "libraries"),
    "behind a quote": ("#define A ' /*\n#include <dlfcn.h>\n/* */", 2, "other libraries"),
    "behind a quote that is dead": (
        "#if 0\ndon't /*\n#endif\n#include <dlfcn.h>\n/* */", 4, "other libraries",
    ),
    "behind a raw string": (
        'const char* r = R"x( )x\\\n" )x"; \n#include <dlfcn.h>\n', 1, "raw string",
    ),
    "null": ("#\0include <dlfcn.h>", 0, "NUL"),
    "precompiled": ('#pragma GCC pch_preprocess "x.gch"', 1, "precompiled"),
    "plugin": ('#pragma GCC plugin "x"', 1, "plugin"),
    "dependency": ('#pragma GCC dependency "/etc/passwd"', 1, "another file"),
    "renamed": ("#pragma redefine_extname puts dlopen", 1, "linker"),
    "pragma operator": ('_Pragma("weak x = dlopen")', 1, "linker"),
    "section": ('__attribute__((used, section(".text"))) const char c[] = "x";', 1, "section"),
    "weakref": ('static int d() __attribute__((__weakref__("dlopen")));', 1, "weakref"),
    "gnu attribute": ('[[gnu::alias("gelu")]] void g();', 1, "alias"),
}  # fmt: skip

ASSEMBLY = {
    "statement": ('void f() { asm("nop"); }', 1),
    "volatile": ('\nvoid f() { __asm__ volatile("nop"); }', 2),
    "label": ('extern "C" void* open_it(const char*, int) __asm("dlopen");', 1),
    "macro": ('#define SLEEP asm volatile("nop")', 1),
    "ptx in another branch": ('#ifdef __CUDA_ARCH__\nasm("exit;");\n#endif', 2),
    "continued": ('void f() { as\\\nm("nop"); }', 1),
    "put together": ('#define P(a, b) a##b\nvoid f() { P(as, m)("nop"); }', 2),
    "put together by two": (
        '#define Q(a, b) a##b\n#define P(a, b) Q(a, b)\nvoid f() { P(__as, m__)("nop"); }', 3,
    ),
    "in a macro's body": ('#define A() as##m\nvoid f() { A()("nop"); }', 1),
}  # fmt: skip

# kv_cache.py, the line to be named, and a part of the message.
PYTHON = {
    "import os\nos.system('x')": (2, "os.system"),
    "import os as o\nlist(map(o.system, []))": (2, "os.system"),
    "import os\nf(os)": (2, "as a whole"),
    "from os import fork\nfork()": (2, "os.fork"),
    "import ctypes\nctypes.CDLL(None)": (1, "ctypes"),
    "import subprocess as s\ns.run([])": (1, "subprocess"),
    "from socket import *": (1, "socket"),
    "import importlib\nimportlib.import_module('os')": (1, "importlib"),
    "eval('1')": (1, "eval"),
    "exec('x = 1')": (1, "exec"),
    "__import__('os')": (1, "__import__"),
    "open('/etc/passwd')": (1, "open"),
    "x = [].__class__.__base__": (1, "__base__"),
    "getattr(f, '__globals__')": (1, "__globals__"),
    "import torch\ng = torch.compile(f)": (2, "compiler"),
    "from torch import compile as c\ng = c(f)": (2, "compiler"),
    "def generate(model):\n  model.compile()": (2, "compiler"),
    "import torch\n@torch.jit.script\ndef f(x): return x": (2, "compiler"),
    "import torch.nn.functional as F\nF.scaled_dot_product_attention(q, k, v)": (2, "fused"),
    "from torch.nn.functional import scaled_dot_product_attention as a\na(q)": (2, "fused"),
    "import torch\nf = torch.nn.MultiheadAttention": (2, "fused"),
    "import torch.nn.functional as F\ngetattr(F, 'scaled_dot_product_attention')(q)": (2, "fused"),
    "import torch\ntorch.cuda.synchronize = print": (2, "changes torch"),
    "import time\ntime.perf_counter = lambda: 0": (2, "changes time"),
    "import torch\nsetattr(torch, 'allclose', f)": (2, "changes torch"),
    "def generate(model):\n  model.forward = f": (2, "model.forward"),
    "import torch\ntorch.load('x')": (2, "torch.load"),
    "from torch.utils.cpp_extension import load\nload('x')": (2, "compilers"),
    "from . import helper": (1, "its own folder"),
    "import logging\nlogging.os.fork()": (2, "os is not reached through"),
    "import torch\ntorch.ctypes.CDLL(None)": (2, "ctypes is not reached through"),
    "import random\nrandom._os.system('x')": (2, "os is not reached through"),
    "from logging import sys as s\ns.modules": (2, "sys is not reached through"),
    "from operator import attrgetter as a\na('f.__globals__')(g)": (2, "__globals__"),
    "import operator\noperator.methodcaller('compile')(model)": (2, "compiler"),
    "x = " + "-" * 20000 + "1": (0, "nested"),
}


@pytest.fixture
def sources(tmp_path):
    """sources(text) -> the Sources of a gpt.cu that is text, then ours."""

    def make(text: str) -> Sources:
        folder = entries.submission(tmp_path / "submission")
        path = folder / "gpt.cu"
        path.write_text(f"{text}\n{path.read_text('utf-8')}", "utf-8")
        return Sources(folder)

    return make


@pytest.mark.parametrize("name", INCLUDES)
def test_an_include_that_is_refused(name, sources):
    text, line, said = INCLUDES[name]
    broken = includes.check(sources(text))
    assert any(b.line == line and said in b.text for b in broken), broken
    assert all(b.file == "gpt.cu" for b in broken)


@pytest.mark.parametrize("name", ASSEMBLY)
def test_assembly_is_refused(name, sources):
    text, line = ASSEMBLY[name]
    files = sources(text)
    assert not includes.check(files)
    assert line in [broken.line for broken in assembly.check(files, allowed=False)]
    assert not assembly.check(files, allowed=True)


def test_assembly_that_is_allowed_reads_no_files(sources):
    text = r'asm(".inc" "bin \"/etc/passwd\""); asm("\x2einclude \"x\"");'
    assert len(assembly.check(sources(text), allowed=True)) == 2


def test_its_own_headers_are_looked_at(tmp_path):
    folder = entries.submission(tmp_path / "s")
    (folder / "a").mkdir()
    (folder / "a" / "one.cuh").write_text('#include "two.cuh"\n')
    (folder / "a" / "two.cuh").write_text("\n\n#include <dlfcn.h>\n")
    (folder / "gpt.cu").write_text('#include "gpt.h"\n#include "a/one.cuh"\n')
    (broken,) = includes.check(Sources(folder))
    assert (broken.file, broken.line) == ("a/two.cuh", 3)


def test_a_header_that_takes_the_place_of_a_system_header_is_looked_at(tmp_path):
    """gpt.cu includes <vector> alone; the compiler finds bits/... in the submission first."""
    folder = entries.submission(tmp_path / "s")
    (folder / "mine").mkdir()
    (folder / "bits").symlink_to("mine")
    (folder / "mine" / "stl_vector.h").write_text('asm("nop");\n')
    (broken,) = assembly.check(Sources(folder), allowed=False)
    assert broken.file == "bits/stl_vector.h"


@pytest.mark.parametrize("kind", ["link", "fifo", "folder", "large"])
def test_a_header_that_is_no_plain_file(kind, tmp_path):
    folder = entries.submission(tmp_path / "s")
    path = folder / "x.h"
    if kind == "link":
        path.symlink_to("/etc/passwd")
    elif kind == "fifo":
        __import__("os").mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.write_bytes(b"\n" * (2 << 20))
    (folder / "gpt.cu").write_text('#include "x.h"\n')
    assert includes.check(Sources(folder))


SEEN_BY_ITS_SYMBOLS = {
    "dlopen": '#include "gpt.h"\nextern "C" void* dlopen(const char*, int);\n'
    'void* opened = dlopen("libcublas.so", 1);\n',
    "system": '#include "gpt.h"\n#include <cstdlib>\nint x = system("true");\n',
    "popen": '#include "gpt.h"\n#define CAT(a, b) a##b\n#include <cstdio>\n'
    'FILE* x = CAT(po, pen)("true", "r");\n',
    "pthread_create": '#include "gpt.h"\nextern "C" int renamed(...) asm("pthread_create");\n'
    "int x = renamed(0);\n",
    "simt_clear": '#include "gpt.h"\nextern "C" void simt_clear();\nvoid f() { simt_clear(); }\n',
}


@pytest.mark.parametrize("name", SEEN_BY_ITS_SYMBOLS)
def test_what_a_library_needs_is_seen_however_it_is_called(name, tmp_path):
    """simt's runtime needs some of these itself: that is not the submission's doing."""
    (tmp_path / "gpt.cu").write_text(SEEN_BY_ITS_SYMBOLS[name])
    broken = symbols.check(compiled(tmp_path))
    assert [f"uses {name}:" in b.text for b in broken] == [True], broken


def test_a_function_of_the_c_library_is_not_replaced(tmp_path):
    text = '#include "gpt.h"\n#include <cstdio>\nextern "C" FILE* popen(const char*, const char*) '
    (tmp_path / "gpt.cu").write_text(text + "{ return nullptr; }\n")
    (broken,) = symbols.check(compiled(tmp_path))
    assert "defines popen" in broken.text


def test_a_file_that_is_no_library(tmp_path):
    for data in (b"", b"\x7fELF", b"\x7fELF" + bytes(60), Path("/bin/true").read_bytes()):
        (tmp_path / "x").write_bytes(data)
        with pytest.raises(ValueError):
            symbols.check(tmp_path / "x")


@pytest.mark.skipif(not shutil.which("nvcc"), reason="there is no nvcc")
def test_a_library_of_nvccs(tmp_path):
    ours = symbols.check(_build_cuda(honest.SOLUTIONS / "gpt.cu", 80))
    assert not ours, ours
    (tmp_path / "gpt.cu").write_text(
        '#include "gpt.h"\n'
        'extern "C" { int cublasSgemm_v2(...); void* dlsym(void*, const char*); }\n'
        'void gelu(float*, const float*, int, int, cudaStream_t) { cublasSgemm_v2(dlsym(0, "x")); }'
    )
    broken = symbols.check(_build_cuda(tmp_path / "gpt.cu", 80))
    assert [b.text.split(":")[0] for b in broken] == ["it uses cublasSgemm_v2", "it uses dlsym"]


@pytest.mark.parametrize("text", PYTHON)
def test_python_that_is_refused(text, tmp_path):
    line, said = PYTHON[text]
    path = tmp_path / "kv_cache.py"
    path.write_text(text)
    broken = python.check(path, compile=False, fused_attention=False)
    assert any(b.line == line and said in b.text for b in broken), broken


def test_the_rubric_allows_torchs_compiler_and_attention(tmp_path):
    path = tmp_path / "kv_cache.py"
    path.write_text(
        "import torch\nimport torch.nn.functional as F\nf = torch.compile(f)\n"
        "y = F.scaled_dot_product_attention(f, f, f)\n"
    )
    assert len(python.check(path, compile=False, fused_attention=False)) == 2
    assert not python.check(path, compile=True, fused_attention=True)


# ------------------------------------------------------------------------------------ as graded


def test_a_broken_rule_is_a_failed_check_with_line_and_rule(variant, context):
    folder = variant("gpt.cu", ('#include "gpt.h"', '#include "gpt.h"\n#include <dlfcn.h>'))
    line = 1 + (folder / "gpt.cu").read_text().split("#include <dlfcn.h>")[0].count("\n")
    with pytest.raises(Failure) as caught:
        build(context(folder, "build"))
    failure = caught.value
    assert f"gpt.cu, line {line}:" in failure.message and "(includes)" in failure.message
    assert failure.hint and failure.figures == {"rule": "includes"}


def test_a_name_that_is_not_utf_8_is_told_all_the_same(tmp_path, context):
    folder = entries.submission(tmp_path / "submission")
    (folder / "gpt.cu").write_bytes(b'#include "\xff\x1b[31m.h"\n')
    with pytest.raises(Failure, match="no such file") as caught:
        build(context(folder, "build"))
    assert "\x1b" not in caught.value.message


def test_rules_that_are_switched_off(variant, context):
    folder = variant("gpt.cu", ('#include "gpt.h"', '#include "gpt.h"\n#include <dlfcn.h>'))
    seen = context(folder, "build")
    seen.session.rubric.rules["enabled"] = False
    try:
        assert build(seen)
    finally:
        seen.session.rubric.rules["enabled"] = True


def test_a_cache_that_breaks_a_rule_is_never_loaded(tmp_path, context):
    folder = entries.submission(tmp_path / "s")
    with (folder / "kv_cache.py").open("a") as file:
        file.write("\nimport ctypes\nctypes.CDLL(None)\nprint('loaded')\n")
    seen = context(folder, "kv_cache")
    with seen.worker() as worker, pytest.raises(Failure, match=r"line \d+: it uses ctypes"):
        Cache(seen, worker).load()
    assert "loaded" not in seen.session.outputs.get("kv_cache", "")


@pytest.mark.parametrize("path", honest.PARTS, ids=lambda path: path.stem)
def test_honest_parts_break_no_rule(path, tmp_path, context):
    folder, check = honest.part(tmp_path / "submission", path)
    if check == "kv_cache":
        assert not python.check(folder / "kv_cache.py", compile=False, fused_attention=False)
    else:
        build(context(folder, "build"))


@pytest.mark.parametrize("kind", honest.WHOLE)
def test_honest_submissions_break_no_rule(kind, tmp_path, context):
    folder = honest.make(tmp_path / "submission", kind)
    build(context(folder, "build"))
    assert not python.check(folder / "kv_cache.py", compile=False, fused_attention=False)


@pytest.mark.skipif(not shutil.which("nvcc"), reason="there is no nvcc")
@pytest.mark.parametrize("path", part(honest.PARTS, "layernorm_cub.cu"), ids=lambda p: p.stem)
def test_honest_parts_by_nvcc(path, tmp_path):
    folder, check = honest.part(tmp_path / "submission", path)
    if check != "kv_cache":
        try:
            library = _build_cuda(folder / "gpt.cu", 80)
        except BuildError as error:
            pytest.fail(str(error))
        assert not symbols.check(library)
