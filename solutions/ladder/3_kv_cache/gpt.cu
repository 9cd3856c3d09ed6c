// Rung 3: the kernels of rung 2, unchanged. What is new is in kv_cache.py.
#include "../2_tiled_linear/gpt.cu"
