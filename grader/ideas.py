"""The ideas that a mistake may come from: where each is explained, and hints beyond the first.

A failed check's own hint (level 1) points at what was seen. Level 2 says what to look at or to work
out, level 3 what must hold there. None gives the code.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Idea:
    where: str = ""  # the lab and its section
    hints: tuple[str, ...] = ()  # levels 2 and 3


BUILD = "Lab 1 (gelu), “How gpt.cu is built and called”"
THREADS = "Lab 1 (gelu), “One thread, one element”"
FORMULA = "Lab 1 (gelu), “The formula”"
ERRORS = "Lab 1 (gelu), “When a kernel goes astray”"
REDUCTION = "Lab 2 (layernorm), “A sum that a block makes together”"
VARIANCE = "Lab 2 (layernorm), “Mean and variance, safely”"
BARRIERS = "Lab 2 (layernorm), “Barriers: who waits for whom”"
TILES = "Lab 3 (linear), “A tile in shared memory”"
EDGES = "Lab 3 (linear), “The edges”"
LAYOUT = "Lab 3 (linear), “Rows, columns and strides”"
COALESCED = "Lab 1 (gelu), “What a warp asks of memory”"
CACHE = "Lab 4 (KV-cache), “What is remembered”"
POSITIONS = "Lab 4 (KV-cache), “Positions and the mask, with a history”"
LOOP = "Lab 4 (KV-cache), “Prefill once, then one token a step”"
SPEED = "Lab 5 (tokens/s), “Where a step's time goes”"

IDEAS: dict[str, Idea] = {
    "build": Idea(
        BUILD,
        (
            "Read the first error only: those after it often follow from it. The line is in your"
            " own file.",
            "Make it small: comment out what you added last until it compiles, then bring it back"
            " line by line.",
        ),
    ),
    "abi": Idea(
        BUILD,
        (
            "Compare your function with its declaration in mingpt/include/gpt.h, letter by letter:"
            " the name, the order of the parameters, their types.",
            'gpt.h declares the three functions extern "C". A definition with other parameters is'
            " another function to C++, and the one that was declared is then missing.",
        ),
    ),
    "grid": Idea(
        THREADS,
        (
            "Take n = 1000 and 256 threads a block: how many blocks does your launch make, and"
            " which elements do they cover?",
            "The number of blocks is n / block rounded up. In two dimensions each is rounded up by"
            " itself, and x goes with what threadIdx.x counts.",
        ),
    ),
    "bounds": Idea(
        THREADS,
        (
            "Take n = 1000 and 256 threads a block: what does thread 231 of block 3 do, and what"
            " does the next one?",
            "Indices run from 0 to n - 1. Every thread whose index lies beyond must write nothing.",
        ),
    ),
    "gelu_formula": Idea(
        FORMULA,
        (
            "Work out gelu(1), gelu(-1) and gelu(10) by hand: 0.841192, -0.158808 and 10.",
            "GPT-2's form is the one with tanh. Write down its argument: two constants, x and x"
            " cubed. What does your function do where e^x has left float32's range (x = 100)?",
        ),
    ),
    "integer": Idea(
        THREADS,
        (
            "Which types have the operands of each division and product? In C++ 7 / 2 is 3.",
            "An int holds up to 2,147,483,647: rows * columns * 4 bytes may be more. size_t holds"
            " what memory can.",
        ),
    ),
    "launch": Idea(
        ERRORS,
        (
            "A launch returns nothing. cudaGetLastError() right after it says what became of it.",
            "A block has at most 1024 threads and 48 KB of shared memory, a grid at least one block"
            " in each direction.",
        ),
    ),
    "stream": Idea(
        BUILD,
        (
            "The last argument of your function is a stream. Where does it go?",
            "All work of a call goes to that stream, the fourth number in <<<...>>>; what runs in"
            " another may come before or after.",
        ),
    ),
    "pointers": Idea(
        ERRORS,
        (
            "Which of your pointers point to memory of the GPU, and which to the host's?",
            "A kernel reads and writes what cudaMalloc gave, or its own local and shared memory."
            " A pointer that may be NULL is asked before it is used.",
        ),
    ),
    "aliasing": Idea(
        BUILD,
        (
            "Which arrays does your kernel write to? Only out is yours to change.",
            "Intermediate values live in registers or in shared memory. The caller uses its inputs"
            " again, and may give the same array twice.",
        ),
    ),
    "state": Idea(
        BUILD,
        (
            "What in your gpt.cu outlives a call: static and global variables, kept memory?",
            "Each call must depend on its arguments alone: the next one may have other sizes, and"
            " other data at the same address.",
        ),
    ),
    "variance": Idea(
        VARIANCE,
        (
            "Work out the row (1, 2, 3, 4) by hand: mean 2.5, variance 1.25.",
            "The variance is the mean of the squared distances from the mean. eps is added to it,"
            " under the root. Distances are small where the values are large: square those.",
        ),
    ),
    "layernorm_formula": Idea(
        VARIANCE,
        (
            "Work out the row (1, 2, 3, 4) with weight 2 and bias 1: -1.683, 0.106, 1.894, 3.683.",
            "Subtract the mean, divide by the root of variance plus eps, then times weight plus"
            " bias, each of the column's own.",
        ),
    ),
    "reduction": Idea(
        REDUCTION,
        (
            "With 96 threads of value 1 the sum is 96. What does yours give with 32, with 96, with"
            " 256 threads?",
            "Within a warp the distance halves: 16, 8, 4, 2, 1. Then each warp has one sum, and all"
            " of these must be added, also where the last warp is not a full one.",
        ),
    ),
    "barrier": Idea(
        BARRIERS,
        (
            "Write down, for two threads of different warps, what each writes to shared memory and"
            " what it then reads. Who must have finished what, before whom?",
            "A barrier stands between a write and the reads of others, and again between these"
            " reads and the next write to the same place. Every thread of the block comes to it.",
        ),
    ),
    "shared": Idea(
        TILES,
        (
            "How many elements does the shared array have, and what is the largest index used?",
            "Shared memory begins with whatever was there before: each element that is read must"
            " have been written by this block first.",
        ),
    ),
    "tile_edges": Idea(
        EDGES,
        (
            "Take k = 33 and tiles of 32: what does the second tile hold, element by element?",
            "Beyond the edge of a matrix count zeros: they change no sum. This holds for both"
            " tiles, and in both directions.",
        ),
    ),
    "transpose": Idea(
        LAYOUT,
        (
            "Write weight down as (2, 3): which element is at address 4? Which one does your index"
            " read there?",
            "Row-major: element (row, col) of a matrix with C columns is at row * C + col. weight"
            " has n rows of k.",
        ),
    ),
    "bias": Idea(
        LAYOUT,
        (
            "Which outputs does bias[1] belong to, and how often is it added to each?",
            "One bias for each output column, added once, after the sum is complete; none where the"
            " pointer is NULL.",
        ),
    ),
    "linear_formula": Idea(
        LAYOUT,
        (
            "Take m = n = 1 and k = 3: in (1, 2, 3), weight (4, 5, 6), no bias: 32.",
            "out[row][col] is the sum over all k of in[row][i] * weight[col][i].",
        ),
    ),
    "coalescing": Idea(
        COALESCED,
        (
            "For the slowest line, write down the addresses that threads 0, 1, 2 and 31 of a warp"
            " touch at the same moment.",
            "Neighbours in threadIdx.x should touch neighbours in memory: 32 floats are then 4"
            " sectors of 32 bytes, and the least there is.",
        ),
    ),
    "banks": Idea(
        TILES,
        (
            "For the line that is named, write down the word that lanes 0, 1, 2 and 31 use at the"
            " same moment, and each word's bank.",
            "32 lanes are served at once where their words lie in 32 different banks, or are the"
            " same word. The length of a row decides in which banks a column lies.",
        ),
    ),
    "double": Idea(
        FORMULA,
        (
            "Which type has each constant of the formula, and what does each function that it calls"
            " take and give back?",
            "One double makes the whole product a double. Constants with f, and functions whose"
            " name ends in f, are float.",
        ),
    ),
    "reuse": Idea(
        TILES,
        (
            "How often is one element of weight read from global memory, all blocks together?",
            "What several threads of a block need is loaded once, into shared memory; what one"
            " thread needs several times stays in a register.",
        ),
    ),
    "cache_positions": Idea(
        POSITIONS,
        (
            "After 3 tokens in the cache, which positions do the next 2 have?",
            "The first new token's position is the number of tokens before it, and advance() is"
            " what makes that number grow.",
        ),
    ),
    "cache_mask": Idea(
        POSITIONS,
        (
            "Draw the mask for 2 new tokens after 3 old ones: 2 rows, 5 columns.",
            "A token sees itself and all before it, the history included: row i ends at column"
            " history + i.",
        ),
    ),
    "cache_layers": Idea(
        CACHE,
        (
            "Write down the shape of the cache and what each axis counts. Which one is the layer,"
            " which one the token?",
            "Each layer has keys and values of its own. New ones go behind the history, and what is"
            " returned is the filled part, the new ones included.",
        ),
    ),
    "cache_reset": Idea(
        CACHE,
        (
            "Call generate twice in a row. What of the first text is there when the second begins?",
            "A text begins with an empty cache that belongs to this call alone.",
        ),
    ),
    "cache_feeding": Idea(
        LOOP,
        (
            "How many tokens is the model fed in the first call, how many in each later one?",
            "The prompt once; then the id that was picked last, alone. As many ids are yielded as"
            " were asked for.",
        ),
    ),
    "cache_growth": Idea(
        LOOP,
        (
            "Which of a step's operations take longer the longer the text is?",
            "Memory for the longest text is taken once, before the first token. A step then writes"
            " the new keys and values into it, and copies nothing.",
        ),
    ),
    "python": Idea(
        CACHE,
        (
            "Start Python in the lab's folder, `import starter.kv_cache`, and call the method with"
            " small tensors.",
            "Shapes, types and devices come from the arguments: print k.shape, k.dtype, k.device.",
        ),
    ),
    "speed": Idea(
        SPEED,
        (
            "Profile before you change anything: which line, or which kernel, takes most of it?",
            "At batch size 1 a step can't be faster than reading the weights once. What does yours"
            " do besides?",
        ),
    ),
}


def find(name: str) -> Idea:
    """An empty one for a name that isn't there."""
    return IDEAS.get(name, Idea())
