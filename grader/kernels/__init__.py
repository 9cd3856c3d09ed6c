"""What the three kernel checks share: cases, exact values with error bounds, and guarded runs.

reference.py  the formulas in float64, and how far float32 may be from them
formulas/     wrong formulas that students write, to compare an output with
cases.py      the sizes and values that are tried
runs.py       one case through a worker, in buffers that show every stray access
"""
