"""Mistakes that students make, each as a small change to solutions/: the right check fails, the
message and the hint name the cause, and every check that does not depend on it passes."""

import re
from dataclasses import dataclass

import pytest

KERNELS = ("gelu", "layernorm", "linear")


@dataclass(frozen=True)
class Mistake:
    name: str
    check: str  # the one that must fail
    cause: str  # a regular expression that message and hint together must match, case ignored
    changes: tuple[tuple[str, str], ...]


GELU_CHECK = "  if (i >= n) return;\n"
GELU_FORMULA = "0.5f * x * (1.0f + tanhf(sqrt_2_over_pi * (x + 0.044715f * x * x * x)))"
GELU_INNER = "float u = sqrt_2_over_pi * (x + 0.044715f * x * x * x);"
GELU_BLOCKS = "<<<(n + block - 1) / block"
TILES_READY = "    }\n    __syncthreads();\n    for (int i = 0; i < TILE; i++) sum"
TILES_USED = "weight_tile[threadIdx.x][i];\n    __syncthreads();\n"
SUMS_READY = "warp_sums[warp] = value;\n  __syncthreads();\n"
SUMS_READ = "  __syncthreads();  // all have read warp_sums: the next call may write it\n"
IN_TILE = "row < m && tile_k < k ? in[(size_t)row * k + tile_k] : 0.0f"
WEIGHT_TILE = "tile_n < n && tile_k < k ? weight[(size_t)tile_n * k + tile_k] : 0.0f"
STORE = "if (row < m && col < n) out[(size_t)row * n + col] = sum + (bias ? bias[col] : 0.0f);"
LINEAR_GRID = "dim3 grid((n + block.x - 1) / block.x, (m + block.y - 1) / block.y);"
RSTD = "rsqrtf(block_sum(sum_sq) / num_cols + eps)"
SCALE = "y[c] = (x[c] - mean) * rstd * weight[c] + bias[c];"

KERNEL_MISTAKES = [
    Mistake("gelu without bounds check", "gelu", "past the end of out.*(bounds check|last block)",
            ((GELU_CHECK, ""),)),
    Mistake("gelu bounds check off by one", "gelu", "past the end of out: 1 stray element, 1",
            (("if (i >= n) return;", "if (i > n) return;"),)),
    Mistake("gelu by erf", "gelu", "exact gelu, with erf",
            ((GELU_FORMULA, "0.5f * x * (1.0f + erff(x * 0.70710678f))"),)),
    Mistake("gelu with x^2", "gelu", r"x\^2 in place of x\^3",
            (("0.044715f * x * x * x", "0.044715f * x * x"),)),
    Mistake("gelu by exp", "gelu", "large values.*infinity",
            ((GELU_FORMULA, "x * expf(2.0f * u) / (expf(2.0f * u) + 1.0f)"),
             ("float x = in[i];", "float x = in[i];\n  " + GELU_INNER))),
    Mistake("gelu grid rounded down", "gelu", "never written.*rounded (up|down)",
            ((GELU_BLOCKS, "<<<n / block + (n < block)"),)),
    Mistake("gelu of one row only", "gelu", "every row but the first",
            (("int n = num_rows * num_cols;", "int n = num_cols;"),)),
    Mistake("gelu that writes its input", "gelu", "writes to its inputs",
            (("float x = in[i];", "float x = in[i]; const_cast<float*>(in)[i] = 0.0f;"),)),
    Mistake("gelu null write", "gelu", r"address.*index|index.*address|null",
            (("  out[i] = 0.5f * x", "  float* p = nullptr; p[i] = 0.5f * x"),)),
    Mistake("gelu endless loop", "gelu", "(endless|progress|never ends|time).*loop end",
            (("float x = in[i];", "float x = in[i]; volatile int go = 1; while (go) { }"),)),
    Mistake("gelu with 2048 threads", "gelu", "configuration.*1024",
            (("const int block = 256;", "const int block = 2048;"),)),
    Mistake("layernorm eps outside the root", "layernorm", "eps outside of the square root",
            ((RSTD, "1.0f / (sqrtf(block_sum(sum_sq) / num_cols) + eps)"),)),
    Mistake("layernorm without eps", "layernorm", "without eps|square root away from 0",
            ((RSTD, "rsqrtf(block_sum(sum_sq) / num_cols)"),)),
    Mistake("layernorm sample variance", "layernorm", "sample variance",
            ((RSTD, "rsqrtf(block_sum(sum_sq) / (num_cols - 1) + eps)"),)),
    Mistake("layernorm E[x^2] - E[x]^2", "layernorm", "cancels",
            (("sum_sq += (x[c] - mean) * (x[c] - mean);", "sum_sq += x[c] * x[c];"),
             (RSTD, "rsqrtf(fmaxf(block_sum(sum_sq) / num_cols - mean * mean, 0.0f) + eps)"))),
    Mistake("layernorm without bias", "layernorm", "without the bias",
            ((SCALE, SCALE.replace(" + bias[c]", "")),)),
    Mistake("layernorm with weight and bias swapped", "layernorm", "swapped",
            ((SCALE, "y[c] = (x[c] - mean) * rstd * bias[c] + weight[c];"),)),
    Mistake("layernorm without the first barrier", "layernorm", "barrier.*missing|race",
            ((SUMS_READY, SUMS_READY.replace("  __syncthreads();\n", "")),)),
    Mistake("layernorm without the second barrier", "layernorm", "race.*barrier.*missing",
            ((SUMS_READ, ""),)),
    Mistake("layernorm of the first warp only", "layernorm", "sum of every warp",
            (("for (int w = 0; w < num_warps; w++)", "for (int w = 0; w < 1; w++)"),)),
    Mistake("layernorm without a stride", "layernorm", "never written.*stride",
            (("  for (int c = threadIdx.x; c < num_cols; c += blockDim.x)\n    y[c]",
              "  for (int c = threadIdx.x; c < min(num_cols, 256); c += blockDim.x)\n    y[c]"),)),
    Mistake("layernorm barrier in a branch", "layernorm", "same barrier",
            ((SUMS_READY, SUMS_READY.replace("  __sync", "  if (lane == 0) __sync")),)),
    Mistake("linear with weight not transposed", "linear", "not transposed",
            (("weight[(size_t)tile_n * k + tile_k]", "weight[(size_t)tile_k * n + tile_n]"),)),
    Mistake("linear without bias", "linear", "without the bias",
            ((STORE, STORE.replace(" + (bias ? bias[col] : 0.0f)", "")),)),
    Mistake("linear with the bias added per tile", "linear", "bias added once for each tile",
            ((TILES_USED, TILES_USED + "    sum += bias && col < n ? bias[col] : 0.0f;\n"),
             (STORE, STORE.replace(" + (bias ? bias[col] : 0.0f)", "")))),
    Mistake("linear that reads a null bias", "linear", "bias.*NULL",
            ((STORE, STORE.replace("(bias ? bias[col] : 0.0f)", "bias[col]")),)),
    Mistake("linear without the first barrier", "linear", "race.*barrier.*tiles complete",
            ((TILES_READY, TILES_READY.replace("    __syncthreads();\n", "")),)),
    Mistake("linear without the second barrier", "linear", "race.*barrier.*next tile",
            ((TILES_USED, TILES_USED.replace("    __syncthreads();\n", "")),)),
    Mistake("linear without the check on m", "linear", "past the end of out",
            ((STORE, STORE.replace("row < m && ", "")),)),
    Mistake("linear without the check on n", "linear", "past the end of out",
            ((STORE, STORE.replace(" && col < n", "")),)),
    Mistake("linear without the last tile of k", "linear", "without the last partial tile of 32",
            (("k0 < k; k0 += TILE", "k0 + TILE <= k; k0 += TILE"),)),
    Mistake("linear that runs on into the next row", "linear", "into the next row",
            ((IN_TILE, IN_TILE.replace(" && tile_k < k", "")),
             (WEIGHT_TILE, WEIGHT_TILE.replace(" && tile_k < k", "")))),
    Mistake("linear grid rounded down", "linear", "never written|no block|configuration",
            ((LINEAR_GRID, "dim3 grid(n / block.x, m / block.y);"),)),
    Mistake("linear with the grid's x and y swapped", "linear", "never written.*columns",
            ((LINEAR_GRID, "dim3 grid((m + TILE - 1) / TILE, (n + TILE - 1) / TILE);"),)),
    Mistake("linear with an early return before a barrier", "linear", "same barrier",
            (("  float sum = 0.0f;\n  for (int k0", "  if (row >= m || col >= n) return;\n"
              "  float sum = 0.0f;\n  for (int k0"),)),
]  # fmt: skip

ONE_MORE = "torch.arange(self.length + 1, self.length + 1 + T, device=self.k.device)"
POSITIONS = "torch.arange(self.length, self.length + T, device=self.k.device)"
STORE_K = "self.k[layer, :, :, self.length : end] = k"
STORE_V = "self.v[layer, :, :, self.length : end] = v"
FILLED = "return self.k[layer, :, :, :end], self.v[layer, :, :, :end]"
MASK = "        return key <= query\n"
CACHE_MISTAKES = [
    Mistake("position off by one", "kv_cache", "off by one.*TODO 2",
            ((f"return {POSITIONS}", f"return {ONE_MORE}"),
             ("query = self.positions(T)[:, None]", f"query = {POSITIONS}[:, None]"))),
    Mistake("position without the history", "kv_cache", "position offset.*TODO 2",
            ((f"return {POSITIONS}", "return torch.arange(T, device=self.k.device)"),
             ("query = self.positions(T)[:, None]", f"query = {POSITIONS}[:, None]"))),
    Mistake("another layer's cache", "kv_cache", "layers overwrite each other.*TODO 4",
            ((STORE_K, STORE_K.replace("layer", "0")),
             (STORE_V, STORE_V.replace("layer", "0")),
             (FILLED,
              "return self.k[0, :, :, :end], self.v[0, :, :, :end]"))),
    Mistake("layers written to one place", "kv_cache", "TODO 4",
            ((STORE_K, STORE_K.replace("layer", "0")),)),
    Mistake("mask without the history's offset", "kv_cache", "offset of the history.*TODO 3",
            (("query = self.positions(T)[:, None]", "query = torch.arange(T)[:, None]"),)),
    Mistake("mask that looks ahead", "kv_cache", "comes later.*TODO 3",
            ((MASK, "        return key <= query + 1\n"),)),
    Mistake("mask without the history", "kv_cache", "no columns for the history.*TODO 3",
            (("key = torch.arange(self.length + T, ", "key = torch.arange(T, "),)),
    Mistake("length not advanced", "kv_cache", "not advanced.*TODO 5",
            (("        self.length += T\n", "        pass\n"),)),
    Mistake("keys and values mixed up", "kv_cache", "mixed up.*TODO 4",
            ((FILLED,
              "return self.v[layer, :, :, :end], self.k[layer, :, :, :end]"),)),
    Mistake("unfilled part returned", "kv_cache", "filled part only",
            ((FILLED,
              "return self.k[layer], self.v[layer]"),)),
    Mistake("prompt fed again", "kv_cache", "(prompt is fed|whole text) again.*TODO 6",
            (("        new = sample(logits)\n        yield new\n",
              "        new = sample(logits)\n        yield new\n        new = ids\n"),)),
    Mistake("no cache at all", "kv_cache", "whole text again.*TODO 6",
            (("        logits = model.next_logits(new, cache)",
              "        logits = model.next_logits(ids)"),
             ("        yield new\n",
              "        yield new\n        ids = torch.cat([ids, new], dim=1)\n"))),
    Mistake("a cache that outlives its text", "kv_cache", "earlier prompt|new text",
            (("    new = ids\n", "    cache = _KEPT.setdefault('cache', cache)\n    new = ids\n"),
             ("class KVCache:", "_KEPT = {}\n\n\nclass KVCache:"))),
    Mistake("one id too few", "kv_cache", "asked for.*yields.*TODO 6",
            (("for _ in range(max_new_tokens):", "for _ in range(max_new_tokens - 1):"),)),
    Mistake("not written", "kv_cache", "not written yet.*TODO 3",
            ((MASK, "        raise NotImplementedError('KVCache.mask is not written yet')\n"),)),
    Mistake("an exception", "kv_cache", r"IndexError.*kv_cache\.py:\d+: return \[\]\[T\]",
            ((MASK, "        return [][T]\n"),)),
    Mistake("a syntax error", "kv_cache", r"not valid Python.*kv_cache\.py:\d+",
            (("    def mask(self, T: int) -> Tensor:", "    def mask(self, T: int) -> Tensor"),)),
    Mistake("an endless loop", "kv_cache", "With a prompt of one token.*did not finish",
            ((MASK, "        while True:\n            pass\n"),)),
    Mistake("exit", "kv_cache", r"called exit\(\)", ((MASK, "        raise SystemExit(0)\n"),)),
]  # fmt: skip


def must_name(result, mistake: Mistake) -> None:
    text = " ".join(f"{result.message} {result.hint}".split())
    assert result.status == "failed", f"{result.id} {result.status}: {text}"
    assert result.points == 0 and result.hint
    assert re.search(mistake.cause, text, re.IGNORECASE), text


@pytest.mark.parametrize("mistake", KERNEL_MISTAKES, ids=lambda mistake: mistake.name)
def test_kernel(mistake, variant, graded):
    results = graded(variant("gpt.cu", *mistake.changes), *KERNELS)
    must_name(results[mistake.check], mistake)
    others = {id: result.status for id, result in results.items() if id != mistake.check}
    assert set(others.values()) == {"passed"}, others


@pytest.mark.parametrize("mistake", CACHE_MISTAKES, ids=lambda mistake: mistake.name)
def test_cache(mistake, variant, graded):
    results = graded(variant("kv_cache.py", *mistake.changes), "gelu", "gelu", "kv_cache", "speed")
    must_name(results[mistake.check], mistake)
    assert results["gelu"].status == "passed"
    assert results["speed"].status == "skipped" and "kv_cache" in results["speed"].message


def test_a_wrong_kernel_leaves_the_cache_its_points(variant, graded):
    results = graded(variant("gpt.cu", (GELU_CHECK, "")))
    statuses = {id: result.status for id, result in results.items()}
    assert statuses == {
        "build": "passed",
        "gelu": "failed",
        "layernorm": "passed",
        "linear": "passed",
        "memory": "passed",
        "model": "skipped",
        "kv_cache": "passed",
        "traffic": "skipped",
        "decoder": "skipped",
        "speed": "passed",
    }
    memory = results["memory"]  # two thirds, and the line in gelu
    assert 0 < memory.points < memory.max_points and "gpt.cu:22" in memory.message
    assert "gelu" in results["model"].message
