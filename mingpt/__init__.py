"""GPT-2, and all that is needed to run it with your own kernels.

model.py       GPT-2, from top to bottom
ops.py         the three operations that a submission can replace, by torch
generate.py    prefill, then decode, with the time that each took
tokenizer.py   text to ids and back
weights.py     from a safetensors file to a model; hub.py gets it from Hugging Face

build.py       a submission's gpt.cu into a library, for the CPU or a GPU
kernels.py     that library's functions in place of torch's
decoder.py     a gpt.cu that decodes by itself
submission.py  a submission's kv_cache.py, and how its exceptions are shown

nvtx.py        names on Nsight Systems' timeline
errors.py      what can go wrong and is not our fault
cuda_errors.py CUDA's errors in plain words
run.py         the command that writes text
cli.py         what run.py and test.py share
guard.py       keeps a crash of native code from ending Python without a word
"""

import os

# torch's threads on the CPU wait for each other in busy loops, unless told otherwise before torch
# is imported. At batch size 1 there is little work between two waits, and on a machine that others
# use too, that costs most of the time: 50 tokens/s against 200 (2 cores, one of them half busy).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
