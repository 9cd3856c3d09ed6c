# a dataclass with slots for each layer, enum, logging, a self-test below __main__
import enum
import logging
import os  # not used
from dataclasses import dataclass, field

log = logging.getLogger(__name__)


class Kind(enum.Enum):
    KEY = "key"
    VALUE = "value"


@dataclass
class Slot:
    key: torch.Tensor
    value: torch.Tensor
    names: list = field(default_factory=lambda: [kind.value for kind in Kind])


class KVCache:
    def __init__(self, n_layer, n_head, max_len, head_size, device, dtype):
        shape = (1, n_head, max_len, head_size)
        make = torch.empty
        self.slots = [
            Slot(make(shape, device=device, dtype=dtype), make(shape, device=device, dtype=dtype))
            for _ in range(n_layer)
        ]
        self.length, self.device = 0, device
        log.debug("room for %d tokens", max_len)

    def __len__(self):
        return self.length

    def __repr__(self):
        return f"{self.__class__.__name__}({len(self)})"

    def positions(self, T):
        return torch.arange(self.length, self.length + T, device=self.device)

    def mask(self, T):
        all_ = torch.ones((T, self.length + T), dtype=torch.bool, device=self.device)
        return all_.tril(diagonal=self.length)

    def update(self, layer, k, v):
        slot, end = self.slots[layer], self.length + k.shape[2]
        for name, new in zip(slot.names, (k, v)):
            getattr(slot, name)[:, :, self.length : end] = new
        return slot.key[:, :, :end], slot.value[:, :, :end]

    def advance(self, T):
        setattr(self, "length", self.length + T)


if __name__ == "__main__":
    import subprocess
    import sys

    with open("log.txt", "w") as file:
        file.write(subprocess.check_output([sys.executable, "--version"], text=True))
