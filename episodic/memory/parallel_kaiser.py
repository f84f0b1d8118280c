"""Many memories of Kaiser et al. (2017) side by side, each with one query at a time."""

import torch
from torch import Tensor

from episodic.memory.kaiser_memory import SMALLEST_NORM
from episodic.memory.neighbours import newest_nearest
from episodic.memory.recall import EMPTY


class ParallelKaiserMemories:
    """E memories, each like `KaiserMemory` with a batch of one.

    Streams of examples are evaluated in parallel with it: no stream answers with another's keys or takes its slots.

    Args:
        keys: Free slots `[E, N, K]`, zeros, of the queries' dtype and device.
        age_noise: As in `KaiserMemory`.

    >>> memories = ParallelKaiserMemories(torch.zeros(1, 4, 2))
    >>> query, label = torch.tensor([[1.0, 0.0]]), torch.tensor([7])
    >>> memories.step(query, label), memories.step(query, label)
    (tensor([-1]), tensor([7]))
    """

    def __init__(self, keys: Tensor, age_noise: float = 0.0) -> None:
        self.keys, self.age_noise = keys, age_noise
        self.values = torch.full(keys.shape[:2], EMPTY, device=keys.device)
        self.ages = torch.zeros_like(self.values)
        self._every = torch.arange(len(keys), device=keys.device)
        self._lowest_first = torch.arange(keys.shape[1], 0, -1, device=keys.device)

    def step(self, unit: Tensor, label: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Answer unit queries `[E, K]` with labels `[E]` long, -1 if nothing is stored; then learn their true labels.

        Args:
            unit: Queries of length 1.
            label: True labels `[E]` long, 0 or more.
            generator: Generator of the ages' noise; None is torch's global one.
        """
        similarity = (self.keys @ unit.unsqueeze(2)).squeeze(2)
        occupied = self.values != EMPTY
        slot = newest_nearest(similarity.masked_fill(~occupied, float("-inf")), occupied * self._lowest_first, 1)[0]
        slot = slot.squeeze(1)
        answer = self.values[self._every, slot]
        right = answer == label
        slot = torch.where(right, slot, self._oldest(generator))
        self._write(slot, torch.where(right.unsqueeze(1), self._averaged(slot, unit), unit), label)
        return answer

    def _averaged(self, slot: Tensor, unit: Tensor) -> Tensor:
        key = self.keys[self._every, slot]
        total = key + unit
        length = torch.linalg.vector_norm(total, dim=1, keepdim=True)
        return torch.where(length > SMALLEST_NORM, total / length, key)

    def _oldest(self, generator: torch.Generator | None) -> Tensor:
        """Choose the slot `[E]` to overwrite: the lowest free one, else the oldest."""
        age = self.ages.double()
        if self.age_noise > 0:
            device = age.device if generator is None else generator.device
            noise = torch.rand(age.shape, generator=generator, device=device).to(age.device)
            age = age + 2 * self.age_noise * noise
        return age.masked_fill(self.values == EMPTY, float("inf")).argmax(dim=1)  # the first among equals

    def _write(self, slot: Tensor, key: Tensor, label: Tensor) -> None:
        self.ages += 1
        self.keys[self._every, slot] = key
        self.values[self._every, slot] = label
        self.ages[self._every, slot] = 0
