# keys and values in one tensor, the layers last, and a mask made once for all texts
class KVCache:
    def __init__(self, n_layer, n_head, max_len, head_size, device, dtype):
        self.kv = torch.zeros(2, n_head, max_len, head_size, n_layer, device=device, dtype=dtype)
        self.all = torch.ones(max_len, max_len, dtype=torch.bool, device=device).tril()
        self.places = torch.arange(max_len, device=device)
        self.length = 0

    def positions(self, T):
        return self.places[self.length : self.length + T]

    def mask(self, T):
        return self.all[self.length : self.length + T, : self.length + T]

    def update(self, layer, k, v):
        end = self.length + k.shape[2]
        self.kv[0, :, self.length : end, :, layer] = k[0]
        self.kv[1, :, self.length : end, :, layer] = v[0]
        return tuple(self.kv[None, i, :, :end, :, layer] for i in (0, 1))

    def advance(self, T):
        self.length = self.length + T
