"""What bench/decode.py is made of.

contestants.py  what takes part: a rung, or a peer; one run of it
peers.py        Hugging Face's generate, torch.compile and CUDA graphs over a static KV-cache
reference.py    which ids are right
measure.py      rounds in which each runs once; the figures
report.py       the tables and docs/ladder.md
picture.py      docs/ladder.png
"""
