"""What bench/kernels.py is made of.

cases.py            the layers at GPT-2's sizes, their bytes and operations, their buffers
implementations.py  a submission's kernels, torch's, a copy
measure.py          values checked, then graphs of many calls timed in turn
report.py           the tables and docs/kernels.md
"""
