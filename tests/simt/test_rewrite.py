"""What the rewriter makes of launches and shared memory, and what it refuses."""

import re
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rewriting import rewritten

from simt.build import build_program
from simt.rewrite import RewriteError, rewrite
from simt.rewrite.tokens import Source


def in_function(text: str) -> str:
    """Rewrites a statement inside a kernel; returns only what became of it."""
    result = rewritten("__global__ void k() {" + text + "}")
    return result.removeprefix("__global__ void k() {").removesuffix("}").strip()


class TestLaunches:
    @pytest.mark.parametrize(
        "kernel",
        [
            "k",
            "ns::k",
            "::k",
            "::a::b::k",
            "k<float, 3>",
            "k<int, (3 > 2)>",
            "k<(3 >> 1)>",
            "k<A<B<int>>>",
            "k<A<int>>",
            "A<int>::k",
            "ns::A<int, 2>::k<3>",
            "(*pointer)",
            "(flag ? k : other)",
            "table[i]",
            "table[f(i)][j < 2]",
            "object.member",
            "object->member[2]",
            "choose(a, b)",
            "choose<3>(a)(b)",
            "object.template k<3>",
        ],
    )
    def test_the_whole_expression_is_the_kernel(self, kernel):
        before, after = rewritten(f"void f() {{ if (x) {kernel}<<<g, b>>>(x, 1); }}").split(
            "::simt::launch("
        )
        assert before == "void f() { if (x) "
        name = kernel.replace(", ", ",").replace(" > ", ">").replace(" >> ", ">>")
        name = name.replace(" < ", "<").replace(" ? ", "?").replace(" : ", ":")
        assert after == f'{kernel}, "{name}", ::simt::Config(g, b))(x, 1); }}'

    @pytest.mark.parametrize(
        "text, start",
        [
            ("*p<<<1, 1>>>();", "*::simt::launch(p,"),
            ("return k<<<1, 1>>>();", "return ::simt::launch(k,"),
            ("return ::k<<<1, 1>>>();", "return ::simt::launch(::k,"),
            ("a = b, k<<<1, 1>>>();", "a = b, ::simt::launch(k,"),
            ("CHECK(k<<<1, 1>>>(a, b));", "CHECK(::simt::launch(k,"),
        ],
    )
    def test_what_stands_before_is_left_alone(self, text, start):
        assert rewritten(text).startswith(start)

    @pytest.mark.parametrize(
        "config",
        [
            "1",
            "dim3(1, 2), dim3{3, 4, 5}",
            "a >> 1, b << 2",
            "a > b ? 1 : 2, x->n",
            "f(sizeof(A<B<C<int>>>)), 32",
            "[&] { return n; }(), 32, n * sizeof(float), stream",
            "n, // threads >>> here\n 32",
            "n,\n#ifdef SMALL\n 32\n#else\n 64\n#endif\n",
            'strlen(">>>"), 1',
        ],
    )
    def test_the_configuration_is_kept(self, config):
        expected = re.sub(r"[^\S\n]+", " ", f'::simt::launch(k, "k", ::simt::Config({config}))(x);')
        assert rewritten(f"k<<<{config}>>>(x);") == expected

    @pytest.mark.parametrize(
        "text",
        [
            'puts("k<<<1, 1>>>(x)");',
            "// k<<<1, 1>>>(x)",
            "// goes on \\\n k<<<1, 1>>>(x)",
            "/* k<<<1, 1>>>(x) \n */",
            'R"(k<<<1, 1>>>(x) ")";',
            'R"--(k<<<1, 1>>>(x) )" )--";',
            "A<B<C<int>>> x;",
            "std::vector<std::vector<std::vector<int>>> v(3);",
            "char c = '\"'; int big = 1'000'000; // <<<",
            "#if 0\nthis isn't code: k<<<1>>>\n#if 1\n<<<\n#endif\n#endif",
            "s = '<'; t = '\\'';",
        ],
    )
    def test_text_comments_and_templates_are_left_alone(self, text):
        assert rewritten(text) == re.sub(r"[^\S\n]+", " ", text)

    def test_else_branch_of_if_0_is_code(self):
        assert "simt::launch" in rewritten("#if 0\n'\n#else\nk<<<1, 1>>>();\n#endif")

    def test_over_several_lines(self):
        text = "k<float,\n  2>\n  <<<dim3(1, 2),\n     dim3(3)>>>\n  (x,\n   y);"
        assert rewritten(text) == (
            '::simt::launch(k<float,\n 2>\n , "k<float,2>", ::simt::Config(dim3(1, 2),\n'
            " dim3(3)))\n (x,\n y);"
        )

    def test_in_macros(self):
        assert rewritten("#define RUN(...) k<<<1, \\\n  1>>>(__VA_ARGS__)\nint x;") == (
            '#define RUN(...) ::simt::launch(k, "k", ::simt::Config(1, \\\n'
            " 1))(__VA_ARGS__)\nint x;"
        )

    def test_default_arguments(self):
        kernel = "__global__ void k(int a, float b = 1.5f, std::pair<int, int> c = {1, 2});"
        launch = "::simt::launch([&](auto... a) { return k(a...); }"
        assert launch in rewritten(kernel + "void f() { k<<<1, 1>>>(1); }")
        assert launch in rewritten(kernel + "void f() { k<<<1, 1>>>(1, g(2, 3)); }")
        assert "::simt::launch(k," in rewritten(kernel + "void f() { k<<<1, 1>>>(1, 2, c); }")

    def test_spaces_within_the_brackets(self):
        assert rewritten("void f() { k << <1, 2 >> > (3); }") == (
            'void f() { ::simt::launch(k , "k", ::simt::Config(1, 2 )) (3); }'
        )
        assert "launch" not in rewritten("std::ostream& operator<< <int>(std::ostream&, A<int>);")

    def test_a_macro_parameter_names_the_kernel(self):
        text = rewritten(
            "#define RUN(k) k<<<1, 1>>>()"
        )  # k may be a template, or have default values
        assert "::simt::launch([&](auto... a) { return k(a...); }, #k, " in text
        assert 'launch(ns::k<T>, "ns" "::" #k "<" #T ">",' in rewritten(
            "#define RUN(k, T) ns::k<T><<<1, 1>>>()"
        )
        assert 'launch(k##_f32, #k "_f32",' in rewritten("#define RUN(k) k##_f32<<<1, 1>>>()")
        assert 'launch(k, "k",' in rewritten("#define RUN (k) k<<<1, 1>>>()"), "no parameters"

    @pytest.mark.parametrize(
        "declared, launched, is_deduced",
        [
            ("<class T>", "k", True),
            ("<class T>", "k<int>", False),
            ("<int N, class T>", "k<3>", True),
            ("<int N, class T>", "ns::k<3>", True),
            ("<int N, class T = float>", "k<3, A<int, int>>", False),
            ("<int N = (1, 2)>", "k<3>", False),
            ("<class... T>", "k<int>", True),
            ("<template <class> class C>", "k<A>", False),
        ],
    )
    def test_template_arguments_left_to_deduce(self, declared, launched, is_deduced):
        kernel = f"template {declared} __global__ __launch_bounds__(64) void k(T x) {{}}\n"
        launch = rewritten(kernel + f"void f() {{ {launched}<<<1, 1>>>(x); }}").split("void f()")[1]
        if is_deduced:
            lambda_ = f"[&](auto... a) {{ return {launched}(a...); }}"
            assert f'::simt::launch({lambda_}, "{launched}", ' in launch
        else:
            assert f"::simt::launch({launched}, " in launch

    def test_a_template_that_is_no_kernel(self):
        text = "template <class T> __device__ T k(T x);\nvoid f() { k<<<1, 1>>>(x); }"
        assert "auto..." not in rewritten(text)


class TestSharedMemory:
    def test_array(self):
        assert in_function("__shared__ float a[N][M + 1];") == (
            'typedef float simt_t_a[N][M + 1]; static ::simt::SharedSite simt_s_a{"a"}; '
            "simt_t_a& a = ::simt::shared<simt_t_a>(simt_s_a);"
        )

    def test_several_variables(self):
        assert in_function("__shared__ float a[3], b;") == (
            'typedef float simt_t_a[3]; static ::simt::SharedSite simt_s_a{"a"}; '
            "simt_t_a& a = ::simt::shared<simt_t_a>(simt_s_a); "
            'typedef float simt_t_b; static ::simt::SharedSite simt_s_b{"b"}; '
            "simt_t_b& b = ::simt::shared<simt_t_b>(simt_s_b);"
        )

    @pytest.mark.parametrize(
        "declaration, typedef",
        [
            ("__shared__ unsigned long long x;", "unsigned long long simt_t_x;"),
            ("__shared__ volatile float x[64];", "volatile float simt_t_x[64];"),
            ("volatile __shared__ float x[64];", "volatile float simt_t_x[64];"),
            ("static __shared__ float x;", "float simt_t_x;"),
            ("float __shared__ x[2];", "float simt_t_x[2];"),
            ("__shared__ struct S x;", "struct S simt_t_x;"),
            (
                "__shared__ struct { int a; float b[2]; } x;",
                "struct { int a; float b[2]; } simt_t_x;",
            ),
            ("__shared__ Pair<int, A<3 - 1>> x[2];", "Pair<int, A<3 - 1>> simt_t_x[2];"),
            ("__shared__ typename B<T, 256>::Storage x;", "typename B<T, 256>::Storage simt_t_x;"),
            ("__shared__ float* x;", "float* simt_t_x;"),
            ("__shared__ decltype(a[1]) x;", "decltype(a[1]) simt_t_x;"),
            ("__shared__ T x[sizeof(T) > 4 ? 1 : 2];", "T simt_t_x[sizeof(T) > 4 ? 1 : 2];"),
        ],
    )
    def test_types(self, declaration, typedef):
        assert in_function(declaration).startswith("typedef " + typedef)

    @pytest.mark.parametrize(
        "declaration",
        [
            "__shared__ alignas(16) float a[4];",
            "alignas(16) __shared__ float a[4];",
            "__align__(16) __shared__ float a[4];",
            "__shared__ __align__(16) float a[4];",
            "__shared__ float __align__(16) a[4];",
        ],
    )
    def test_alignment(self, declaration):
        result = in_function(declaration)
        assert result.startswith("typedef float simt_t_a[4];")
        assert "::simt::shared<simt_t_a, 16>(simt_s_a);" in result

    def test_over_several_lines(self):
        result = in_function("__shared__ float\n  a[2 *  // rows\n    3],\n  b;")
        assert result.startswith("typedef float\n simt_t_a[2 * // rows\n 3]; static")
        assert "\n simt_t_b; static" in result

    def test_at_file_scope(self):
        expected = 'typedef float simt_t_a[4]; static ::simt::FileShared<simt_t_a> a{"a"};'
        assert rewritten("__shared__ float a[4];") == expected

    @pytest.mark.parametrize(
        "start", ["namespace n {", 'extern "C" {', "namespace {", "inline namespace m::k {"]
    )
    def test_in_a_namespace(self, start):
        assert "::simt::FileShared<simt_t_a> a" in rewritten(start + " __shared__ float a[4]; }")

    def test_after_unbalanced_branches_it_is_still_file_scope(self):
        text = "#ifdef A\nvoid f(int a) {\n#else\nvoid f() {\n#endif\n}\n__shared__ float a[4];"
        assert "FileShared" in rewritten(text)

    def test_in_a_method(self):
        text = "namespace n { struct S { __device__ void f() { __shared__ int a[2]; } }; }"
        assert "::simt::shared<simt_t_a>" in rewritten(text)

    def test_in_a_macro(self):
        assert rewritten("#define TILE(x, n) __shared__ float x[n]") == (
            "#define TILE(x, n) typedef float simt_t_##x[n]; "
            "static ::simt::SharedSite simt_s_##x{#x}; "
            "simt_t_##x& x = ::simt::shared<simt_t_##x>(simt_s_##x)"
        )

    @pytest.mark.parametrize("text", ["#define __shared__", "#ifdef __shared__\n#endif"])
    def test_directives_about_the_word(self, text):
        assert rewritten(text) == text


class TestDynamicSharedMemory:
    @pytest.mark.parametrize(
        "declaration, expected",
        [
            (
                "extern __shared__ float s[];",
                'float * const s = ::simt::dynamic_shared<float>("s");',
            ),
            (
                "extern __shared__ __align__(16) float4 s[];",
                'float4 * const s = ::simt::dynamic_shared<float4>("s");',
            ),
            (
                "extern __shared__ volatile char s[];",
                'volatile char * const s = ::simt::dynamic_shared<volatile char>("s");',
            ),
            (
                "extern __shared__ float s[][32];",
                'float (* const s)[32] = ::simt::dynamic_shared<float[32]>("s");',
            ),
            (
                "extern __shared__ Pair<int, T> s[];",
                'Pair<int, T> * const s = ::simt::dynamic_shared<Pair<int,T>>("s");',
            ),
        ],
    )
    def test_in_a_function(self, declaration, expected):
        assert in_function(declaration) == expected

    def test_at_file_scope(self):
        assert rewritten("extern __shared__ __align__(16) float s[];") == (
            'static const ::simt::DynamicShared<float > s{"s"};'
        )


class TestRefusals:
    @pytest.mark.parametrize(
        "text, place, words",
        [
            ("k<<<1, 1;", (1, 2), "without its >>>"),
            ("f(k<<<1, 1);", (1, 4), "without its >>>"),
            ("#define RUN k<<<1\nint x; // >>>", (1, 14), "without its >>>"),
            ("int x;\n <<<1, 1>>>();", (2, 2), "needs a kernel"),
            ("__global__ void p() {\n  k<<<1, 1>>>();\n}", (2, 4), "dynamic parallelism"),
            ("void k() {}\nvoid f() { k<<<1, 1>>>(); }", (2, 12), "declared with __global__"),
            ("__global__ void k();\nvoid f() { k(); }", (2, 12), "calls it like a function"),
            (
                "void f() {\n if (x) {\n}\nvoid g() {}",
                (1, 10),
                "never closed: expected } before line 4",
            ),
            ("__device__ void p() { if (x) { k<<<1, 1>>>(); } }", (1, 33), "dynamic parallelism"),
            ('__global__ void k() {\n asm("x"); }', (2, 2), "PTX"),
            ('__device__ int f() { asm volatile("x" : "=r"(i)); }', (1, 22), "PTX"),
            ('__host__ __device__ void f() { __asm__("x"); }', (1, 32), "PTX"),
            ('#define LANE(x) asm("mov.u32 %0, %%laneid;" : "=r"(x))', (1, 17), "PTX"),
            ("texture<float, 2> t;", (1, 1), "textures"),
            ("float x = tex2D<float>(t, 1, 2);", (1, 11), "textures"),
            ("float x = tex1Dfetch(t, 1);", (1, 11), "textures"),
            ("surf2Dwrite(1, s, 2, 3);", (1, 1), "textures"),
            ("void f(cudaTextureObject_t t);", (1, 8), "textures"),
            ("void f() { cudaMallocArray(&a, &d, 4); }", (1, 12), "textures"),
            ("int x;\n#include <thrust/sort.h>\n", (2, 10), "Thrust"),
            ('# include "cublas_v2.h"\n', (1, 11), "cuBLAS"),
            ("#include <cudnn.h>\n", (1, 10), "cuDNN"),
            ("#include <cufft.h>\n", (1, 10), "cuFFT"),
            ("#include <nccl.h>\n", (1, 10), "NCCL"),
            ("#include <cuda_fp8.h>\n", (1, 10), "8-bit"),
            ("#include <cub/device/device_radix_sort.cuh>\n", (1, 10), "a part of cub"),
            ("using E = cub::BlockExchange<int, 32, 2>;", (1, 16), "a part of cub"),
            ("auto g = cg::this_multi_grid();", (1, 14), "one device"),
            ("cudaIpcMemHandle_t h;", (1, 1), "one process"),
            ("cudaGraphConditionalHandle h;", (1, 1), "conditional"),
            ("cudaGraphAddMemAllocNode(&n, g, 0, 0, &p);", (1, 1), "memory nodes"),
            ("__global__ void __cluster_dims__(2) k() {}", (1, 17), "clusters"),
            ("__global__ void k() { auto c = cg::this_cluster(); }", (1, 36), "clusters"),
            (
                '__device__ void f() {\n#if __CUDA_ARCH__ >= 800\n asm("");\n#endif\n}',
                (3, 2),
                "PTX",
            ),
            ("#include <cuda.h>\nvoid f() { cuInit(0); }", (2, 12), "driver API"),
            ("#include <cuda.h>\nCUmodule m;", (2, 1), "driver API"),
            ("__global__ void k() { cudaDeviceSynchronize(); }", (1, 23), "dynamic parallelism"),
            ("__global__ void k() { __shared__ int a[2] = {1, 2}; }", (1, 38), "no initial value"),
            ("__global__ void k() { __shared__ int a{}; }", (1, 38), "no initial value"),
            ("__global__ void k() { extern __shared__ float s; }", (1, 47), "without a size"),
            ("#define SMEM __shared__\n", (1, 14), "without a type"),
            ("__shared__", (1, 1), "without a type"),
        ],
    )
    def test_refused_at_its_place(self, text, place, words):
        with pytest.raises(RewriteError) as caught:
            rewrite(text, "prog.cu")
        assert words in caught.value.message
        assert (caught.value.line, caught.value.column) == place

    @pytest.mark.parametrize(
        "text",
        [
            'void f() { asm volatile("" ::: "memory"); }',  # of the CPU
            '__device__ int f() {\n#ifdef __CUDA_ARCH__\n asm("mov");\n#else\n g();\n#endif\n}',
            '__device__ void f() {\n#if __CUDA_ARCH__ < 800\n asm("cp.async");\n#endif\n}',
            "__host__ __device__ void f() { k<<<1, 1>>>(); }",
            "int texture = 1, tex2D = texture < 2;",
            "int cuInit(int); int x = cuInit(0);",  # without cuda.h it is the user's own
            "#include <cuda.h>\nint current = CUDA_VERSION, cube(int), cut = cube(1);",
            "cub::BlockReduce<int, 32> a; cub::BlockLoadAlgorithm b;",
            "#include <curious.h>\n// #include <thrust/sort.h>",
            "void f() { cudaDeviceSynchronize(); }",
        ],
    )
    def test_not_refused(self, text):
        rewritten(text)


class TestKernelAddresses:
    @pytest.mark.parametrize(
        "before, after",
        [
            ("p = (void*)k;", "p = @k;"),
            ("p = (const void *)&k;", "p = @&k;"),
            ("p = (void const*)(k);", "p = @(k);"),
            ("f((void*)k, 1);", "f(@k, 1);"),
            ("f((void*)ns::k<int, 2>, 1);", "f(@ns::k<int, 2>, 1);"),
            ("reinterpret_cast<void*>(k)", "reinterpret_cast<void*>(@k)"),
            ("static_cast<const void*>(::k)", "static_cast<const void*>(@::k)"),
            ("(void*)k.x", "(void*)k.x"),
            ("(void*)k(1)", "(void*)k(1)"),
            ("(void*)other", "(void*)other"),
            ("(void*)&other", "(void*)&other"),
            ("(void**)k", "(void**)k"),
            ("(int*)k", "(int*)k"),
            ("void f(void*); k;", "void f(void*); k;"),
        ],
    )
    def test_casts_of_kernels(self, before, after):
        kernel = "template <class T> __global__ void __launch_bounds__(64) k(T x); "
        after = after.replace("@", "::simt::kernel_address->*")
        assert rewritten(kernel + before).replace(" ", "") == (kernel + after).replace(" ", "")


class TestQualifiers:
    @pytest.mark.parametrize(
        "before, after",
        [
            ("__noinline__ int f();", "__attribute__((noinline)) int f();"),
            ("#define NI __noinline__", "#define NI __attribute__((noinline))"),
            ("__attribute__((__noinline__)) int f();", "__attribute__((__noinline__)) int f();"),
            ("#ifndef __noinline__", "#ifndef __noinline__"),
            ("#if defined(__noinline__)", "#if defined(__noinline__)"),
            ('"__noinline__"', '"__noinline__"'),
        ],
    )
    def test_noinline(self, before, after):
        assert rewritten(before) == after


WORDS = """k <<< >>> < > ( ) [ ] { } __shared__ extern float a , ; 1 template __global__ // " ' ::
/* */ = alignas ... struct R"( asm #"""
PIECES = st.sampled_from([*WORDS.split(), " ", "\n", "\\\n", "#define ", "#if 0\n", "#else\n"])


class TestAnyText:
    @given(st.lists(PIECES, max_size=30).map("".join))
    def test_rewritten_line_by_line_or_refused_at_a_place(self, text):
        try:
            result = rewrite(text, "prog.cu")
        except RewriteError as error:
            lines = text.split("\n")
            assert 1 <= error.line <= len(lines)
            assert 1 <= error.column <= len(lines[error.line - 1]) + 1
        else:
            assert result.count("\n") == text.count("\n") + 1

    @given(st.lists(PIECES, max_size=30).map("".join))
    def test_columns_lead_back(self, text):
        source = Source(text)
        for token in source.tokens:
            if token.text in ("k", "a"):
                source.replace(token, "[much longer]")
        edited = source.edited()
        for line, (old, new) in enumerate(
            zip(text.split("\n"), edited.text.split("\n"), strict=True), 1
        ):
            for column, char in enumerate(new, 1):
                if char in ";<>#":
                    assert old[edited.original_column(line, column) - 1] == char


PROGRAM = r"""
#include <cstdio>
#define RUN(kernel, ...) kernel<<<1, 1>>>(__VA_ARGS__)
#define TILE(name, n) __shared__ int name[n]
namespace ns { __global__ void add(int* x, int y) { *x += y; } }
template <class T, int N> __global__ void add_n(T* x) { *x += N; }
struct Table { void (*kernel)(int*, int); };
struct Four { float v[4]; };
__global__ void fourth(Four f, int* x) { *x = f.v[3]; }
extern __shared__ __align__(16) int at_file[];
__shared__ int fixed[4];
__global__ void sum(int* x) {
  __shared__ int a[2][3],
      b;
  __shared__ alignas(64) char bytes[3];
  extern __shared__ int dynamic[];
  TILE(tile, 5);
  a[1][threadIdx.x] = sizeof(a) + sizeof(tile);
  if (threadIdx.x == 0) b = (size_t)bytes % 64 + sizeof(bytes);
  at_file[threadIdx.x] = threadIdx.x;
  fixed[threadIdx.x] = 100;
  tile[threadIdx.x] = 1000;
  __syncthreads();
  if (threadIdx.x == 0) *x = a[1][2] + b + dynamic[2] + fixed[1] + tile[2];
}
int main() {
  int* x;
  cudaMalloc(&x, sizeof(int));
  *x = 0;
  void (*pointer)(int*, int) = ns::add;
  Table table[2] = {{ns::add}, {ns::add}};
  ns::add<<<1, 1>>>(x, 1);
  add_n<int, (3 > 2)><<<2 >> 1, 1>>>(x);
  add_n<int, 8>
      <<<dim3(1, 1),
         dim3{1}>>>(x);
  (*pointer)<<<1, 1>>>(x, 16);
  table[1].kernel<<<1, 1>>>(x, 32);
  RUN(ns::add, x, 64);
  printf("%d %s\n", *x, "k<<<1, 1>>>(x)");
  fourth<<<1, 1>>>({{1, 2, 3, 4}}, x);
  printf("%d\n", *x);
  sum<<<1, 3, 3 * sizeof(int)>>>(x);
  printf("%d %d\n", *x, __LINE__);
}
"""


def test_the_result_compiles_and_runs(tmp_path):
    source = tmp_path / "all.cu"
    source.write_text(PROGRAM)
    done = subprocess.run([build_program(source).path], capture_output=True, text=True, timeout=60)
    line = PROGRAM[: PROGRAM.index("__LINE__")].count("\n") + 1
    sizes = 2 * 3 * 4 + 5 * 4
    expected = [f"{1 + 1 + 8 + 16 + 32 + 64} k<<<1, 1>>>(x)", "4", f"{sizes + 3 + 2 + 1100} {line}"]
    assert done.stdout.splitlines() == expected, done.stderr
