"""What bench/decode.py is made of.

contestants.py  what takes part: a rung, or a peer; one run of it
peers.py        who the peers are: huggingface.py, and CUDA graphs and torch.compile in static.py
reference.py    which ids are right
measure.py      rounds in which each runs once; the figures
report.py       the tables and docs/ladder.md
picture.py      docs/ladder.png
"""
