"""Which cases fail and which don't: if they differ in one property only, that is the cause."""

from grader.diagnosis.cause import Cause

# True of so many cases that only an exact match means something.
WEAK_TAGS = {"cols > 32", "m > 1", "many rows", "odd", "partial block"}
TAGS = {  # property: what it says, a hint, the idea behind it (none: it depends on the kernel)
    "null bias": (
        "Only cases without a bias fail.",
        (
            "bias may be NULL (GPT-2's lm_head has none): then nothing is added, and nothing may be"
            " read."
        ),
        "bias",
    ),
    "offset": (
        (
            "Only rows with a mean far from 0 fail: digits are lost. E[x^2] - E[x]^2 is the"
            " difference of two large, nearly equal numbers: it cancels."
        ),
        (
            "Take the variance around the mean, in a second pass, or update both step by step"
            " (Welford)."
        ),
        "variance",
    ),
    "eps": (
        "Only cases in which eps counts fail.",
        "Where does eps stand in the formula in gpt.h?",
        "variance",
    ),
    "flat": (
        "Only rows of equal values fail, where the variance is 0.",
        "What keeps the square root away from 0?",
        "variance",
    ),
    "one column": (
        "Only rows of one element fail.",
        "With one column the variance is 0 / 1, not 0 / 0.",
        "variance",
    ),
    "tiny": ("Only values near 0 fail.", "Is something rounded, or compared with a threshold?"),
    "large": (
        "Only large values fail: something overflows, or infinity is divided by infinity.",
        "exp of a large number is infinity. tanhf itself is safe for every input.",
    ),
    "k % 32": (
        "Only cases whose k is not a multiple of 32 fail: the last, partial tile along k is wrong.",
        (
            "In the last step along k, part of the tile lies past the edge. What must those"
            " elements be?"
        ),
        "tile_edges",
    ),
    "n % 32": (
        (
            "Only cases whose n is not a multiple of 32 fail: the last, partial tile of columns is"
            " wrong."
        ),
        "The last block of columns reaches past the edge of out and of weight.",
        "tile_edges",
    ),
    "m % 32": (
        "Only cases whose m is not a multiple of 32 fail: the last, partial tile of rows is wrong.",
        (
            "The last block of rows reaches past the edge of out and of in. Where a block has fewer"
            " rows of threads, is its tile of weight complete all the same?"
        ),
        "tile_edges",
    ),
    "m = 1": (
        "Only cases with m = 1 fail, as in decoding.",
        (
            "With one row most of a square block has no output of its own, but may still have tiles"
            " to load."
        ),
        "tile_edges",
    ),
    "cols > 1024": (
        "Only rows of more than 1024 columns fail.",
        "A block has at most 1024 threads: a thread needs a loop over the columns.",
        "reduction",
    ),
    "cols > 256": (
        "Only rows of more than 256 columns fail.",
        "Where a row has more columns than a block has threads, a thread needs a loop over them.",
        "reduction",
    ),
    "cols > 32": (
        "Only rows of more than 32 columns fail: more than a warp can hold.",
        "Does the sum of every warp reach the total, and does every thread get the total?",
        "reduction",
    ),
    "m > 1": (
        "Only cases with more than one row fail.",
        "How far apart are two rows in memory, in in and in out?",
        "transpose",
    ),
    "many rows": (
        "Only cases with more than one row fail.",
        "How does a block find its row, and how far apart are two rows in memory?",
        "grid",
    ),
    "odd": (
        "Only cases whose num_cols is not a multiple of 32 fail.",
        (
            "Some threads have fewer columns than others: what do they contribute? And is the"
            " number of threads in a block a multiple of 32 here, too?"
        ),
        "reduction",
    ),
    "partial block": (
        "Only cases whose number of elements is not a multiple of 32 fail.",
        "The last block has threads with no element.",
        "bounds",
    ),
}


def by_size(outcomes, bad):
    """All cases with one property fail and no other does."""
    for tag, cause in TAGS.items():
        tagged = [o for o in outcomes if tag in o.case.tags]
        if tagged and len(tagged) == len(bad) and all(tag in o.case.tags for o in bad):
            return Cause(*cause), bad[0]
    for tag, cause in TAGS.items():  # not all of them, but none without
        if tag not in WEAK_TAGS and len(bad) > 1 and all(tag in o.case.tags for o in bad):
            return Cause(*cause), bad[0]
    return None
