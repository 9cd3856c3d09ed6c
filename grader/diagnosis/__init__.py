"""From evidence to the likeliest cause: each module turns what was seen into a Failure.

    kernels.py   wrong outputs of gelu, layernorm and linear
    rules.py     what they have in common, one rule for each kind of evidence
    sizes.py     which cases fail, and what they have in common
    patterns.py  which elements are wrong, in words
    faults.py    crashes, hangs, exceptions and simt's reports
    cache.py     wrong results with kv_cache.py
    probe.py     which method of KVCache causes them

Where the evidence fits no known mistake, they say so: a wrong guess costs a student more than none.
"""
