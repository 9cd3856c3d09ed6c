"""Measurements: decode.py, kernels.py and accuracy.py of the ladder, simt.py of simt/.

ladder.py   finds the rungs of solutions/ladder and runs them
gpu.py      the machine: its state, its bandwidth
logits.py   what accuracy.py measures; decoding/ and layers/ are the parts of the other two
tables.py   one table, for a terminal and for docs/; where results are kept
"""
