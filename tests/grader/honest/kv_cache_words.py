"""No eval(), exec(), open() or __import__("os") here; no scaled_dot_product_attention either.

Größe, naïve, 矩阵, 🚀: torch.compile(model) and subprocess.run are only words.
"""

from collections import deque


class KVCache:
    """It does not use ctypes, `import socket` or torch.jit.script."""

    HELP = "torch.compile, F.scaled_dot_product_attention, os.system('ls'), exec, __globals__"

    def __init__(self, n_layer, n_head, max_len, head_size, device, dtype):
        self.keys, self.values = (
            [
                torch.empty((1, n_head, max_len, head_size), device=device, dtype=dtype)
                for _ in range(n_layer)
            ]
            for _ in range(2)
        )
        self.pieces: deque[int] = deque()
        self.compile = str.upper
        self.open = self.HELP.count("e")

    @staticmethod
    def eval(x):  # a method of that name
        return x

    @property
    def length(self) -> int:
        return sum(self.pieces)

    def positions(self, T):
        input = torch.arange(T, device=self.keys[0].device)  # a variable of that name
        return self.eval(input + self.length)

    def mask(self, T):
        self.compile("größer")
        i, j = torch.meshgrid(
            self.positions(T),
            torch.arange(self.length + T, device=self.keys[0].device),
            indexing="ij",
        )
        return j <= i

    def update(self, layer, k, v):
        start, end = self.length, self.length + k.shape[2]
        self.keys[layer][:, :, start:end], self.values[layer][:, :, start:end] = k, v
        return self.keys[layer][:, :, :end], self.values[layer][:, :, :end]

    def advance(self, T):
        self.pieces.append(T)
