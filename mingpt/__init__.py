"""GPT-2, and all that is needed to run it with your own kernels.

model.py      GPT-2, from top to bottom
ops.py        the operations that a submission can replace, by torch
kernels.py    the same operations by a submission's gpt.cu: build, load, call
submission.py a submission's kv_cache.py, and how its exceptions are shown
weights.py    from a safetensors file to a model
tokenizer.py  text to ids and back
generate.py   prefill, then decode, with the time that each took
"""
