"""What the rewriter makes of code that depends on where it runs, and of warps that keep step."""

import re
import subprocess

import pytest
from rewriting import rewritten

from simt.rewrite import rewrite


class TestArchitecture:
    """Which branches on __CUDA_ARCH__ are compiled, as the preprocessor sees them."""

    @pytest.mark.parametrize(
        "text, kept",
        [
            ("#if __CUDA_ARCH__ >= 700\nA\n#else\nB\n#endif", "A"),
            ("#if __CUDA_ARCH__ < 700\nA\n#elif __CUDA_ARCH__ < 1000\nB\n#endif", "B"),
            ("#if defined(__CUDA_ARCH__) && (__CUDA_ARCH__ >= 1000)\nA\n#endif", ""),
            ("#ifdef __CUDA_ARCH__\nA\n#else\nB\n#endif", "A"),
            ("#ifndef __CUDA_ARCH__\nA\n#endif", "A"),  # outside functions: the host's as well
            ("#if !defined(__CUDA_ARCH__)\nA\n#endif", "A"),
            ("#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 600\n#else\nA\n#endif", ""),
            ("#if __CUDA_ARCH__ < 600\nA\n#endif", ""),
            ("#define NEW (__CUDA_ARCH__ >= 800)\n#if NEW\nA\n#endif", "A"),
            ("__device__ void f() {\n#ifdef __CUDA_ARCH__\nA\n#else\nB\n#endif\n}", "A"),
            ("__device__ void f() {\n#ifndef __CUDA_ARCH__\nA\n#endif\n}", ""),
            ("__device__ int f() {\nreturn __CUDA_ARCH__;\n}", "return 900;"),
            ("__host__ __device__ void f() {\n#ifdef __CUDA_ARCH__\nA\n#else\nB\n#endif\n}", "B"),
            ("void f() {\n#if __CUDA_ARCH__ >= 700\nA\n#else\nB\n#endif\n}", "B"),
            ('__device__ void f() {\n#if __CUDA_ARCH__\nasm("");\n#else\nB\n#endif\n}', "B"),
        ],
    )
    def test_a_branch_is_chosen_by_where_it_stands(self, text, kept):
        seen = subprocess.run(
            ["g++", "-E", "-P", "-xc++", "-"], input=rewrite(text, "f.cu"), text=True,
            capture_output=True, check=True,
        ).stdout  # fmt: skip
        words = [line for line in seen.splitlines() if line in ("A", "B", "return 900;")]
        assert words == ([kept] if kept else [])


class TestVolatile:
    """Statements in which the lanes of a warp keep step."""

    @pytest.mark.parametrize(
        "before, after",
        [
            ("s[t] += s[t + 1];", "s[t] += (@(), @(s[t + 1]));"),
            ("if (t < 4) s[t] = x = s[t + 1];", "if (t < 4) s[t] = (@(), @(x = s[t + 1]));"),
            ("float v = s[t], w = 1;", "float v = (@(), @(s[t])), w = 1;"),
            ("if (s[t] == s[1]) x = 1;", "if (@(), s[t] == s[1]) x = 1;"),
            ("while (s[0] == 0);", "while (s[0] == 0);"),
            ("f(s[0]);", "f(s[0]);"),
        ],
    )
    def test_statement(self, before, after):
        head = "__device__ void f(volatile float* s, int t) { float x; "
        text = re.sub(r"::simt::in_step\((\d+)(, )?", "@(", rewritten(head + before + "}"))
        assert text == head + after + "}"

    @pytest.mark.parametrize(
        "text",
        [
            "void f(volatile int* s) { s[0] = s[1]; }",
            "__device__ void f(volatile int* s); __device__ void g(int* s) { s[0] = s[1]; }",
            "__device__ void f(int* s) { { volatile int* s; } s[0] = s[1]; }",
            "__device__ void f() { volatile int s[2]; s[0] = s[1]; }",
        ],
    )
    def test_only_where_the_name_is_volatile_and_on_the_device(self, text):
        assert rewritten(text) == text
