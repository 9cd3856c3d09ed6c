"""GPT-2, and all that is needed to run it with your own kernels.

model.py       GPT-2, from top to bottom
ops.py         the three operations that a submission can replace, by torch
generate.py    prefill, then decode, with the time that each took
tokenizer.py   text to ids and back
weights.py     from a safetensors file to a model; hub.py gets it from Hugging Face

build.py       a submission's gpt.cu into a library, for the CPU or a GPU
kernels.py     that library's functions in place of torch's
submission.py  a submission's kv_cache.py, and how its exceptions are shown

errors.py      what can go wrong and is not our fault
cli.py         what run.py and test.py share
guard.py       keeps a crash of native code from ending Python without a word
"""
