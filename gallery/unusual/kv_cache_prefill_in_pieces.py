# the prompt fed in pieces of at most 16 tokens, and a loop that counts down
def generate(model, ids, max_new_tokens, sample):
    c = model.config
    cache = KVCache(c.n_layer, c.n_head, c.block_size, c.head_size, model.device, model.dtype)
    for piece in ids.split(16, dim=1):
        logits = model.next_logits(piece, cache)
    left = max_new_tokens
    while left:
        id = sample(logits)
        left -= 1
        yield id
        if left:
            logits = model.next_logits(id, cache)
