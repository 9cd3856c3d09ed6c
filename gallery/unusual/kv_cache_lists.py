# a list with a tensor a layer, keys stored transposed, the length counted by tokens of layer 0
class KVCache:
    def __init__(self, n_layer, n_head, max_len, head_size, device, dtype):
        self.keys = [
            torch.empty(1, n_head, head_size, max_len, device=device, dtype=dtype)
            for _ in range(n_layer)
        ]
        self.values = [
            torch.empty(1, n_head, max_len, head_size, device=device, dtype=dtype)
            for _ in range(n_layer)
        ]
        self.seen = []

    def positions(self, T):
        past = sum(self.seen)
        return torch.tensor([past + i for i in range(T)], device=self.keys[0].device)

    def mask(self, T):
        past = sum(self.seen)
        device = self.keys[0].device
        history = torch.ones(T, past, dtype=torch.bool, device=device)
        new = torch.ones(T, T, dtype=torch.bool, device=device).tril()
        return torch.cat([history, new], dim=1)

    def update(self, layer, k, v):
        past = sum(self.seen)
        self.keys[layer].narrow(3, past, k.shape[2]).copy_(k.transpose(2, 3))
        self.values[layer].narrow(2, past, v.shape[2]).copy_(v)
        end = past + k.shape[2]
        return self.keys[layer][..., :end].transpose(2, 3), self.values[layer][:, :, :end]

    def advance(self, T):
        self.seen.append(T)
