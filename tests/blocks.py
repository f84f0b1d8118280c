"""Block specifications as plain dictionaries of tensors, and a task that is no bandit."""

import torch
from torch import Tensor

from episodic.tasks.blocks import BlockSpec
from episodic.tasks.task import Episode, Task


def tensors(spec: BlockSpec, *left_out: str) -> dict[str, Tensor]:
    """All tensors of a specification by name, those of its rules included."""
    fields = {**spec._asdict(), **(spec.rules._asdict() if spec.rules is not None else {})}
    return {name: value for name, value in fields.items() if isinstance(value, Tensor) and name not in left_out}


class Walk(Task):
    """A task that is no bandit and no dataclass."""

    actions, steps, episodes, cue_size, label_count = 2, 3, 4, 5, 6

    def __init__(self, level: float = 0.0) -> None:
        self.level = level

    def draw_block(self, batch_size: int, seed: int) -> BlockSpec:
        zeros = torch.zeros(self.episodes, batch_size, dtype=torch.long)
        return BlockSpec(torch.full((self.episodes, batch_size, self.cue_size), self.level), zeros, zeros + 1, seed)

    def begin(self, spec: BlockSpec, episode: int, luck: Tensor, observation: Tensor) -> Episode:
        raise NotImplementedError
