"""A task of one's own: a corridor whose goal lies at one end or the other, as the context says."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from episodic.tasks import BlockSpec, Task


class Goals(NamedTuple):
    """What is special to a block of this task."""

    sides: Tensor  # [E, B]: -1 or 1, the end where the goal lies


class Walk:
    """One episode: start in the middle, step left or right, and earn 1 for every step that ends at the goal."""

    def __init__(self, side: Tensor, length: int, observation: Tensor) -> None:
        self.goal, self.length, self.observation = side * length, length, observation
        self.position = torch.zeros_like(side)

    def step(self, t: int, action: Tensor, reward: Tensor) -> None:
        self.position = (self.position + 2 * action.squeeze(1) - 1).clamp(-self.length, self.length)
        reward.copy_((self.position == self.goal).unsqueeze(1))
        self.observation[t + 1] = self.position.unsqueeze(1) / self.length

    def measures(self, actions: Tensor) -> dict[str, Tensor]:
        return {"distance": (self.goal - self.position).abs().float()}


@dataclass(frozen=True)
class Corridor(Task):
    """Contexts are announced by one-hot cues; each has its goal at one end for a whole block."""

    contexts: int = 4
    exposures: int = 5
    length: int = 1
    steps: int = 4

    actions, observation_size, measures = 2, 1, ("distance",)

    @property
    def episodes(self) -> int:
        return self.contexts * self.exposures

    @property
    def cue_size(self) -> int:
        return self.contexts

    @property
    def label_count(self) -> int:
        return self.contexts

    def draw_block(self, batch_size: int, seed: int) -> BlockSpec:
        generator = torch.Generator().manual_seed(seed)
        rounds = [torch.rand(self.contexts, batch_size, generator=generator).argsort(0) for _ in range(self.exposures)]
        labels = torch.cat(rounds)  # [E, B]: every context once before any comes back
        sides = 2 * torch.randint(2, (batch_size, self.contexts), generator=generator) - 1
        cues = torch.nn.functional.one_hot(labels, self.contexts).float()
        exposures = torch.arange(self.episodes).div(self.contexts, rounding_mode="floor") + 1
        goals = Goals(sides.gather(1, labels.T).T)
        return BlockSpec(cues, labels, exposures.unsqueeze(1).expand_as(labels), seed, goals)

    def begin(self, spec: BlockSpec, episode: int, luck: Tensor, observation: Tensor) -> Walk:
        return Walk(spec.rules.sides[episode], self.length, observation)
